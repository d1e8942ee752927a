"""Max-pooling and its adjoint by compiled loops, for windows that lie inside the input and next to each other."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit, typeof, types

from tinygrad_cnn.kernels import memory
from tinygrad_cnn.kernels.compiled.conv import flat
from tinygrad_cnn.kernels.compiled.conv_loops import CONSTANT, FLOATS, INT, OPTIONS
from tinygrad_cnn.kernels.compiled.tiles import NARROW, larger, load, store, where_equal, zeros
from tinygrad_cnn.kernels.conv import _nchw
from tinygrad_cnn.kernels.pool import Array, Window
from tinygrad_cnn.kernels.threads import in_bands


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


PLAN = typeof(Plan(*range(len(Plan._fields))))

COST = 30
"""Multiplications that BLAS does while these loops come by a number of the input."""


@njit(types.void(CONSTANT, FLOATS, INT, INT, PLAN), **OPTIONS)
def pool(x, out, first, last, plan):
    """Put the largest number of each window into rows first to last of the output."""
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


@njit(types.void(CONSTANT, CONSTANT, CONSTANT, FLOATS, INT, INT, PLAN), **OPTIONS)
def unpool(g, x, largest, out, first, last, plan):
    """Put each number of rows first to last of g where its window first has its largest, and zeros elsewhere."""
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
    """How the loops go about a window: over how many rows, into which output; and whether it can be undone."""

    plan: Plan
    rows: int
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
    return _Way(Plan(channels, width, batch, ow, kh, kw, sh, sw), oh, not window.overlaps, all_seen)


def max_pool2d(x: Array, window: Window) -> Array | None:
    """Return the largest value in each window."""
    way = _way(x.shape, window)
    if way is None:
        return None
    plan, image = way.plan, flat(x)
    out = memory.empty((way.rows, plan.channels, plan.columns, plan.batch), x.dtype)
    target = out.reshape(-1)
    in_bands(lambda first, last: pool(image, target, first, last, plan), way.rows, COST * x.size)
    return _nchw(out)


def max_unpool2d(g: Array, x: Array, largest: Array, window: Window) -> Array | None:
    """Return zeros of x's shape with each window's g where the window has its maximum, if no maximum is a NaN."""
    way = _way(x.shape, window)
    if way is None or not way.apart or np.isnan(largest.max()):
        return None
    batch, channels, height, width = x.shape
    out = (memory.empty if way.all_seen else memory.zeros)((height, channels, width, batch), x.dtype)
    inputs, target = (flat(g), flat(x), flat(largest)), out.reshape(-1)
    in_bands(lambda first, last: unpool(*inputs, target, first, last, way.plan), way.rows, COST * x.size)
    return _nchw(out)
