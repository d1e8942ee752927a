"""The same program prints the same, run by Python with PyTorch and by ``python -m tinygrad_cnn``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

HERE = Path(__file__).parent
TOP = HERE.parents[1]
PROGRAMS = sorted(path for path in (HERE / "programs").glob("*.py") if not path.stem.startswith("_"))
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]\d+)?|\bnan\b|-?\binf\b")


def output(path: Path, folder: Path, *command: str) -> list[str]:
    """What a program prints, a line each; ``command`` comes between Python and the program.

    Names of types and of recorded operations are told in another way here, and are left out.
    """
    done = subprocess.run(
        [sys.executable, *command, str(path)],
        cwd=folder,
        env={"PYTHONPATH": str(TOP), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return re.sub(r",\s+grad_fn=<\w+>", "", done.stdout.replace("dtype=torch.", "dtype=")).splitlines()


def test_small_things_are_as_in_pytorch(tmp_path: Path) -> None:
    theirs = output(HERE / "small_things.py", tmp_path)
    ours = output(HERE / "small_things.py", tmp_path, "-m", "tinygrad_cnn")
    different = [(a, b) for a, b in zip(theirs, ours, strict=True) if a != b]
    assert different == []


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_prints_what_it_prints_with_pytorch(path: Path, tmp_path: Path) -> None:
    """Words are equal, and numbers agree: to 1e-6 in float64, to 2e-5 in float32."""
    theirs, ours = output(path, tmp_path), output(path, tmp_path, "-m", "tinygrad_cnn")
    assert [NUMBER.sub("#", line) for line in ours] == [NUMBER.sub("#", line) for line in theirs]
    a, b = (np.array([float(n) for line in lines for n in NUMBER.findall(line)]) for lines in (ours, theirs))
    double = "float64" in path.read_text(encoding="utf-8")
    np.testing.assert_allclose(a, b, rtol=1e-6 if double else 2e-5, atol=1e-12 if double else 1e-7)
    assert len(a) >= 5
    assert np.ptp(b) > 1e-3


def test_there_are_enough_programs() -> None:
    assert len(PROGRAMS) >= 30
