"""Fuzz a reader, guided by the coverage of its code: python tests/fuzz/fuzz.py READER SECONDS [libFuzzer's options]

Needs atheris (python -m pip install atheris), which is no dependency of the tests. The readers and their promises
are in tests/support/hostile.py. An input that breaks a promise ends the run, and is kept in the current folder as
crash-....
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["tinygrad_cnn", "configparser", "gzip", "http.client", "safetensors"]):
    from tests.support.hostile import READERS, SAMPLES


def main(name: str, seconds: str, *options: str) -> None:
    def attempt(content: bytes) -> None:
        READERS[name](content)

    with TemporaryDirectory() as corpus:
        for i, sample in enumerate(SAMPLES[name]):
            Path(corpus, str(i)).write_bytes(sample)
        longest = max(4096, *(2 * len(sample) for sample in SAMPLES[name]))  # every sample must fit
        limits = [f"-max_total_time={seconds}", "-timeout=60", "-rss_limit_mb=2048", f"-max_len={longest}"]
        atheris.Setup([sys.argv[0], corpus, *limits, *options], attempt)
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
