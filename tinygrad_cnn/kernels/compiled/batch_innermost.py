"""Arrays as flat memory: laid anew, where they must be, by compiled loops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from tinygrad_cnn.kernels.compiled.atomics import unpacked
from tinygrad_cnn.kernels.compiled.simd import NARROW, gather, load, store, turned, zeros
from tinygrad_cnn.kernels.compiled.thread_pool import INLINE, bands, in_bands, kernel
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.typing import Array

SMALLEST, LARGE = 1 << 14, 1 << 17
"""Numbers from which on it is worth to call the loop, and, where rows need only be moved, to share it."""

COST = 60
"""Multiplications that BLAS does while these loops come by a number."""


class Plan(NamedTuple):
    """The shapes, and how far apart numbers of the input are."""

    channels: int
    width: int
    batch: int
    to_row: int
    to_channel: int
    to_column: int
    to_sample: int
    left: int  # columns of zeros before the input's; fewer than none are columns left out
    columns: int  # of the output


@njit(**INLINE)
def _lay_some(x, start, out, place, column, n, plan):
    some, count = zeros(1, 1, NARROW), plan.batch - n
    at = start + column * plan.to_column + n * plan.to_sample
    if plan.left <= column < plan.left + plan.width:
        some = load(some, x, at, count) if plan.to_sample == 1 else gather(some, x, at, plan.to_sample, count)
    store(some, out, place + column * plan.batch + n, 0, count)


@kernel
def lay(plan, x, _, __, out, first, last, band):
    """Write rows first to last."""
    plan = unpacked(plan, Plan)
    for y in range(first, last):
        for c in range(plan.channels):
            start = y * plan.to_row + c * plan.to_channel - plan.left * plan.to_column
            place = (y * plan.channels + c) * plan.columns * plan.batch
            if plan.to_sample == 1:
                for column in range(plan.columns):
                    for n in range(0, plan.batch, NARROW):
                        _lay_some(x, start, out, place, column, n, plan)
            else:  # what a number's cache line holds is used before the next line
                for n in range(0, plan.batch, NARROW):
                    column = 0
                    while column < plan.columns:
                        inside = plan.left <= column and column + NARROW <= min(
                            plan.columns, plan.left + plan.width
                        )
                        if plan.to_column == 1 and inside:
                            at, count = start + column + n * plan.to_sample, plan.batch - n
                            square = turned(zeros(NARROW, 1, NARROW), x, at, plan.to_sample, count, NARROW)
                            store(square, out, place + column * plan.batch + n, plan.batch, count)
                            column += NARROW
                        else:
                            _lay_some(x, start, out, place, column, n, plan)
                            column += 1


def flat(x: Array, left: int = 0, columns: int | None = None) -> Array:
    """Return an N C H W array as flat memory that holds H C W N, its lines so many columns after so many zeros."""
    image = x.transpose(2, 1, 3, 0)
    height, channels, width, batch = image.shape
    columns = width if columns is None else columns
    by_rows = x.strides[0] == x.itemsize and x.size < LARGE  # which NumPy copies as quickly
    if (left, columns) == (0, width) and (by_rows or x.size < SMALLEST or image.flags.c_contiguous):
        return np.ascontiguousarray(image).reshape(-1)
    if any(step % x.itemsize for step in image.strides):
        image = np.ascontiguousarray(image)
    out = empty((height, channels, columns, batch), x.dtype)
    plan = np.array([channels, width, batch, *(step // x.itemsize for step in image.strides), left, columns])
    start = image[:1, :1, :1, :1].reshape(-1)
    in_bands(lay, plan, (start, start, start, out.reshape(-1)), height, bands(height, COST * out.size))
    return out.reshape(-1)


def copy_to_batch_innermost(x: Array) -> Array:
    """Copy N C H W to H C W N."""
    return flat(x).reshape(x.shape[2], x.shape[1], x.shape[3], x.shape[0])


def dense(x: Array) -> Array | None:
    """Return an array's numbers in the order in which they lie, if none lies between them."""
    line = x.ravel("K")
    return None if line.base is None else line
