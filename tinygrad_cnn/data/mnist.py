"""MNIST: 70,000 handwritten digits (LeCun, Cortes & Burges, 1998), and any set of digits in the same four files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.data.dataset import Dataset, as_indices
from tinygrad_cnn.data.download import MNIST_MIRRORS, MNIST_SHA256, fetch
from tinygrad_cnn.data.idx import read_idx
from tinygrad_cnn.dtypes import float32
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.ops import one_hot
from tinygrad_cnn.tape import Array
from tinygrad_cnn.tensor import Tensor

VARIABLE = "TINYGRAD_CNN_DATA"
"""The environment variable that names the folder with the data."""

_SUBFOLDERS = ("", "MNIST/raw")  # the second is where torchvision puts them


class MNIST(Dataset):
    """Handwritten digits: images (1, 28, 28), float32 in [0, 1], and labels 0 to 9.

    ``root`` is the folder with the four official files, raw or ``.gz``, in itself or in ``MNIST/raw/`` below it; if
    left out, the one that the environment variable TINYGRAD_CNN_DATA names, or the user's cache. With ``download``
    a missing file is fetched into it. ``transform`` maps a batch of images (N, 1, 28, 28), of which a single
    sample is one with N = 1. With ``one_hot`` a label is 10 numbers, 1 at the digit.

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

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: Callable[[Tensor], Tensor] | None = None,
        download: bool = False,
        one_hot: bool = False,
    ) -> None:
        self.root = default_root() if root is None else Path(root).expanduser()
        self.train = train
        self.transform = transform
        self.one_hot = one_hot
        part = "train" if train else "t10k"
        paths = [_find(self.root, f"{part}-{kind}-ubyte", download) for kind in ("images-idx3", "labels-idx1")]
        self.images, labels = map(read_idx, paths)
        _check(paths[0], self.images, paths[1], labels)
        self.labels = labels.astype(np.int64)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor | int]:
        images, labels = self.__getitems__([index])
        return images[0], labels[0] if self.one_hot else int(labels[0])

    def __getitems__(self, indices: Sequence[int] | Array) -> tuple[Tensor, Tensor]:
        """Return the batch at the indices: images (N, 1, 28, 28), labels (N,), or (N, 10) if one-hot."""
        wanted = as_indices("MNIST", indices, len(self))
        images = from_numpy(_batch(self.images, wanted))
        labels = from_numpy(self.labels[wanted])
        return (
            images if self.transform is None else self.transform(images),
            one_hot(labels, len(self.classes)).float() if self.one_hot else labels,
        )

    def __repr__(self) -> str:
        return f"MNIST({str(self.root)!r}, train={self.train}: {len(self)} digits)"


def _batch(images: Array, indices: Array) -> Array:
    """Return images scaled to [0, 1] as N C H W, lying in memory as H C W N: the convolution then need not copy.

    Of the ways measured, one division from the turned bytes into memory from the pool is the shortest, and within
    a tenth of the fastest; into fresh memory it takes up to 2.6 times as long, where that must first be mapped.
    """
    turned = images[indices].transpose(1, 2, 0)
    scaled: Array = np.divide(turned, np.float32(255), out=empty(turned.shape, float32))
    return scaled[:, None].transpose(3, 1, 0, 2)


def default_root() -> Path:
    """Return the folder that TINYGRAD_CNN_DATA names, or else ``tinygrad_cnn`` in the user's cache folder."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    if sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "tinygrad_cnn"


def _find(root: Path, name: str, download: bool) -> Path:
    """Return where the file of that name is, raw or .gz; fetch it if it is nowhere and may be."""
    for subfolder in _SUBFOLDERS:
        for path in (root / subfolder / name, root / subfolder / f"{name}.gz"):
            if path.is_file():
                return path
    packed = f"{name}.gz"
    if download:
        return fetch(packed, MNIST_SHA256[packed], MNIST_MIRRORS, root)
    places = " nor in ".join(str(root / subfolder) for subfolder in _SUBFOLDERS)
    urls = " or ".join(mirror + packed for mirror in MNIST_MIRRORS)
    raise FileNotFoundError(
        f"MNIST: {name} or {packed} is neither in {places}. Pass download=True to fetch it, or name its "
        f"folder: root=..., --data-dir, or the environment variable {VARIABLE}. By hand: {urls}"
    )


def _check(images_path: Path, images: Array, labels_path: Path, labels: Array) -> None:
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
        raise ValueError(f"{images_path}: has {images.dtype} of shape {images.shape}; wanted uint8 (N, 28, 28)")
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise ValueError(f"{labels_path}: has {labels.dtype} of shape {labels.shape}; wanted uint8 (N,)")
    if len(images) != len(labels):
        raise ValueError(
            f"{images_path} has {len(images)} images, {labels_path} {len(labels)} labels; wanted as many"
        )
    if labels.max(initial=0) > 9:
        raise ValueError(f"{labels_path}: has the label {labels.max()}; wanted 0 to 9")
