"""Convolution and its two adjoints by compiled loops: no im2col, no window is copied."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tinygrad_cnn.kernels.batch_innermost import from_batch_innermost
from tinygrad_cnn.kernels.compiled.batch_innermost import flat_batch_innermost
from tinygrad_cnn.kernels.compiled.machine_code import address
from tinygrad_cnn.kernels.compiled.plans import ConvLoopPlan
from tinygrad_cnn.kernels.compiled.thread_pool import band_count, parallel_for
from tinygrad_cnn.kernels.compiled.vectors import NARROW
from tinygrad_cnn.kernels.geometry import Geometry
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.kernels.thresholds import COMPILED_BLOCK_TERMS
from tinygrad_cnn.typing import Array, Pair

correlate = address("conv_loops", "correlate")
correlate_weight = address("conv_weight_loops", "correlate_weight")


def conv2d(x: Array, w: Array, bias: Array | None, geometry: Geometry) -> Array:
    """Return the cross-correlation of x (N, G*C, H, W) with w (G*O, C, KH, KW), plus a number for each output."""
    (outputs, channels, kh, kw), groups = w.shape, geometry.groups
    plan = conv_plan(x.shape, outputs, (kh, kw), geometry, padded=x.shape[0] < NARROW)
    kernels = w.reshape(groups, outputs // groups, channels, kh, kw).transpose(0, 3, 2, 4, 1)
    return _correlated(x, kernels, bias, plan)


def conv2d_weight(g: Array, x: Array, kernel: Pair, geometry: Geometry) -> Array:
    """Return the gradient of `conv2d`'s weight, given the gradient g of its output."""
    outputs, (kh, kw) = g.shape[1], kernel
    plan = conv_plan(x.shape, outputs, kernel, geometry)
    image, grads = flat_batch_innermost(x, plan.left, plan.columns), flat_batch_innermost(g)

    count = band_count(plan.rows, plan.cost)
    sums = np.zeros((count, outputs, kh, x.shape[1] // geometry.groups, kw), g.dtype)
    parallel_for(correlate_weight, plan.loop, (grads, image, image, sums.reshape(-1)), plan.rows, count)
    total = sums[0] if count == 1 else sums.sum(0)
    return np.ascontiguousarray(total.transpose(0, 2, 1, 3))


def conv2d_input(g: Array, w: Array, size: Pair, geometry: Geometry) -> Array | None:
    """Return the gradient of `conv2d`'s input, of height and width ``size``, if the stride is 1.

    That is the correlation of the output's gradient g, with padding, with the kernels flipped.
    """
    stride, (ph, pw), (dh, dw), groups = geometry
    if stride != (1, 1):
        return None
    outputs, channels, kh, kw = w.shape
    flipped = w.reshape(groups, outputs // groups, channels, kh, kw)[..., ::-1, ::-1].transpose(0, 3, 1, 4, 2)
    padding = dh * (kh - 1) - ph, dw * (kw - 1) - pw
    plan = conv_plan(
        g.shape, channels * groups, (kh, kw), geometry._replace(padding=padding), size, g.shape[0] < NARROW
    )
    return _correlated(g, flipped, None, plan)


class ConvPlan(NamedTuple):
    """How to run a convolution: the loops' plan, the output's shape in memory, the input's padding, the cost."""

    loop: Array  # a `ConvLoopPlan`
    shape: tuple[int, int, int, int]
    left: int  # columns of zeros put before the input; if negative, columns left out
    columns: int  # of the input with its padding
    cost: int

    @property
    def rows(self) -> int:
        return self.shape[0]


@lru_cache(maxsize=256)
def conv_plan(
    shape: tuple[int, ...],
    outputs: int,
    kernel: Pair,
    geometry: Geometry,
    size: Pair | None = None,
    padded: bool = True,
) -> ConvPlan:
    """Plan a convolution, by default of all the output that the input allows.

    Padding rows need no memory: the loops skip them. Padding columns are either copied beside the input
    (``padded``), or skipped by computing each output column on its own, which pays once a batch fills a vector.
    """
    batch, channels, height, width = shape
    (sh, sw), (top, left), (dh, dw), groups = geometry
    (kh, kw), (oh, ow) = kernel, size or geometry.output_size((height, width), kernel)
    reach = (ow - 1) * sw + dw * (kw - 1) + 1
    inside = left == 0 and reach <= width
    columns, before, outside = (reach, left, 0) if padded and not inside else (width, 0, left)
    segments, length = (1, ow * batch) if sw == 1 and (padded or inside) else (ow, batch)
    line = columns * batch
    terms = kh * kw * channels // groups
    block = terms if terms <= 2 * COMPILED_BLOCK_TERMS else max(1, COMPILED_BLOCK_TERMS // kw)
    loop = ConvLoopPlan(
        *(groups, channels // groups, outputs // groups, kh, kw, height, columns, top, outside, sh, sw, dh, dw),
        *(batch, channels * line, line, ow * batch, segments, length, block, block < terms),
    )
    cost = oh * outputs * ow * batch * terms
    return ConvPlan(np.array(loop), (oh, outputs, ow, batch), before, columns, cost)


def _correlated(x: Array, kernels: Array, bias: Array | None, plan: ConvPlan) -> Array:
    """Return the correlation with kernels (G, KH, C, KW, O)."""
    image, kernels = flat_batch_innermost(x, plan.left, plan.columns), kernels.ravel()
    out = empty(plan.shape, x.dtype)
    bias = np.zeros(plan.shape[1], x.dtype) if bias is None else np.ascontiguousarray(bias)
    parallel_for(
        correlate, plan.loop, (image, kernels, bias, out.reshape(-1)), plan.rows, band_count(plan.rows, plan.cost)
    )
    return from_batch_innermost(out)
