"""What the kernels compute, in plain NumPy: the definitions that all other kernels are tested against.

Images are x (N, C, H, W), weights w (O, C / groups, KH, KW). A convolution and a pooling both look at the input
through windows; the derivative of looking through windows is adding windows up where they overlap. So `_windows`
and its adjoint `_add_windows` are all that these kernels need, beside products and sums.

Select them with ``TINYGRAD_CNN_KERNELS=reference`` in the environment, or `tg.use_kernels`.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinygrad_cnn.kernels.geometry import Geometry, Window
from tinygrad_cnn.typing import Array, Pair, Shape


def _windows(x: Array, window: Window, fill: float = 0.0, count: Pair | None = None) -> Array:
    """Return the windows of padded images, or the first ``count`` of them, as (N, C, OH, OW, KH, KW)."""
    (oh, ow), (sh, sw), (dh, dw) = count or window.output_size(x.shape[2:]), window.stride, window.dilation
    every = sliding_window_view(window.pad(x, fill), window.span, axis=(2, 3))
    return every[:, :, ::sh, ::sw, ::dh, ::dw][:, :, :oh, :ow]


def _add_windows(windows: Array, size: Pair, window: Window) -> Array:
    """Return images of ``size`` to which each window is added in its place: the adjoint of `_windows`."""
    padded = np.zeros((*windows.shape[:2], *window.padded_size(size)), windows.dtype)
    pixels = windows.reshape(*windows.shape[:4], prod(window.kernel))
    for tap, target in enumerate(window.offsets(padded, windows.shape[2:4])):
        target += pixels[..., tap]
    return window.crop(padded, size)


# --- convolution: a product of windows and weights, group by group ---


def conv2d(x: Array, w: Array, bias: Array | None, geometry: Geometry) -> Array:
    """Return the cross-correlation of x with w, plus the bias (O,): the sum over c, i, j of window times weight."""
    windows = np.split(_windows(x, geometry.window(w.shape[2:])), geometry.groups, axis=1)
    weights = np.split(w, geometry.groups)
    out = [np.tensordot(a, b, ([1, 4, 5], [1, 2, 3])) for a, b in zip(windows, weights, strict=True)]
    y = np.moveaxis(np.concatenate(out, axis=3), 3, 1)  # (N, OH, OW, O) to (N, O, OH, OW)
    return y if bias is None else y + bias.reshape(-1, 1, 1)


def conv2d_weight(g: Array, x: Array, kernel: Pair, geometry: Geometry) -> Array:
    """Return the gradient of the weight: the sum over n, y, x of the output's gradient g times the window."""
    windows = np.split(_windows(x, geometry.window(kernel), count=g.shape[2:]), geometry.groups, axis=1)
    grads = np.split(g, geometry.groups, axis=1)
    return np.concatenate([np.tensordot(a, b, ([0, 2, 3], [0, 2, 3])) for a, b in zip(grads, windows, strict=True)])


def conv2d_input(g: Array, w: Array, size: Pair, geometry: Geometry) -> Array:
    """Return the gradient of an input of ``size``: g times the weights, added up where their windows overlap."""
    grads, weights = np.split(g, geometry.groups, axis=1), np.split(w, geometry.groups)
    parts = [np.tensordot(a, b, ([1], [0])) for a, b in zip(grads, weights, strict=True)]  # N OH OW C KH KW
    return _add_windows(np.moveaxis(np.concatenate(parts, axis=3), 3, 1), size, geometry.window(w.shape[2:]))


# --- pooling ---


def max_pool2d(x: Array, window: Window) -> Array:
    """Return the largest value of each window; NaN if it has one."""
    return _windows(x, window, -np.inf).max((4, 5))


def _maxima(x: Array, window: Window) -> Array:
    """Return which tap of each window has its maximum: the first of equal ones, the last NaN; never padding."""
    values = _windows(x, window, -np.inf)
    values = values.reshape(*values.shape[:4], prod(window.kernel))
    inside = _windows(np.ones((1, 1, *x.shape[2:])), window).reshape(1, 1, *values.shape[2:]) > 0
    largest = values.max(-1, keepdims=True)
    hits = inside & ((values == largest) | np.isnan(values))
    last = hits.shape[-1] - 1 - hits[..., ::-1].argmax(-1)
    taps: Array = np.where(np.isnan(largest[..., 0]), last, hits.argmax(-1))
    return taps


def max_unpool2d(g: Array, x: Array, largest: Array, window: Window) -> Array:
    """Return the gradient of max-pooling's input: that of each output, at the place of its window's maximum."""
    taps = np.arange(prod(window.kernel))
    spread = np.where(_maxima(x, window)[..., None] == taps, g[..., None], g.dtype.type(0))
    return _add_windows(spread, x.shape[2:], window)


def max_pick2d(values: Array, x: Array, largest: Array, window: Window) -> Array:
    """Return, for each window, the value at the place of x's maximum: the adjoint of `max_unpool2d`."""
    windows = _windows(values, window).reshape(*largest.shape, prod(window.kernel))
    return np.take_along_axis(windows, _maxima(x, window)[..., None], -1)[..., 0]


