"""The rectified linear unit (ReLU) and its derivative by compiled loops, over memory as it lies."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn.kernels.batch_innermost import is_batch_innermost
from tinygrad_cnn.kernels.compiled.batch_innermost import flat_as_it_lies, flat_batch_innermost
from tinygrad_cnn.kernels.compiled.simd import NARROW, WIDE, load, maximum, store, where_equal, zeros
from tinygrad_cnn.kernels.compiled.thread_pool import band_count, compile_band, parallel_for
from tinygrad_cnn.kernels.memory import empty_like
from tinygrad_cnn.kernels.thresholds import COMPILED_RELU_COST
from tinygrad_cnn.typing import Array

NO_PLAN = np.zeros(1, np.int64)


@compile_band
def relu_band(plan, x, _, __, out, first, last, band):
    """Compute numbers first to last of the output."""
    while first + WIDE <= last:
        none = zeros(1, 1, WIDE)
        store(maximum(none, load(none, x, first, WIDE)), out, first, 0, WIDE)
        first += WIDE
    while first < last:
        some = zeros(1, 1, NARROW)
        store(maximum(some, load(some, x, first, last - first)), out, first, 0, last - first)
        first += NARROW


@compile_band
def where_nonzero_band(plan, x, mask, _, out, first, last, band):
    """Compute numbers first to last of the output."""
    while first + WIDE <= last:
        none = zeros(1, 1, WIDE)
        kept = where_equal(load(none, mask, first, WIDE), none, none, load(none, x, first, WIDE))
        store(kept, out, first, 0, WIDE)
        first += WIDE
    while first < last:
        few, count = zeros(1, 1, NARROW), last - first
        kept = where_equal(load(few, mask, first, count), few, few, load(few, x, first, count))
        store(kept, out, first, 0, count)
        first += NARROW


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
