"""Max-pooling and its adjoint by compiled loops, for windows that lie inside the input and next to each other."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np
from numba import njit

from tinygrad_cnn.kernels import memory
from tinygrad_cnn.kernels.batch_innermost import from_batch_innermost
from tinygrad_cnn.kernels.compiled.atomics import unpack_plan
from tinygrad_cnn.kernels.compiled.batch_innermost import flat_batch_innermost
from tinygrad_cnn.kernels.compiled.simd import NARROW, has_nan, load, maximum, store, where_equal, zeros
from tinygrad_cnn.kernels.compiled.thread_pool import INLINE, band_count, compile_band, parallel_for
from tinygrad_cnn.kernels.geometry import Window
from tinygrad_cnn.kernels.thresholds import COMPILED_POOL_COST
from tinygrad_cnn.typing import Array


class PoolLoopPlan(NamedTuple):
    """The shapes of the input, the output and a window, and the window's stride."""

    channels: int
    width: int
    batch: int
    columns: int  # of the output
    kernel_height: int
    kernel_width: int
    down: int  # the stride of windows
    across: int


@compile_band
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


@compile_band
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


class PoolPlan(NamedTuple):
    """How to run a pooling: the loops' plan, the output's shape in memory, the cost, and how windows lie."""

    loop: Array  # a `PoolLoopPlan`
    shape: tuple[int, int, int, int]  # of the output in memory
    cost: int
    overlaps: bool  # whether a pixel can be in two windows
    covers: bool  # whether each pixel is in one


@lru_cache(maxsize=256)
def pool_plan(shape: tuple[int, ...], window: Window) -> PoolPlan | None:
    """Plan a pooling; return None for padding and dilation, which the loops are not made for."""
    batch, channels, height, width = shape
    (kh, kw), (sh, sw), (oh, ow) = window.kernel, window.stride, window.output_size((height, width))
    inside = sh * (oh - 1) + kh <= height and sw * (ow - 1) + kw <= width
    if window.padding != (0, 0) or window.dilation != (1, 1) or not inside:
        return None
    covers = window.kernel == window.stride and (sh * oh, sw * ow) == (height, width)
    loop = np.array(PoolLoopPlan(channels, width, batch, ow, kh, kw, sh, sw))
    return PoolPlan(loop, (oh, channels, ow, batch), COMPILED_POOL_COST * prod(shape), window.overlaps, covers)


def max_pool2d(x: Array, window: Window) -> Array | None:
    """Return the largest value in each window."""
    plan = pool_plan(x.shape, window)
    if plan is None:
        return None
    image, out = flat_batch_innermost(x), memory.empty(plan.shape, x.dtype)
    parallel_for(
        pool_rows, plan.loop, (image, image, image, out.reshape(-1)), len(out), band_count(len(out), plan.cost)
    )
    return from_batch_innermost(out)


def max_unpool2d(g: Array, x: Array, largest: Array, window: Window) -> Array | None:
    """Return zeros of x's shape with each window's g where the window has its maximum."""
    plan = pool_plan(x.shape, window)
    if plan is None or plan.overlaps:
        return None
    batch, channels, height, width = x.shape
    out = (memory.empty if plan.covers else memory.zeros)((height, channels, width, batch), x.dtype)
    rows = plan.shape[0]
    parallel_for(
        unpool_rows,
        plan.loop,
        (flat_batch_innermost(g), flat_batch_innermost(x), flat_batch_innermost(largest), out.reshape(-1)),
        rows,
        band_count(rows, plan.cost),
    )
    return from_batch_innermost(out)