def max_places2d(x: Array, largest: Array, window: Window) -> Array:
    """Return where in the flattened plane of height and width each window has its maximum."""
    plane = np.arange(x.shape[2] * x.shape[3]).reshape(1, 1, *x.shape[2:])
    return max_pick2d(np.broadcast_to(plane, x.shape), x, largest, window)


def avg_pool2d(x: Array, window: Window, divisor: int | Array) -> Array:
    """Return the sum over each window, padding counted as zeros, divided by one number or by each window's own."""
    return _windows(x, window).sum((4, 5)) / divisor


def avg_unpool2d(g: Array, size: Pair, window: Window, divisor: int | Array) -> Array:
    """Return the gradient of average pooling's input: each output's share, added to every pixel of its window."""
    share = (g / divisor)[..., None, None]
    return _add_windows(np.broadcast_to(share, (*g.shape, *window.kernel)), size, window)


def im2col(x: Array, window: Window) -> Array:
    """Return each window as a column: (N, C KH KW, OH OW)."""
    columns = _windows(x, window).transpose(0, 1, 4, 5, 2, 3)
    n, c, kh, kw, oh, ow = columns.shape
    return columns.reshape(n, c * kh * kw, oh * ow)


def col2im(columns: Array, size: Pair, window: Window) -> Array:
    """Return images of ``size`` to which each column is added where its window lies: the adjoint of `im2col`."""
    (kh, kw), (oh, ow), n = window.kernel, window.output_size(size), len(columns)
    windows = columns.reshape(n, columns.shape[1] // (kh * kw), kh, kw, oh, ow)
    return _add_windows(windows.transpose(0, 1, 4, 5, 2, 3), size, window)


# --- pixels from between others ---


def resample(images: Array, rows: Array, columns: Array) -> Array:
    """Return images (N, C, H', W') whose pixels lie at rows and columns (H', W', N) in those given; 0 beyond them.

    Each is interpolated between four: along the rows, then between them.
    """
    (batch, _, *size), padded = images.shape, np.pad(images, ((0, 0), (0, 0), (1, 2), (1, 2)))
    places = [np.fmin(np.fmax(p, -1), length) for p, length in zip((rows, columns), size, strict=True)]
    (top, left), (down, right) = np.floor(places).astype(int) + 1, places - np.floor(places)

    def along_row(row: Array) -> Array:
        first, second = (padded[np.arange(batch), :, row, left + i] for i in (0, 1))  # (H', W', N, C)
        return first + (second - first) * right[..., None]

    above, below = along_row(top), along_row(top + 1)
    return (above + (below - above) * down[..., None]).transpose(2, 3, 0, 1)


# --- what NumPy can say in a line ---


def relu(x: Array) -> Array:
    """Return x where it is positive (or NaN), else 0."""
    return np.maximum(x, 0)


def where_nonzero(values: Array, mask: Array) -> Array:
    """Return values where another array of the same shape is not 0 (or is NaN), else 0: relu's derivative."""
    return np.where(mask != 0, values, np.zeros((), values.dtype))


def leaky(values: Array, gate: Array, slope: float) -> Array:
    """Return values where a gate is above 0, else slope * values."""
    return np.where(gate > 0, values, values * slope)


def where_between(values: Array, gate: Array, low: float, high: float, inside: bool) -> Array:
    """Return values where a gate is (or is not) from low to high, else 0; NaN is outside."""
    return np.where(((gate >= low) & (gate <= high)) == inside, values, np.zeros((), values.dtype))


def hardswish(x: Array) -> Array:
    """Return x times x + 3, limited to 0 and 6, over 6."""
    return x * np.clip(x + 3, 0, 6) / 6


def hardswish_slope(g: Array, x: Array) -> Array:
    """Return g times the derivative of hardswish: x / 3 + 1 / 2 between -3 and 3, and 0 and 1 beyond."""
    slope = np.where(x <= -3, 0, np.where(x >= 3, 1, x / 3 + 0.5))
    return g * slope.astype(x.dtype)


def log_one_plus_exp(x: Array) -> Array:
    """Return log(1 + e^x), without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + e^-x), computed so that nothing overflows."""
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def linear(x: Array, w: Array, bias: Array | None) -> Array:
    """Return x @ w.T, plus the bias, for rows x (..., C) and a weight w (O, C)."""
    return np.matmul(x, w.T) if bias is None else np.matmul(x, w.T) + bias


def total(x: Array, axis: Shape, keepdims: bool = False) -> Array:
    """Return the sum over some axes in the type of x, or in int64 for integers and booleans."""
    kind = x.dtype if x.dtype.kind == "f" else np.int64
    return x.sum(axis, np.float64 if x.dtype.kind == "f" else kind, keepdims=keepdims).astype(kind)


def channel_sums(x: Array) -> Array:
    """Return the sum over N, H and W of an N C H W array: (C,)."""
    total: Array = x.sum((0, 2, 3))
    return total


def copy_to_batch_innermost(x: Array) -> Array:
    """Return a copy of N C H W as H C W N."""
    return x.transpose(2, 1, 3, 0).copy(order="C")
