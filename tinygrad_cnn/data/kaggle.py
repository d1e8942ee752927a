"""The digits of Kaggle's competition "Digit Recognizer": MNIST in two CSV files, of which one has no labels."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cnn.data.images import Images, Transform
from tinygrad_cnn.data.mnist import MNIST, VARIABLE, default_root
from tinygrad_cnn.storage.reading import known_format
from tinygrad_cnn.typing import Array

MAX_BYTES = 1 << 29
"""What a file may have: Kaggle's larger one has 77 MB."""

PIXELS = [f"pixel{i}" for i in range(784)]


class KaggleDigits(Images):
    """Handwritten digits as `MNIST` has them, from Kaggle's ``train.csv`` (42,000) or ``test.csv`` (28,000).

    ``train.csv`` has the columns label, pixel0, ... pixel783; samples are (image, label). ``test.csv`` has no
    labels: a sample is an image alone, ``labels`` is empty, and a batch is a tensor of images. Both lie in
    ``root``, or in ``digit-recognizer/`` below it; the other arguments are those of `MNIST`. They are not
    downloaded: Kaggle wants an account. Raises FileNotFoundError if a file is missing, ValueError if it is not
    what it should be.

    >>> from tinygrad_cnn.data import KaggleDigits
    >>> digits = KaggleDigits("data")  # doctest: +SKIP
    >>> image, label = digits[0]  # doctest: +SKIP
    """

    classes = MNIST.classes

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
        images, labels = read_csv(_find(self.root, "train.csv" if train else "test.csv"), train)
        super().__init__(images, labels, transform, one_hot, target_transform)

    def __getitem__(self, index: Any, /) -> Any:
        image, label = super().__getitem__(index)
        return (image, label) if self.train else image

    def batch_at(self, indices: Sequence[int] | Array) -> Any:
        """Return the batch at the indices: images (N, C, H, W) and labels, or the images alone."""
        batch = super().batch_at(indices)
        return batch if self.train else batch[0]

    def _labels_at(self, indices: Array) -> Array:
        return super()._labels_at(indices) if self.train else np.zeros(len(indices), np.int64)


def submission(predictions: Sequence[int] | Array) -> str:
    """Return the text of a ``submission.csv`` for the classes that were predicted for ``test.csv``, in its order.

    >>> from tinygrad_cnn.data.kaggle import submission
    >>> print(submission([2, 0]), end="")
    ImageId,Label
    1,2
    2,0
    """
    return "ImageId,Label\n" + "".join(f"{i},{label}\n" for i, label in enumerate(predictions, 1))


def _find(root: Path, name: str) -> Path:
    folders = [root, root / "digit-recognizer"]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f"KaggleDigits: {name} is neither in {' nor in '.join(map(str, folders))}. It is not downloaded by itself: "
        "get it from https://www.kaggle.com/competitions/digit-recognizer/data . The folder that holds all data is "
        f"root=..., --data-dir, or the environment variable {VARIABLE}."
    )


def read_csv(path: Path, labelled: bool) -> tuple[Array, Array]:
    """Return the images (N, 28, 28) of a file and its labels, (N,), or (0,) if it is one without.

    Raises ValueError, naming the file, if it is not what it should be.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path}: has {path.stat().st_size:,} bytes; wanted at most {MAX_BYTES:,}")
    wanted = ["label", *PIXELS] if labelled else PIXELS
    with open(path, "rb") as file:
        first = file.readline(1 << 14)
        file.seek(-1 if first else 0, os.SEEK_END)
        last = file.read()
    if [name.strip(b' \r\n"') for name in first.split(b",")] != [name.encode() for name in wanted]:
        raise ValueError(
            f"{path}: begins with {first[:40]!r}; wanted the names of {len(wanted)} columns, {wanted[0]} to "
            f"pixel783{known_format(first)}"
        )
    if last not in b"\r\n":
        raise ValueError(f"{path}: the file is incomplete: it ends within a row; wanted the end of a line")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a file with no rows, which is refused below
            rows = np.loadtxt(path, np.uint8, comments=None, delimiter=",", skiprows=1, ndmin=2)
    except ValueError as error:
        raise ValueError(f"{path}: {error} Wanted whole numbers from 0 to 255") from None
    if rows.shape[1] != len(wanted) or not len(rows):
        raise ValueError(f"{path}: has {len(rows)} rows of {rows.shape[1]} numbers; wanted rows of {len(wanted)}")
    labels = rows[:, 0] if labelled else rows[:0, 0]
    if labels.max(initial=0) > 9:
        raise ValueError(f"{path}: has the label {labels.max()}; wanted 0 to 9")
    images = rows[:, 1:] if labelled else rows
    return images.reshape(-1, 28, 28), labels.astype(np.int64)
