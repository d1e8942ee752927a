"""The rectified linear unit (ReLU) and its derivative by compiled loops, over memory as it lies."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn.kernels.batch_innermost import is_batch_innermost
from tinygrad_cnn.kernels.compiled.batch_innermost import flat_as_it_lies, flat_batch_innermost
from tinygrad_cnn.kernels.compiled.machine_code import address
from tinygrad_cnn.kernels.compiled.thread_pool import band_count, parallel_for
from tinygrad_cnn.kernels.memory import empty_like
from tinygrad_cnn.kernels.thresholds import COMPILED_RELU_COST
from tinygrad_cnn.typing import Array

relu_band = address("relu_loops", "relu_band")
where_nonzero_band = address("relu_loops", "where_nonzero_band")

NO_PLAN = np.zeros(1, np.int64)


def relu(x: Array) -> Array | None:
    """Return x where it is positive (or NaN), else 0."""
    line = flat_as_it_lies(x)
    if line is None:
        return None
    out = empty_like(x)
    parallel_for(
        relu_band,
        NO_PLAN,
        (line, line, line, out.ravel("K")),
        x.size,
        band_count(x.size, COMPILED_RELU_COST * x.size),
    )
    return out


def where_nonzero(values: Array, mask: Array) -> Array | None:
    """Return values where another array of the same shape is not 0 (or is NaN), else 0."""
    line = flat_as_it_lies(mask)
    if line is None or mask.dtype != values.dtype:
        return None
    if values.strides == mask.strides:
        numbers = values.ravel("K")
    elif mask.ndim == 4 and is_batch_innermost(mask):
        numbers = flat_batch_innermost(values)
    else:
        return None
    out = empty_like(mask)
    parallel_for(
        where_nonzero_band,
        NO_PLAN,
        (numbers, line, line, out.ravel("K")),
        mask.size,
        band_count(mask.size, COMPILED_RELU_COST * mask.size),
    )
    return out
