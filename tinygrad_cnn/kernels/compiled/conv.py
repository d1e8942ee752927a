"""Convolution and its two adjoints by compiled loops, on the arrays as they lie: no windows are copied."""

from __future__ import annotations

from math import prod

import numpy as np

from tinygrad_cnn.kernels.compiled.conv_loops import Plan, correlate, correlate_weight
from tinygrad_cnn.kernels.conv import Array, Geometry, Pair, _nchw
from tinygrad_cnn.kernels.memory import empty, zeros
from tinygrad_cnn.kernels.threads import in_bands


def flat(x: Array) -> Array:
    """Return an N C H W array as flat memory that holds H C W N."""
    return np.ascontiguousarray(x.transpose(2, 1, 3, 0)).reshape(-1)


def conv2d(x: Array, w: Array, bias: Array | None, geometry: Geometry) -> Array:
    """Return the cross-correlation of x (N, G*C, H, W) with w (G*O, C, KH, KW), plus a number for each output."""
    kernels = w.reshape(geometry.groups, -1, *w.shape[1:]).transpose(0, 3, 2, 4, 1)
    size = geometry.output_size(x.shape[2:], w.shape[2:])
    return _correlated(x, kernels, bias, size, geometry.padding, geometry)


def conv2d_weight(g: Array, x: Array, kernel: Pair, geometry: Geometry) -> Array:
    """Return what `conv2d`'s gradient g gives for the weight."""
    outputs, oh, ow = g.shape[1:]
    shape = (outputs, kernel[0], x.shape[1] // geometry.groups, kernel[1])
    image, plan = _planned(x, outputs, kernel, (oh, ow), geometry.padding, geometry)
    grads = flat(g)

    def band(start: int, stop: int) -> Array:
        out = np.zeros(shape, g.dtype)
        correlate_weight(grads, image, out.reshape(-1), start, stop, plan)
        return out

    first, *others = in_bands(band, oh, g.size * prod(shape[1:]))
    for other in others:
        first += other
    return np.ascontiguousarray(first.transpose(0, 2, 1, 3))


def conv2d_input(g: Array, w: Array, size: Pair, geometry: Geometry) -> Array | None:
    """Return what `conv2d`'s gradient g gives for the input, of height and width ``size``, if the stride is 1.

    That is the correlation of g, with a margin, with the kernels turned around.
    """
    stride, (ph, pw), (dh, dw), groups = geometry
    if stride != (1, 1):
        return None
    kernels = w.reshape(groups, -1, *w.shape[1:])[..., ::-1, ::-1].transpose(0, 3, 1, 4, 2)
    margin = dh * (w.shape[2] - 1) - ph, dw * (w.shape[3] - 1) - pw
    return _correlated(g, kernels, None, size, margin, geometry)


def _correlated(
    x: Array, kernels: Array, bias: Array | None, size: Pair, margin: Pair, geometry: Geometry
) -> Array:
    """Return the output of the given size of a correlation with kernels (G, KH, C, KW, O)."""
    groups, rows, channels, columns, outputs = kernels.shape
    image, plan = _planned(x, groups * outputs, (rows, columns), size, margin, geometry)
    bias = np.zeros(groups * outputs, x.dtype) if bias is None else np.ascontiguousarray(bias)
    kernels = np.ascontiguousarray(kernels).reshape(-1)
    out = empty((size[0], groups * outputs, size[1], x.shape[0]), x.dtype)
    flat_out = out.reshape(-1)
    in_bands(
        lambda start, stop: correlate(image, kernels, bias, flat_out, start, stop, plan),
        size[0],
        out.size * rows * channels * columns,
    )
    return _nchw(out)


def _planned(
    x: Array, outputs: int, kernel: Pair, size: Pair, margin: Pair, geometry: Geometry
) -> tuple[Array, Plan]:
    """Return the input in flat memory, with its margin on the left and right, and how to move through it.

    Rows above and below the input need no memory: the loops leave them out.
    """
    (sh, sw), _, (dh, dw), groups = geometry
    (rows, columns), ow, (top, left) = kernel, size[1], margin
    batch, channels, height, width = x.shape
    image = x.transpose(2, 1, 3, 0)
    reach = (ow - 1) * sw + dw * (columns - 1) + 1
    if left or reach > width:
        inner = image[:, :, max(-left, 0) : reach - left]
        image = zeros((height, channels, reach, batch), x.dtype)
        image[:, :, max(left, 0) : max(left, 0) + inner.shape[2]] = inner
        width = reach
    segments, length = (1, ow * batch) if sw == 1 else (ow, batch)
    line = width * batch
    return np.ascontiguousarray(image).reshape(-1), Plan(
        *(groups, channels // groups, outputs // groups, rows, columns, height, top, sh, dh),
        *(channels * line, line, dw * batch, sw * batch, ow * batch, segments, length),
    )
