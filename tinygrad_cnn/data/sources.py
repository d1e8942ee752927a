"""The data sets of a training run, by name."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

from tinygrad_cnn.data.images import Images
from tinygrad_cnn.data.kaggle import KaggleDigits
from tinygrad_cnn.data.mnist import MNIST, VARIABLE
from tinygrad_cnn.data.mnist_variants import KMNIST, EMNISTDigits, FashionMNIST
from tinygrad_cnn.data.synthetic import SyntheticDigits

FILES: dict[str, type[MNIST | KaggleDigits]] = {
    "mnist": MNIST,
    "fashion-mnist": FashionMNIST,
    "kmnist": KMNIST,
    "emnist-digits": EMNISTDigits,
    "kaggle": KaggleDigits,
}

NOTICE = """
***********************************************************************************
*  MNIST could not be had. This run uses SYNTHETIC digits that the package draws  *
*  itself: its figures say nothing about MNIST.                                   *
***********************************************************************************
"""


class Source(NamedTuple):
    """A training file and a test file, what they are called, and whether the package drew them itself.

    The test file of "kaggle" has no labels: its samples are images.
    """

    train: Images
    test: Images
    name: str
    synthetic: bool


def open_dataset(name: str, folder: str = "", one_hot: bool = False) -> Source:
    """Return the data set of a name, fetched if it must be; ``auto`` is MNIST, or synthetic digits without it.

    Raises OSError or ValueError if its files cannot be had, or are damaged, or if the folder that is named, here or
    by TINYGRAD_CNN_DATA, does not exist.
    """
    if name == "synthetic":
        return _synthetic(one_hot)
    if (named := folder or os.environ.get(VARIABLE)) and not Path(named).expanduser().is_dir():
        raise FileNotFoundError(
            f"{'--data-dir' if folder else VARIABLE}: there is no folder {named}; wanted the folder of the data, "
            "which may be empty, or no name, for your cache folder"
        )
    try:
        return _from_files("mnist" if name == "auto" else name, folder, one_hot)
    except (FileNotFoundError, ConnectionError) as error:
        if name != "auto":
            raise
        print(f"{error}\n{NOTICE}", file=sys.stderr)
        return _synthetic(one_hot)


def _from_files(name: str, folder: str, one_hot: bool) -> Source:
    kind = FILES[name]
    train, test = (kind(folder or None, train=part, download=True, one_hot=one_hot) for part in (True, False))
    return Source(train, test, name, False)


def _synthetic(one_hot: bool) -> Source:
    train, test = (SyntheticDigits(train=part, one_hot=one_hot) for part in (True, False))
    return Source(train, test, "synthetic digits", True)
