"""Max-pooling and its adjoint by compiled loops, for windows that lie inside the input and next to each other."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from tinygrad_cnn.kernels import memory
from tinygrad_cnn.kernels.batch_innermost import from_batch_innermost
from tinygrad_cnn.kernels.compiled.batch_innermost import flat_batch_innermost
from tinygrad_cnn.kernels.compiled.machine_code import address
from tinygrad_cnn.kernels.compiled.plans import PoolLoopPlan
from tinygrad_cnn.kernels.compiled.thread_pool import band_count, parallel_for
from tinygrad_cnn.kernels.geometry import Window
from tinygrad_cnn.kernels.thresholds import COMPILED_POOL_COST
from tinygrad_cnn.typing import Array

pool_rows = address("pool_loops", "pool_rows")
unpool_rows = address("pool_loops", "unpool_rows")


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
