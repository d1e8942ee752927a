"""Arrays as flat memory, copied to the batch-innermost layout by compiled loops where they are in another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from tinygrad_cnn.kernels.batch_innermost import memory_order
from tinygrad_cnn.kernels.compiled.atomics import unpack_plan
from tinygrad_cnn.kernels.compiled.simd import NARROW, gather, load, store, transposed, zeros
from tinygrad_cnn.kernels.compiled.thread_pool import INLINE, band_count, compile_band, parallel_for
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.kernels.thresholds import (
    BATCH_INNERMOST_FROM,
    BATCH_INNERMOST_ROWS_COMPILED_FROM,
    COMPILED_COPY_COST,
)
from tinygrad_cnn.typing import Array


class CopyPlan(NamedTuple):
    """What the loop needs to know: shapes, and the input's strides in elements."""

    channels: int
    width: int
    batch: int
    to_row: int
    to_channel: int
    to_column: int
    to_sample: int
    left: int  # columns of zeros before the input; if negative, columns left out
    columns: int  # of the output


@njit(**INLINE)
def _copy_vector(x, start, out, place, column, n, plan):
    some, count = zeros(1, 1, NARROW), plan.batch - n
    at = start + column * plan.to_column + n * plan.to_sample
    if plan.left <= column < plan.left + plan.width:
        some = load(some, x, at, count) if plan.to_sample == 1 else gather(some, x, at, plan.to_sample, count)
    store(some, out, place + column * plan.batch + n, 0, count)


@compile_band
def copy_rows(plan, x, _, __, out, first, last, band):
    """Copy rows first to last of the output."""
    plan = unpack_plan(plan, CopyPlan)
    for y in range(first, last):
        for c in range(plan.channels):
            start = y * plan.to_row + c * plan.to_channel - plan.left * plan.to_column
            place = (y * plan.channels + c) * plan.columns * plan.batch
            if plan.to_sample == 1:
                for column in range(plan.columns):
                    for n in range(0, plan.batch, NARROW):
                        _copy_vector(x, start, out, place, column, n, plan)
            else:  # use all of a cache line before the next one is loaded
                for n in range(0, plan.batch, NARROW):
                    column = 0
                    while column < plan.columns:
                        inside = plan.left <= column and column + NARROW <= min(
                            plan.columns, plan.left + plan.width
                        )
                        if plan.to_column == 1 and inside:
                            at, count = start + column + n * plan.to_sample, plan.batch - n
                            square = transposed(zeros(NARROW, 1, NARROW), x, at, plan.to_sample, count, NARROW)
                            store(square, out, place + column * plan.batch + n, plan.batch, count)
                            column += NARROW
                        else:
                            _copy_vector(x, start, out, place, column, n, plan)
                            column += 1


def flat_batch_innermost(x: Array, left: int = 0, columns: int | None = None) -> Array:
    """Return an N C H W array as flat memory that holds H C W N: a view where it lies so, else a copy.

    The output is ``columns`` wide and begins with ``left`` columns of zeros, or with the input's column -left.
    """
    image = memory_order(x)
    height, channels, width, batch = image.shape
    columns = width if columns is None else columns
    by_rows = x.strides[0] == x.itemsize and x.size < BATCH_INNERMOST_ROWS_COMPILED_FROM
    if (left, columns) == (0, width) and (by_rows or x.size < BATCH_INNERMOST_FROM or image.flags.c_contiguous):
        return image.ravel()
    if any(step % x.itemsize for step in image.strides):
        image = np.ascontiguousarray(image)
    out = empty((height, channels, columns, batch), x.dtype)
    to_row, to_channel, to_column, to_sample = (step // x.itemsize for step in image.strides)
    plan = np.array(
        CopyPlan(channels, width, batch, to_row, to_channel, to_column, to_sample, left, columns), np.int64
    )
    start = image[:1, :1, :1, :1].reshape(-1)
    parallel_for(
        copy_rows,
        plan,
        (start, start, start, out.reshape(-1)),
        height,
        band_count(height, COMPILED_COPY_COST * out.size),
    )
    return out.reshape(-1)


def copy_to_batch_innermost(x: Array) -> Array:
    """Return a copy of N C H W as H C W N."""
    return flat_batch_innermost(x).reshape(memory_order(x).shape)


def flat_as_it_lies(x: Array) -> Array | None:
    """Return the numbers of an array as a view, in the order in which they lie; None if the memory has gaps."""
    line = x.ravel("K")
    return None if line.base is None else line
