"""The compiled loops of max-pooling."""

from __future__ import annotations

from numba import njit

from tinygrad_cnn.kernels.compiled.atomics import unpack_plan
from tinygrad_cnn.kernels.compiled.exports import BAND, INLINE, exported
from tinygrad_cnn.kernels.compiled.plans import PoolLoopPlan
from tinygrad_cnn.kernels.compiled.simd import has_nan, load, maximum, store, where_equal, zeros
from tinygrad_cnn.kernels.compiled.vectors import NARROW


@exported(BAND)
def pool_rows(plan, x, _, __, out, first, last, band):
    """Compute rows first to last of the output: the largest number of each window."""
    plan = unpack_plan(plan, PoolLoopPlan)
    line, size = plan.width * plan.batch, plan.columns * plan.batch
    for y in range(first, last):
        for channel in range(plan.channels):
            for column in range(plan.columns):
                for n in range(0, plan.batch, NARROW):
                    at = (y * plan.down * plan.channels + channel) * line + column * plan.across * plan.batch + n
                    count = plan.batch - n
                    largest = load(zeros(1, 1, NARROW), x, at, count)
                    for i in range(plan.kernel_height):
                        for j in range(plan.kernel_width):
                            place = at + i * plan.channels * line + j * plan.batch
                            largest = maximum(largest, load(largest, x, place, count))
                    store(largest, out, (y * plan.channels + channel) * size + column * plan.batch + n, 0, count)


@njit(**INLINE)
def _unpool_nan(plan, g, x, largest, out, at, window, count):
    """Write the numbers of g whose windows have a NaN, each at the last one."""
    for n in range(min(count, NARROW)):
        if largest[window + n] != largest[window + n]:
            place = at + n
            for i in range(plan.kernel_height):
                for j in range(plan.kernel_width):
                    pixel = at + n + (i * plan.channels * plan.width + j) * plan.batch
                    if x[pixel] != x[pixel]:
                        place = pixel
            out[place] = g[window + n]


@exported(BAND)
def unpool_rows(plan, g, x, largest, out, first, last, band):
    """Write rows first to last of g, each number at the first maximum of its window, zeros at its other pixels.

    In a window with a NaN, the number is written at the last NaN.
    """
    plan = unpack_plan(plan, PoolLoopPlan)
    line, size = plan.width * plan.batch, plan.columns * plan.batch
    none = zeros(1, 1, NARROW)
    for y in range(first, last):
        for channel in range(plan.channels):
            for column in range(plan.columns):
                for n in range(0, plan.batch, NARROW):
                    at = (y * plan.down * plan.channels + channel) * line + column * plan.across * plan.batch + n
                    window = (y * plan.channels + channel) * size + column * plan.batch + n
                    count = plan.batch - n
                    wanted, left = load(none, largest, window, count), load(none, g, window, count)
                    for i in range(plan.kernel_height):
                        for j in range(plan.kernel_width):
                            place = at + i * plan.channels * line + j * plan.batch
                            value = load(none, x, place, count)
                            store(where_equal(value, wanted, left, none), out, place, 0, count)
                            left = where_equal(value, wanted, none, left)
                    if has_nan(wanted):
                        _unpool_nan(plan, g, x, largest, out, at, window, count)
