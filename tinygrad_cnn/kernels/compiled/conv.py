"""Convolution and its two adjoints by compiled loops, on the arrays as they lie: no windows are copied."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tinygrad_cnn.kernels.batch_innermost import from_batch_innermost
from tinygrad_cnn.kernels.compiled.batch_innermost import flat
from tinygrad_cnn.kernels.compiled.conv_loops import Plan, correlate, correlate_weight
from tinygrad_cnn.kernels.compiled.simd import NARROW
from tinygrad_cnn.kernels.compiled.thread_pool import bands, in_bands
from tinygrad_cnn.kernels.geometry import Geometry
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.typing import Array, Pair


def conv2d(x: Array, w: Array, bias: Array | None, geometry: Geometry) -> Array:
    """Return the cross-correlation of x (N, G*C, H, W) with w (G*O, C, KH, KW), plus a number for each output."""
    (outputs, channels, kh, kw), groups = w.shape, geometry.groups
    way = _way(x.shape, outputs, (kh, kw), geometry, margin=x.shape[0] < NARROW)
    kernels = w.reshape(groups, outputs // groups, channels, kh, kw).transpose(0, 3, 2, 4, 1)
    return _correlated(x, kernels, bias, way)


def conv2d_weight(g: Array, x: Array, kernel: Pair, geometry: Geometry) -> Array:
    """Return what `conv2d`'s gradient g gives for the weight."""
    outputs, (kh, kw) = g.shape[1], kernel
    way = _way(x.shape, outputs, kernel, geometry)
    image, grads = flat(x, way.left, way.columns), flat(g)

    count = bands(way.rows, way.cost)
    sums = np.zeros((count, outputs, kh, x.shape[1] // geometry.groups, kw), g.dtype)
    in_bands(correlate_weight, way.plan, (grads, image, image, sums.reshape(-1)), way.rows, count)
    return np.ascontiguousarray(sums.sum(0).transpose(0, 2, 1, 3))


def conv2d_input(g: Array, w: Array, size: Pair, geometry: Geometry) -> Array | None:
    """Return what `conv2d`'s gradient g gives for the input, of height and width ``size``, if the stride is 1.

    That is the correlation of g, with a margin, with the kernels turned around.
    """
    stride, (ph, pw), (dh, dw), groups = geometry
    if stride != (1, 1):
        return None
    outputs, channels, kh, kw = w.shape
    turned = w.reshape(groups, outputs // groups, channels, kh, kw)[..., ::-1, ::-1].transpose(0, 3, 1, 4, 2)
    margin = dh * (kh - 1) - ph, dw * (kw - 1) - pw
    way = _way(g.shape, channels * groups, (kh, kw), geometry._replace(padding=margin), size, g.shape[0] < NARROW)
    return _correlated(g, turned, None, way)


class _Way(NamedTuple):
    """How the loops go about a convolution: the output's shape in memory, the margin beside the input, the work."""

    plan: Array
    shape: tuple[int, int, int, int]
    left: int  # columns of zeros put before the input; fewer than none are columns left out
    columns: int  # of the input with its margin
    cost: int

    @property
    def rows(self) -> int:
        return self.shape[0]


@lru_cache(maxsize=256)
def _way(
    shape: tuple[int, ...],
    outputs: int,
    kernel: Pair,
    geometry: Geometry,
    size: Pair | None = None,
    margin: bool = True,
) -> _Way:
    """Plan a convolution, by default of all the output that the input allows.

    Rows above and below the input need no memory: the loops leave them out. Columns beside it need it as a margin,
    or else that each column be computed by itself, which pays once it fills a vector.
    """
    batch, channels, height, width = shape
    (sh, sw), (top, left), (dh, dw), groups = geometry
    (kh, kw), (oh, ow) = kernel, size or geometry.output_size((height, width), kernel)
    reach = (ow - 1) * sw + dw * (kw - 1) + 1
    inside = left == 0 and reach <= width
    columns, before, outside = (reach, left, 0) if margin and not inside else (width, 0, left)
    segments, length = (1, ow * batch) if sw == 1 and (margin or inside) else (ow, batch)
    line = columns * batch
    plan = Plan(
        *(groups, channels // groups, outputs // groups, kh, kw, height, columns, top, outside, sh, sw, dh, dw),
        *(batch, channels * line, line, ow * batch, segments, length),
    )
    cost = oh * outputs * ow * batch * kh * kw * channels // groups
    return _Way(np.array(plan), (oh, outputs, ow, batch), before, columns, cost)


def _correlated(x: Array, kernels: Array, bias: Array | None, way: _Way) -> Array:
    """Return the correlation with kernels (G, KH, C, KW, O)."""
    image, kernels = flat(x, way.left, way.columns), np.ascontiguousarray(kernels).reshape(-1)
    out = empty(way.shape, x.dtype)
    bias = np.zeros(way.shape[1], x.dtype) if bias is None else np.ascontiguousarray(bias)
    in_bands(correlate, way.plan, (image, kernels, bias, out.reshape(-1)), way.rows, bands(way.rows, way.cost))
    return from_batch_innermost(out)
