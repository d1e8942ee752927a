"""IDX, the file format of MNIST: a header with the type and the dimensions, then the numbers, big-endian.

Format: two zero bytes, the type's code, the number of dimensions, each dimension as an unsigned 32-bit number
(https://yann.lecun.com/exdb/mnist). Files may come from anywhere, so every field is checked.
"""

from __future__ import annotations

import gzip
import os
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cnn.storage.atomic_files import atomic_write
from tinygrad_cnn.storage.reading import BEGINNING, Readable, known_format, read_at_most
from tinygrad_cnn.support.arrays import plain_array
from tinygrad_cnn.typing import Array

TYPES = {
    code: np.dtype(name)
    for code, name in ((8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8"))
}
CODES = {dtype.newbyteorder("="): code for code, dtype in TYPES.items()}

MAX_BYTES = 1 << 30
"""What an array may take: MNIST's largest takes 47 MB."""

MAX_DIMS = 64
"""As many dimensions as NumPy has."""

_GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: str | os.PathLike[str], dtype: Any = None, shape: tuple[int | None, ...] | None = None) -> Array:
    """Return the array in an IDX file, raw or compressed by gzip, in this machine's byte order.

    If a dtype or a shape, in which None is any length, is given, the header must promise that. No more is read than
    the header promises, and one byte; an array takes at most ``MAX_BYTES``. Raises ValueError, naming the file, if
    it is not an IDX file, not what is wanted, or not of the length that its header promises.

    >>> import tempfile, numpy as np
    >>> from tinygrad_cnn.data import read_idx, write_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_idx(f"{folder}/labels.gz", np.array([5, 0, 4], np.uint8))
    ...     read_idx(f"{folder}/labels.gz")
    array([5, 0, 4], dtype=uint8)
    """
    path = Path(path)
    with open(path, "rb") as file:
        compressed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        if not compressed:
            return _read(path, file, dtype, shape)
        try:
            with gzip.GzipFile(fileobj=file) as inside:
                return _read(path, inside, dtype, shape)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path}: the gzip file is damaged or incomplete: {error}") from error


def write_idx(path: str | os.PathLike[str], array: Array) -> None:
    """Write an array as an IDX file, compressed if its name ends in ``.gz``; the file appears whole or not at all.

    Raises ValueError for an array that IDX has no type for, or that `read_idx` would refuse.
    """
    path = Path(path)
    array = plain_array(str(path), np.asanyarray(array))
    code = CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        wanted = ", ".join(map(str, CODES))
        raise ValueError(f"{path}: IDX has no type for {array.dtype}; wanted one of {wanted}")
    _check_shape(path, array.shape, array.itemsize)
    header = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    content = header + array.astype(TYPES[code]).tobytes()
    if path.suffix == ".gz":
        content = gzip.compress(content, compresslevel=6, mtime=0)  # no time: the same array, the same file
    with atomic_write(path) as file:
        file.write(content)


def _read(path: Path, file: Readable, dtype: Any, shape: tuple[int | None, ...] | None) -> Array:
    found, lengths = _read_header(path, file)
    wanted = None if dtype is None else np.dtype(dtype)
    lengths_fit = shape is None or (len(shape) == len(lengths) and all(map(_fits, shape, lengths)))
    if not lengths_fit or (wanted is not None and wanted != found.newbyteorder("=")):
        described = " ".join(str(part).replace("None", "N") for part in (wanted, shape) if part is not None)
        raise ValueError(f"{path}: has {found.name} of shape {lengths}; wanted {described}")
    promised = prod(lengths) * found.itemsize
    content = read_at_most(file, promised + 1)
    if len(content) != promised:
        has = "more" if len(content) > promised else f"{len(content)}"
        raise ValueError(
            f"{path}: the header promises {promised} bytes for {lengths} of {found.name}; there are {has}"
        )
    array = np.frombuffer(content, found).reshape(lengths)
    if not found.isnative:  # in place: a copy would take the limit twice
        array = array.byteswap(inplace=True).view(found.newbyteorder())
    return array


def _fits(wanted: int | None, found: int) -> bool:
    return wanted is None or wanted == found


def _read_header(path: Path, file: Readable) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = read_at_most(file, 4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES:
        begins = f"begins with {magic.hex(' ')}" if magic else "is empty"
        known = ", ".join(f"{code:02x}" for code in TYPES)
        raise ValueError(
            f"{path}: not an IDX file: it {begins}; wanted 00 00, a type ({known}), the number of dimensions"
            f"{known_format(magic + read_at_most(file, BEGINNING))}"
        )
    dtype, ndim = TYPES[magic[2]], magic[3]
    dimensions = read_at_most(file, 4 * ndim)
    if len(dimensions) < 4 * ndim:
        raise ValueError(
            f"{path}: the header is incomplete: {len(dimensions)} bytes for {ndim} dimensions of 4 each"
        )
    shape = tuple(np.frombuffer(dimensions, ">u4").tolist())
    _check_shape(path, shape, dtype.itemsize)
    return dtype, shape


def _check_shape(path: Path, shape: tuple[int, ...], itemsize: int) -> None:
    if not 1 <= len(shape) <= MAX_DIMS:
        raise ValueError(f"{path}: {len(shape)} dimensions; wanted 1 to {MAX_DIMS}")
    if prod(max(n, 1) for n in shape) * itemsize > MAX_BYTES:  # 0 counts as 1: NumPy, too, refuses (0, huge)
        raise ValueError(f"{path}: dimensions {shape} of {itemsize} bytes each; wanted at most {MAX_BYTES} bytes")
