"""Arrays as flat memory, copied to the batch-innermost layout by compiled loops where they are in another."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn.kernels.batch_innermost import memory_order
from tinygrad_cnn.kernels.compiled.machine_code import address
from tinygrad_cnn.kernels.compiled.plans import CopyPlan
from tinygrad_cnn.kernels.compiled.thread_pool import band_count, parallel_for
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.kernels.thresholds import (
    BATCH_INNERMOST_FROM,
    BATCH_INNERMOST_ROWS_COMPILED_FROM,
    COMPILED_COPY_COST,
)
from tinygrad_cnn.typing import Array

copy_rows = address("copy_loops", "copy_rows")


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
