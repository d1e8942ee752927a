"""Max-pooling and its adjoint by compiled loops, for windows that lie inside the input and next to each other."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from tinygrad_cnn.kernels import memory
from tinygrad_cnn.kernels.batch_innermost import from_batch_innermost
from tinygrad_cnn.kernels.compiled.atomics import unpacked
from tinygrad_cnn.kernels.compiled.batch_innermost import flat
from tinygrad_cnn.kernels.compiled.simd import NARROW, larger, load, store, where_equal, zeros
from tinygrad_cnn.kernels.compiled.thread_pool import bands, in_bands, kernel
from tinygrad_cnn.kernels.geometry import Window
from tinygrad_cnn.typing import Array


class Plan(NamedTuple):
    """The shapes: of the input, of the output, of a window; and how far apart windows are."""

    channels: int
    width: int
    batch: int
    columns: int  # of the output
    kernel_height: int
    kernel_width: int
    down: int
    across: int


COST = 30
"""Multiplications that BLAS does while these loops come by a number of the input."""


@kernel
def pool(plan, x, _, __, out, first, last, band):
    """Put the largest number of each window into rows first to last of the output."""
    plan = unpacked(plan, Plan)
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
                            largest = larger(largest, load(largest, x, place, count))
                    store(largest, out, (y * plan.channels + channel) * size + column * plan.batch + n, 0, count)


@kernel
def unpool(plan, g, x, largest, out, first, last, band):
    """Put each number of rows first to last of g where its window first has its largest, and zeros elsewhere."""
    plan = unpacked(plan, Plan)
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


class _Way(NamedTuple):
    """How the loops go about a window: into which output, for how much; and whether it can be undone."""

    plan: Array
    shape: tuple[int, int, int, int]  # of the output in memory
    cost: int
    apart: bool  # no pixel is in two windows
    all_seen: bool  # each pixel is in one


@lru_cache(maxsize=256)
def _way(shape: tuple[int, ...], window: Window) -> _Way | None:
    """Return None where the loops would not do: with a margin, or a dilation."""
    batch, channels, height, width = shape
    (kh, kw), (sh, sw), (oh, ow) = window.kernel, window.stride, window.output_size((height, width))
    inside = sh * (oh - 1) + kh <= height and sw * (ow - 1) + kw <= width
    if window.padding != (0, 0) or window.dilation != (1, 1) or not inside:
        return None
    all_seen = window.kernel == window.stride and (sh * oh, sw * ow) == (height, width)
    plan = np.array(Plan(channels, width, batch, ow, kh, kw, sh, sw))
    return _Way(plan, (oh, channels, ow, batch), COST * prod(shape), not window.overlaps, all_seen)


def max_pool2d(x: Array, window: Window) -> Array | None:
    """Return the largest value in each window."""
    way = _way(x.shape, window)
    if way is None:
        return None
    image, out = flat(x), memory.empty(way.shape, x.dtype)
    in_bands(pool, way.plan, (image, image, image, out.reshape(-1)), len(out), bands(len(out), way.cost))
    return from_batch_innermost(out)


def max_unpool2d(g: Array, x: Array, largest: Array, window: Window) -> Array | None:
    """Return zeros of x's shape with each window's g where the window has its maximum, if no maximum is a NaN."""
    way = _way(x.shape, window)
    if way is None or not way.apart or np.isnan(largest.max()):
        return None
    batch, channels, height, width = x.shape
    out = (memory.empty if way.all_seen else memory.zeros)((height, channels, width, batch), x.dtype)
    rows = way.shape[0]
    in_bands(unpool, way.plan, (flat(g), flat(x), flat(largest), out.reshape(-1)), rows, bands(rows, way.cost))
    return from_batch_innermost(out)
