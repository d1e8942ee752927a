"""Large arrays from memory that is used again.

Fresh memory of more than a few pages comes from the operating system, which maps each page on first touch; at
LeNet's sizes that doubles the time of a training step. A buffer here is handed out again as soon as nothing refers
to it but the pool: an array made from it, and every view of that array, keeps it alive.

Each begins at a cache line, so that no vector that a processor loads lies in two.
"""

from __future__ import annotations

import sys
import threading
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from tinygrad_cnn.typing import Array

SMALLEST = 1 << 16
"""Bytes from which on an array comes from the pool; smaller ones cost no page faults."""

LIMIT = 1 << 28
"""Bytes that one thread's pool may hold; past it, the buffers not in use are let go."""

_PAGE = 1 << 14
_LINE = 64

Piece = tuple[Array, int]
"""A buffer and where in it to begin."""


class _Buffer(np.ndarray[Any, np.dtype[Any]]):
    """Memory of the pool."""


class _Pool(threading.local):
    """The buffers of one thread, by size. No other thread takes from them, so no lock is needed."""

    def __init__(self) -> None:
        self.buffers: dict[int, list[Piece]] = {}
        self.held = 0

    def take(self, size: int) -> Piece:
        """Return a buffer of at least so many bytes that nobody else has."""
        size = -(-size // _PAGE) * _PAGE
        of_size = self.buffers.setdefault(size, [])
        for piece in of_size:
            if sys.getrefcount(piece[0]) == 2:  # the pair's and the call's: nobody else's
                return piece
        if self.held + size > LIMIT:
            self.buffers = {size: of_size}
            of_size.clear()
            self.held = 0
        buffer = np.ndarray.__new__(_Buffer, size + _LINE, np.uint8)
        piece = buffer, -buffer.ctypes.data % _LINE
        of_size.append(piece)
        self.held += size
        return piece


_pool = _Pool()


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an uninitialised C-ordered array, from the pool if it is large."""
    size = prod(shape) * dtype.itemsize
    return np.empty(shape, dtype) if size < SMALLEST else np.ndarray(shape, dtype, *_pool.take(size))


def zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return a C-ordered array of zeros, from the pool if it is large."""
    array = empty(shape, dtype)
    array.fill(0)
    return array


def empty_like(array: Array, shape: tuple[int, ...] | None = None) -> Array:
    """Return an uninitialised array whose dimensions lie in memory in the same order as the given one's."""
    shape = array.shape if shape is None else shape
    size = prod(shape) * array.itemsize
    if size < SMALLEST:
        return np.empty_like(array, shape=shape)
    return np.ndarray(shape, array.dtype, *_pool.take(size), _strides(shape, array.strides, array.itemsize))


def has_own(array: Array) -> bool:
    """Return whether an array has its memory, without gaps, to itself: no other array shows it."""
    if array.base is None:
        return True
    others = 3 if type(array.base) is _Buffer else 2  # this array, the call and, if it is of the pool, the pool
    return bool(array.flags.forc and array.flags.writeable) and sys.getrefcount(array.base) == others


@lru_cache(maxsize=1024)
def _strides(shape: tuple[int, ...], like: tuple[int, ...], step: int) -> tuple[int, ...]:
    """Return the strides of a contiguous array whose dimensions lie in the order of the given strides."""
    strides = [0] * len(shape)
    for i in sorted(range(len(shape)), key=lambda i: -abs(like[i]))[::-1]:
        strides[i] = step
        step *= shape[i]
    return tuple(strides)
