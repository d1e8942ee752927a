"""Downloads, accepted only with the known SHA-256."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from tinygrad_cnn.storage.atomic_files import atomic_write
from tinygrad_cnn.storage.reading import known_format

MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

MNIST_SHA256 = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}

MAX_BYTES = 1 << 26
"""Bytes that a file may have: MNIST's largest has 10 MB."""

MAX_SECONDS = 1800.0
"""How long an exchange with a mirror may take: MNIST's largest file comes in that time at 6 kB/s."""


def download_mnist(folder: str | os.PathLike[str]) -> list[Path]:
    """Download those of MNIST's four files that a folder lacks, and return the paths of all four."""
    return [fetch(name, sha256, MNIST_MIRRORS, folder) for name, sha256 in MNIST_SHA256.items()]


def fetch(
    name: str,
    sha256: str,
    mirrors: Sequence[str],
    folder: str | os.PathLike[str],
    timeout: float = 30.0,
    max_bytes: int = MAX_BYTES,
    max_seconds: float = MAX_SECONDS,
) -> Path:
    """Return the path of a file in a folder, downloaded from the first mirror that serves it, if it is not there.

    ``timeout`` is for how many seconds a mirror may be silent, ``max_seconds`` how long the whole exchange with it
    may take, from the connection to the last byte, redirects included. Raises ConnectionError with what went wrong
    at each mirror, FileExistsError if another file has that name already: it is left alone; ValueError for a name
    that leads out of the folder.
    """
    if Path(name).name != name or name in ("", ".."):
        raise ValueError(f"fetch: {name!r} is not the plain name of a file")
    path = Path(folder) / name
    if path.exists():
        with open(path, "rb") as there:
            found = hashlib.file_digest(there, "sha256").hexdigest()
        if found != sha256:
            raise FileExistsError(f"{path} has the SHA-256 {found}; wanted {sha256}. Remove it to download it anew")
        return path
    from http.client import HTTPException  # importing these takes a tenth of a second

    from tinygrad_cnn.data.http import get

    failures = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{name}"
        try:
            content = get(url, timeout, max_bytes, max_seconds)
            if (found := hashlib.sha256(content).hexdigest()) != sha256:
                raise ValueError(f"the SHA-256 is {found}; wanted {sha256}{known_format(content)}")
        except (OSError, HTTPException, ValueError) as error:
            failures.append(f"  {url}: {error or type(error).__name__}")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(content)
        return path
    raise ConnectionError(
        "\n".join([f"{name}: no mirror served it:", *failures, f"Put it there by hand: {path} (SHA-256 {sha256})"])
    )
