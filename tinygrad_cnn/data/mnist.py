"""MNIST: 70,000 handwritten digits (LeCun, Cortes & Burges, 1998), and any set of digits in the same four files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tinygrad_cnn.data.download import MNIST_MIRRORS, MNIST_SHA256, fetch
from tinygrad_cnn.data.idx import read_idx
from tinygrad_cnn.data.images import Images, Transform
from tinygrad_cnn.typing import Array

VARIABLE = "TINYGRAD_CNN_DATA"
"""The environment variable that names the folder with the data."""


class MNIST(Images):
    """Handwritten digits: images (1, 28, 28), float32 in [0, 1], and labels 0 to 9.

    ``root`` is the folder with the four official files, raw or ``.gz``, in itself or in ``MNIST/raw/`` below
    it, also under the names that 7-Zip and Kaggle give them: ``train-images.idx3-ubyte``, or each in a folder
    of its own name. If left out, it is the one that the environment variable TINYGRAD_CNN_DATA names, or the
    user's cache. With ``download`` a missing file is fetched into it. ``transform``, ``target_transform`` and
    ``one_hot`` are those of `Images`.

    ``images`` (N, 28, 28) and ``labels`` (N,) are the arrays themselves, uint8 and int64. Raises FileNotFoundError
    if a file is missing, ValueError if it is not what it should be.

    >>> from tinygrad_cnn.data import MNIST
    >>> digits = MNIST("data", train=False)  # doctest: +SKIP
    >>> image, label = digits[0]  # doctest: +SKIP
    """

    classes = (
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four",
        "5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine",
    )  # fmt: skip

    mirrors: ClassVar[Sequence[str]] = MNIST_MIRRORS
    sha256: ClassVar[Mapping[str, str]] = MNIST_SHA256
    subfolders: ClassVar[tuple[str, ...]] = ("", "MNIST/raw")
    """Where below ``root`` files are looked for: downloads go into the first, torchvision's into the second."""

    parts: ClassVar[tuple[str, str]] = ("train", "t10k")
    """How the names of the files begin: of the training set, of the test set."""

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Callable[[int], Any] | None = None,
        download: bool = False,
        one_hot: bool = False,
    ) -> None:
        self.root = default_root() if root is None else Path(root).expanduser()
        self.train = train
        part = self.parts[0 if train else 1]
        paths = [self._find(f"{part}-{kind}-ubyte", download) for kind in ("images-idx3", "labels-idx1")]
        images, labels = read_idx(paths[0], np.uint8, (None, 28, 28)), read_idx(paths[1], np.uint8, (None,))
        _check(paths[0], images, paths[1], labels)
        super().__init__(images, labels, transform, one_hot, target_transform)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root)!r}, train={self.train}: {len(self)} images)"

    def _find(self, name: str, download: bool) -> Path:
        """Return where the file of that name is, raw or .gz; fetch it if it is nowhere and may be."""
        folders = [self.root / subfolder for subfolder in self.subfolders]
        dotted = name.replace("-idx", ".idx")  # the name inside the official archives, which 7-Zip unpacks to
        for folder in folders:
            for file in (name, f"{name}.gz", dotted, f"{dotted}.gz", f"{name}/{name}", f"{dotted}/{dotted}"):
                if (folder / file).is_file():
                    return folder / file
        packed = f"{name}.gz"
        if download and packed in self.sha256:
            return fetch(packed, self.sha256[packed], self.mirrors, folders[0])
        raise FileNotFoundError(
            f"{type(self).__name__}: {name} or {packed} is neither in {' nor in '.join(map(str, folders))}. "
            f"{self._ways_to_get(packed)} The folder that holds all data is root=..., --data-dir, or the "
            f"environment variable {VARIABLE}."
        )

    def _ways_to_get(self, packed: str) -> str:
        urls = " or ".join(mirror + packed for mirror in self.mirrors)
        return f"Pass download=True to fetch it. By hand: {urls} ."


def default_root() -> Path:
    """Return the folder that TINYGRAD_CNN_DATA names, or else ``tinygrad_cnn`` in the user's cache folder."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    if sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "tinygrad_cnn"


def _check(images_path: Path, images: Array, labels_path: Path, labels: Array) -> None:
    if len(images) != len(labels):
        raise ValueError(
            f"{images_path} has {len(images)} images, {labels_path} {len(labels)} labels; wanted as many"
        )
    if labels.max(initial=0) > 9:
        raise ValueError(f"{labels_path}: has the label {labels.max()}; wanted 0 to 9")
