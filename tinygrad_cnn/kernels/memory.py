"""A memory pool for large arrays, by reference counting.

Fresh memory of more than a few pages comes from the operating system, which maps each page on first touch; at
LeNet's sizes that doubles the time of a training step. The pool hands a buffer out again as soon as nothing but the
pool refers to it: an array made from it, and every view of that array, holds a reference.

Each buffer begins at a cache line, so that no vector that a processor loads lies in two.
"""

from __future__ import annotations

import sys
import threading
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from tinygrad_cnn.kernels.thresholds import MEMORY_POOL_BYTES, POOLED_FROM_BYTES
from tinygrad_cnn.typing import Array

_PAGE = 1 << 14
_LINE = 64

Placed = tuple[Array, int]
"""A buffer, and the offset of its first cache line."""


class _Buffer(np.ndarray[Any, np.dtype[Any]]):
    """A buffer of the pool, told by its type from other arrays' memory."""


class _MemoryPool(threading.local):
    """The buffers of one thread, by size. No other thread takes from them, so no lock is needed."""

    def __init__(self) -> None:
        self.buffers: dict[int, list[Placed]] = {}
        self.held = 0

    def take(self, size: int) -> Placed:
        """Return a buffer of at least so many bytes to which nothing else refers."""
        size = -(-size // _PAGE) * _PAGE
        of_size = self.buffers.setdefault(size, [])
        for placed in of_size:
            if sys.getrefcount(placed[0]) == 2:  # those of the tuple and of the call itself
                return placed
        if self.held + size > MEMORY_POOL_BYTES:
            self.buffers = {size: of_size}
            of_size.clear()
            self.held = 0
        buffer = np.ndarray.__new__(_Buffer, size + _LINE, np.uint8)
        placed = buffer, -buffer.ctypes.data % _LINE
        of_size.append(placed)
        self.held += size
        return placed


_pool = _MemoryPool()


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an uninitialised C-ordered array, from the pool if it is large."""
    size = prod(shape) * dtype.itemsize
    return np.empty(shape, dtype) if size < POOLED_FROM_BYTES else np.ndarray(shape, dtype, *_pool.take(size))


def zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return a C-ordered array of zeros, from the pool if it is large."""
    array = empty(shape, dtype)
    array.fill(0)
    return array


def empty_like(array: Array, shape: tuple[int, ...] | None = None) -> Array:
    """Return an uninitialised array whose dimensions are in the same order in memory as the given array's."""
    shape = array.shape if shape is None else shape
    size = prod(shape) * array.itemsize
    if size < POOLED_FROM_BYTES:
        return np.empty_like(array, shape=shape)
    return np.ndarray(shape, array.dtype, *_pool.take(size), _strides(shape, array.strides, array.itemsize))


def has_own(array: Array) -> bool:
    """Return whether the memory of an array belongs to it alone, as a whole: no other array is a view of it.

    A view has its memory to itself if it is writable, without gaps, and the only reference to an array of NumPy's:
    of memory that is not NumPy's (a file's, another library's), others may hold views that cannot be counted.
    """
    if array.base is None:
        return True
    if not _is_numpys(array.base):
        return False
    references = 3 if type(array.base) is _Buffer else 2  # the array's, the call's and, of a buffer, the pool's
    return bool(array.flags.forc and array.flags.writeable) and sys.getrefcount(array.base) == references


def _is_numpys(owner: Any) -> bool:
    """Return whether memory was allocated by NumPy, so that all views of it are arrays, whose references count."""
    while isinstance(owner, np.ndarray) and owner.base is not None:
        owner = owner.base
    return isinstance(owner, np.ndarray)


def is_exclusive(holder: Any, key: Any) -> bool:
    """Return whether only ``holder[key]`` refers to an array, and the array has its memory to itself.

    The count of an array that only a container refers to differs between versions of Python, so it is measured
    once.
    """
    return isinstance(holder[key], np.ndarray) and sys.getrefcount(holder[key]) == _ALONE and has_own(holder[key])


def _count_alone() -> int:
    holder = {0: np.empty(1)}
    return sys.getrefcount(holder[0])


_ALONE = _count_alone()


@lru_cache(maxsize=1024)
def _strides(shape: tuple[int, ...], like: tuple[int, ...], step: int) -> tuple[int, ...]:
    """Return the strides of a contiguous array whose dimensions lie in the order of the given strides."""
    strides = [0] * len(shape)
    for i in sorted(range(len(shape)), key=lambda i: -abs(like[i]))[::-1]:
        strides[i] = step
        step *= shape[i]
    return tuple(strides)
