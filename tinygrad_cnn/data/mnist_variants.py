"""Data sets in MNIST's format: images of the same size, in ten classes, in files of the same kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tinygrad_cnn.data.images import Transform
from tinygrad_cnn.data.mnist import MNIST


class FashionMNIST(MNIST):
    """70,000 articles of clothing in 10 classes (Xiao, Rasul & Vollgraf, "Fashion-MNIST", 2017).

    As `MNIST`, but the files, whose names are the same, lie in ``FashionMNIST/`` or ``FashionMNIST/raw/`` below
    the root.
    """

    classes = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    mirrors = (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    )
    sha256: ClassVar[Mapping[str, str]] = {
        "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    }
    subfolders = ("FashionMNIST", "FashionMNIST/raw")


class KMNIST(MNIST):
    """70,000 characters of cursive Japanese in 10 classes (Clanuwat et al., "Deep Learning for Classical Japanese
    Literature", 2018).

    As `MNIST`, but the files, whose names are the same, lie in ``KMNIST/`` or ``KMNIST/raw/`` below the root.
    """

    classes = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    mirrors = (
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    )
    sha256: ClassVar[Mapping[str, str]] = {
        "train-images-idx3-ubyte.gz": "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        "train-labels-idx1-ubyte.gz": "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        "t10k-images-idx3-ubyte.gz": "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        "t10k-labels-idx1-ubyte.gz": "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    }
    subfolders = ("KMNIST", "KMNIST/raw")


class EMNISTDigits(MNIST):
    """280,000 more handwritten digits: the "digits" of EMNIST (Cohen, Afshar, Tapson & van Schaik, 2017).

    As `MNIST`, but the files ``emnist-digits-...`` lie in ``EMNIST/``, or there in ``gzip/``, where the official
    archive unpacks them, or in ``raw/``. They are not downloaded: the one archive of all of EMNIST has 562 MB. The
    files hold each image with rows and columns exchanged; here they are as one reads them.
    """

    mirrors = ()
    sha256: ClassVar[Mapping[str, str]] = {}
    subfolders = ("EMNIST", "EMNIST/gzip", "EMNIST/raw")
    parts = ("emnist-digits-train", "emnist-digits-test")

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Callable[[int], Any] | None = None,
        download: bool = False,
        one_hot: bool = False,
    ) -> None:
        super().__init__(root, train, transform, target_transform, download, one_hot)
        self.images = self.images.swapaxes(1, 2).copy()

    def _ways_to_get(self, packed: str) -> str:
        return (
            f"It is not downloaded by itself: unpack https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip (562 MB, "
            f"SHA-256 fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e) in {self.root / 'EMNIST'}."
        )
