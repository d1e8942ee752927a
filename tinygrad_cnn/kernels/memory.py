"""A memory pool for large arrays, by reference counting.

Fresh memory of more than a few pages comes from the operating system, which maps each page on first touch; at
LeNet's sizes that doubles the time of a training step. The pool hands a buffer out again as soon as nothing but the
pool refers to it: an array made from it, and every view of that array, holds a reference.

Each buffer begins at a cache line, so that no vector that a processor loads lies in two.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from tinygrad_cnn.kernels.thresholds import MEMORY_POOL_BYTES, POOLED_FROM_BYTES, POOLED_UP_TO_BYTES
from tinygrad_cnn.typing import Array, Shape

_PAGE = 1 << 14
_LINE = 64

Placed = tuple[Array, int]
"""A buffer, and the offset of its first cache line."""


class _Buffer(np.ndarray[Any, np.dtype[Any]]):
    """A buffer of the pool, told by its type from other arrays' memory."""


class _MemoryPool:
    """The buffers of all threads, by size.

    Each buffer lies in a cell of its own. A thread that tries a buffer takes it out of its cell first, and puts it
    back once it has made an array from it. Both are single calls of C. So neither another thread nor a signal
    handler, profiler or finaliser that computes in between can get the same buffer, and no lock is needed, which
    one thread could meet twice or a fork could copy.
    """

    def __init__(self) -> None:
        self.cells: dict[int, list[list[Placed]]] = {}

    def array(self, size: int, shape: Shape, dtype: np.dtype[Any], strides: Shape | None = None) -> Array:
        """Return an uninitialised array in a buffer of at least ``size`` bytes to which nothing else refers."""
        size = -(-size // _PAGE) * _PAGE
        cells = self.cells.get(size) or self.cells.setdefault(size, [])
        for cell in cells:
            try:
                placed = cell.pop()
            except IndexError:  # someone is trying this buffer
                continue
            if sys.getrefcount(placed[0]) == 2:  # those of the tuple and of the call itself
                array: Array = np.ndarray(shape, dtype, *placed, strides)
                cell.append(placed)
                return array
            cell.append(placed)
        placed = _new_buffer(size)
        array = np.ndarray(shape, dtype, *placed, strides)
        if self.held() + size > MEMORY_POOL_BYTES:
            self.cells = {size: (cells := [])}
        cells.append([placed])
        return array

    def held(self) -> int:
        """Return how many bytes the pool holds."""
        return sum(size * len(cells) for size, cells in tuple(self.cells.items()))


def _new_buffer(size: int) -> Placed:
    buffer = np.ndarray.__new__(_Buffer, size + _LINE, np.uint8)
    return buffer, -buffer.ctypes.data % _LINE


_pool = _MemoryPool()


def empty(shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Return an uninitialised C-ordered array, from the pool if it is large."""
    size = prod(shape) * dtype.itemsize
    if POOLED_FROM_BYTES <= size <= POOLED_UP_TO_BYTES:
        return _pool.array(size, shape, dtype)
    return np.empty(shape, dtype)


def zeros(shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Return a C-ordered array of zeros, from the pool if it is large."""
    array = empty(shape, dtype)
    array.fill(0)
    return array


def empty_like(array: Array, shape: Shape | None = None) -> Array:
    """Return an uninitialised array whose dimensions are in the same order in memory as the given array's."""
    shape = array.shape if shape is None else shape
    size = prod(shape) * array.itemsize
    if POOLED_FROM_BYTES <= size <= POOLED_UP_TO_BYTES:
        return _pool.array(size, shape, array.dtype, _strides(shape, array.strides, array.itemsize))
    return np.empty_like(array, shape=shape)


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
def _strides(shape: Shape, like: Shape, step: int) -> Shape:
    """Return the strides of a contiguous array whose dimensions lie in the order of the given strides."""
    strides = [0] * len(shape)
    for i in sorted(range(len(shape)), key=lambda i: -abs(like[i]))[::-1]:
        strides[i] = step
        step *= shape[i]
    return tuple(strides)
