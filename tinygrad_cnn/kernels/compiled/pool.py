"""Max-pooling and its adjoint by compiled loops, for windows that lie inside the input and next to each other."""

from __future__ import annotations

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


def _plan(x: Array, window: Window) -> tuple[tuple[int, int], Plan] | None:
    """Return the output's height and width and how to move, or None where the loops would not do."""
    size = window.output_size(x.shape[2:])
    reach = (s * (n - 1) + k for s, n, k in zip(window.stride, size, window.kernel, strict=True))
    if (
        window.padding != (0, 0)
        or window.dilation != (1, 1)
        or any(r > n for r, n in zip(reach, x.shape[2:], strict=True))
    ):
        return None
    batch, channels, _, width = x.shape
    return size, Plan(channels, width, batch, size[1], *window.kernel, *window.stride)


def max_pool2d(x: Array, window: Window) -> Array | None:
    """Return the largest value in each window."""
    planned = _plan(x, window)
    if planned is None:
        return None
    (oh, ow), plan = planned
    image = flat(x)
    out = memory.empty((oh, plan.channels, ow, plan.batch), x.dtype)
    in_bands(lambda first, last: pool(image, out.reshape(-1), first, last, plan), oh, x.size)
    return _nchw(out)


def max_unpool2d(g: Array, x: Array, largest: Array, window: Window) -> Array | None:
    """Return zeros of x's shape with each window's g where the window has its maximum."""
    planned = _plan(x, window)
    if planned is None or window.overlaps or np.isnan(largest.max(initial=0)):
        return None
    (oh, ow), plan = planned
    covered = oh * window.stride[0], ow * window.stride[1]
    tight = window.kernel == window.stride and covered == x.shape[2:]
    out = (memory.empty if tight else memory.zeros)((x.shape[2], x.shape[1], x.shape[3], x.shape[0]), x.dtype)
    inputs = [flat(a) for a in (g, x, largest)]
    in_bands(lambda first, last: unpool(*inputs, out.reshape(-1), first, last, plan), oh, x.size)
    return _nchw(out)
