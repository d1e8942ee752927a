"""What is positive, and its derivative, by compiled loops over memory as it lies."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn.kernels.compiled.batch_innermost import dense, flat
from tinygrad_cnn.kernels.compiled.simd import NARROW, WIDE, larger, load, store, where_equal, zeros
from tinygrad_cnn.kernels.compiled.thread_pool import bands, in_bands, kernel
from tinygrad_cnn.kernels.memory import empty_like
from tinygrad_cnn.typing import Array

COST = 12
"""Multiplications that BLAS does while these loops come by a number."""

NO_PLAN = np.zeros(1, np.int64)


@kernel
def rectify(plan, x, _, __, out, first, last, band):
    """Write the numbers first to last that are positive, zeros for the others."""
    while first + WIDE <= last:
        none = zeros(1, 1, WIDE)
        store(larger(none, load(none, x, first, WIDE)), out, first, 0, WIDE)
        first += WIDE
    while first < last:
        some = zeros(1, 1, NARROW)
        store(larger(some, load(some, x, first, last - first)), out, first, 0, last - first)
        first += NARROW


@kernel
def keep(plan, x, mask, _, out, first, last, band):
    """Write the numbers first to last where the mask is not 0, zeros elsewhere."""
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
    line = dense(x)
    if line is None:
        return None
    out = empty_like(x)
    in_bands(rectify, NO_PLAN, (line, line, line, out.ravel("K")), x.size, bands(x.size, COST * x.size))
    return out


def where_nonzero(values: Array, mask: Array) -> Array | None:
    """Return values where another array of the same shape is not 0 (or is NaN), else 0."""
    line = dense(mask)
    if line is None or mask.dtype != values.dtype:
        return None
    if values.strides == mask.strides:
        numbers = values.ravel("K")
    elif mask.ndim == 4 and mask.transpose(2, 1, 3, 0).flags.c_contiguous:
        numbers = flat(values)
    else:
        return None
    out = empty_like(mask)
    in_bands(keep, NO_PLAN, (numbers, line, line, out.ravel("K")), mask.size, bands(mask.size, COST * mask.size))
    return out
