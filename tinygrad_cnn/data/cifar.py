"""CIFAR-10 and CIFAR-100: 60,000 small colour pictures each (Krizhevsky, "Learning multiple layers of features from
tiny images", 2009)."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tinygrad_cnn.data.download import fetch
from tinygrad_cnn.data.images import Images, Transform
from tinygrad_cnn.data.mnist import default_root
from tinygrad_cnn.typing import Array

MAX_BYTES = 1 << 28
"""Bytes that an archive, or a file in it, may have: the largest has 186 MB."""


class CIFAR10(Images):
    """60,000 pictures (3, 32, 32) in 10 classes, 50,000 to train.

    ``root`` is the folder with ``cifar-10-python.tar.gz``, or with the folder that it unpacks to. With ``download``
    the archive is fetched. ``data`` is the array (N, 32, 32, 3) of bytes, ``targets`` the list of labels.
    ``transform``, ``target_transform`` and ``one_hot`` are those of `Images`. The files are pickles, of which only
    dicts of lists, strings, numbers and NumPy's arrays are read: nothing in them is run.
    """

    folder: ClassVar[str] = "cifar-10-batches-py"
    archive: ClassVar[str] = "cifar-10-python.tar.gz"
    sha256: ClassVar[str] = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
    mirrors: ClassVar[Sequence[str]] = ("https://www.cs.toronto.edu/~kriz/",)
    parts: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]] = (
        tuple(f"data_batch_{i}" for i in range(1, 6)),
        ("test_batch",),
    )
    meta: ClassVar[tuple[str, str]] = ("batches.meta", "label_names")
    key: ClassVar[str] = "labels"

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
        contents = self._contents([*self.parts[0 if train else 1], self.meta[0]], download)
        batches = [_pickled(contents[name], name) for name in self.parts[0 if train else 1]]
        images = np.concatenate([np.asarray(batch["data"], np.uint8) for batch in batches])
        labels = [int(label) for batch in batches for label in batch[self.key]]
        self.classes = list(_pickled(contents[self.meta[0]], self.meta[0])[self.meta[1]])
        if images.ndim != 2 or images.shape[1] != 3072 or len(images) != len(labels):
            raise ValueError(f"{type(self).__name__}: the files have images {images.shape}, {len(labels)} labels")
        pictures = np.ascontiguousarray(images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        super().__init__(pictures, np.array(labels), transform, one_hot, target_transform)

    @property
    def data(self) -> Array:
        """All pictures as bytes, an array (N, 32, 32, 3)."""
        return self.images

    @data.setter
    def data(self, value: Any) -> None:
        self.images = np.asarray(value)

    @property
    def labels(self) -> Array:
        """All labels, an array (N,)."""
        return np.array(self.targets)

    @labels.setter
    def labels(self, value: Any) -> None:
        self._targets_list = [int(label) for label in value]

    @property
    def targets(self) -> list[int]:
        """All labels, a list."""
        return self._targets_list

    @targets.setter
    def targets(self, value: Any) -> None:
        self._targets_list = [int(label) for label in value]

    def _labels_at(self, indices: Array) -> Array:
        return np.array([self._targets_list[i] for i in indices.tolist()], np.int64)

    def _contents(self, names: list[str], download: bool) -> dict[str, bytes]:
        """Return the contents of files by name, from the unpacked folder or from the archive."""
        folder, archive = self.root / self.folder, self.root / self.archive
        if all((folder / name).is_file() for name in names):
            return {name: (folder / name).read_bytes() for name in names}
        if download and not archive.exists():
            fetch(self.archive, self.sha256, self.mirrors, self.root, max_bytes=MAX_BYTES)
        if not archive.is_file():
            raise FileNotFoundError(
                f"{type(self).__name__}: neither {folder} nor {archive} is there. Pass download=True to fetch it. "
                f"By hand: {self.mirrors[0]}{self.archive}"
            )
        with tarfile.open(archive) as packed:
            return {name: _member(packed, f"{self.folder}/{name}") for name in names}


class CIFAR100(CIFAR10):
    """60,000 pictures (3, 32, 32) in 100 classes, 50,000 to train. As `CIFAR10`, of ``cifar-100-python.tar.gz``."""

    folder = "cifar-100-python"
    archive = "cifar-100-python.tar.gz"
    sha256 = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"
    parts = (("train",), ("test",))
    meta = ("meta", "fine_label_names")
    key = "fine_labels"


def _member(packed: tarfile.TarFile, name: str) -> bytes:
    try:
        member = packed.getmember(name)
    except KeyError:
        raise ValueError(f"{packed.name!r} has no {name}") from None
    file = packed.extractfile(member) if member.size <= MAX_BYTES else None
    if file is None:
        raise ValueError(f"{packed.name!r}: {name} is no file, or too large")
    return file.read()


class _DataOnly(pickle.Unpickler):
    """Reads numbers, strings, lists, dicts and NumPy's arrays; any other class is refused."""

    allowed: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): lambda text, encoding: text.encode("latin1"),  # bytes, as Python 3 writes protocol 2
        **{
            (f"numpy.{core}.multiarray", "_reconstruct"): np.ndarray.__reduce__(np.empty(0))[0]
            for core in ("core", "_core")
        },
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(f"{module}.{name} is no data")
        return self.allowed[module, name]


def _pickled(content: bytes, name: str) -> dict[str, Any]:
    try:
        found = _DataOnly(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # a damaged pickle may raise anything
        raise ValueError(f"{name} is no file of CIFAR: {error or type(error).__name__}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{name} is no file of CIFAR: it holds a {type(found).__name__}")
    return found
