"""Convolution on arrays, and its two adjoints.

Arrays are N C H W to the caller, but lie in memory as H C W N, the batch innermost: rows are long and contiguous,
and one strided copy of k-fold size (over the kernel's columns only) turns every output row into a plain matrix
product. The rows of the kernel need no copy: the windows of successive output rows overlap in memory.

Letters: G groups, O outputs and C inputs in a group, H W padded input, OH OW output, KH KW kernel, N batch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinygrad_cnn.kernels.fast import compiled_if_large
from tinygrad_cnn.kernels.memory import empty, zeros

Array = np.ndarray[Any, np.dtype[Any]]
Pair = tuple[int, int]


class Geometry(NamedTuple):
    """How a kernel moves over its input: step, zeros added on each side, spacing of taps, channel groups."""

    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    def output_size(self, size: Pair, kernel: Pair) -> Pair:
        """Return the height and width of the output, at most 0 where the kernel does not fit."""
        height, width = (
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(size, kernel, self.stride, self.padding, self.dilation, strict=True)
        )
        return height, width


@compiled_if_large
def conv2d(x: Array, w: Array, bias: Array | None, geometry: Geometry) -> Array:
    """Return the cross-correlation of x (N, G*C, H, W) with w (G*O, C, KH, KW), plus a number for each output."""
    outputs, _, *kernel = w.shape
    oh, ow = geometry.output_size(x.shape[2:], kernel)
    groups, batch = geometry.groups, x.shape[0]
    rows = _rows(x, kernel, (oh, ow), geometry)
    out = empty((oh, groups, outputs // groups, ow * batch), x.dtype)
    np.matmul(_matrices(w, groups), rows, out=out.transpose(1, 0, 2, 3))
    if bias is not None:
        out += bias.reshape(groups, -1, 1)
    return _nchw(out.reshape(oh, outputs, ow, batch))


@compiled_if_large
def conv2d_weight(g: Array, x: Array, kernel: Pair, geometry: Geometry) -> Array:
    """Return what `conv2d`'s gradient g gives for the weight."""
    kh, kw = kernel
    groups, channels = geometry.groups, x.shape[1] // geometry.groups
    rows = _rows(x, kernel, g.shape[2:], geometry)
    grads = _gradient_rows(g, groups)
    if grads.shape[2] >= 8:  # the longer side of the small result as rows: BLAS blocks over rows
        product = np.matmul(rows, grads.swapaxes(2, 3)).sum(1).swapaxes(1, 2)
    else:
        product = np.matmul(grads, rows.swapaxes(2, 3)).sum(1)
    product = product.reshape(groups, g.shape[1] // groups, kh, channels, kw).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(product).reshape(g.shape[1], channels, kh, kw)


@compiled_if_large
def conv2d_input(g: Array, w: Array, size: Pair, geometry: Geometry) -> Array:
    """Return what `conv2d`'s gradient g gives for the input, of height and width ``size``."""
    (sh, sw), (ph, pw), (dh, dw), groups = geometry
    (batch, _, oh, ow), (_, channels, kh, kw) = g.shape, w.shape
    height, width = size[0] + 2 * ph, size[1] + 2 * pw
    taps = empty((groups, oh, kh * channels * kw, ow * batch), g.dtype)
    np.matmul(_matrices(w, groups).swapaxes(2, 3), _gradient_rows(g, groups), out=taps)
    taps = taps.reshape(groups, oh, kh, channels, kw, ow, batch)
    columns = zeros((groups, height, channels, kw, ow, batch), g.dtype)
    for i in range(kh):
        columns[:, i * dh : i * dh + sh * (oh - 1) + 1 : sh] += taps[:, :, i]
    padded = zeros((height, groups, channels, width, batch), g.dtype)
    for j in range(kw):
        target = padded[:, :, :, j * dw : j * dw + sw * (ow - 1) + 1 : sw]
        target += columns[:, :, :, j].swapaxes(0, 1)
    return _nchw(padded.reshape(height, groups * channels, width, batch))[
        :, :, ph : ph + size[0], pw : pw + size[1]
    ]


def _hcwn(x: Array) -> Array:
    """Return an N C H W array as contiguous H C W N."""
    return np.ascontiguousarray(x.transpose(2, 1, 3, 0))


def _nchw(x: Array) -> Array:
    """Return H C W N as the N C H W view that callers see."""
    return x.transpose(3, 1, 0, 2)


def _matrices(w: Array, groups: int) -> Array:
    """Return the weight as (G, 1, O, KH*C*KW): one matrix a group, the same for every output row."""
    _, channels, kh, kw = w.shape
    blocks = w.reshape(groups, -1, channels, kh, kw).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(blocks).reshape(groups, 1, -1, kh * channels * kw)


def _gradient_rows(g: Array, groups: int) -> Array:
    """Return the gradient of the output as (G, OH, O, OW*N)."""
    batch, outputs, oh, ow = g.shape
    return _hcwn(g).reshape(oh, groups, outputs // groups, ow * batch).swapaxes(0, 1)


def _rows(x: Array, kernel: Pair, out_size: Pair, geometry: Geometry) -> Array:
    """Return the windows of each output row as a matrix: (G, OH, KH*C*KW, OW*N)."""
    (sh, sw), padding, (dh, dw), groups = geometry
    (kh, kw), (oh, ow) = kernel, out_size
    padded = _padded(_hcwn(x), padding)
    height, channels, _, batch = padded.shape
    channels //= groups
    to_row, to_channel, to_column, to_sample = padded.strides
    columns = empty((groups, height, channels, kw, ow, batch), x.dtype)
    np.copyto(
        columns,
        as_strided(
            padded,
            columns.shape,
            (channels * to_channel, to_row, to_channel, dw * to_column, sw * to_column, to_sample),
        ),
    )
    # One image row of the columns lies after the other, so moving a window down is a step, not a copy; with a
    # dilation its rows no longer follow one another evenly, and reshape copies them together.
    to_group, to_row, to_channel, to_tap, *_ = columns.strides
    windows = as_strided(
        columns,
        (groups, oh, kh, channels * kw, ow * batch),
        (to_group, sh * to_row, dh * to_row, to_tap, x.itemsize),
    )
    return windows.reshape(groups, oh, kh * channels * kw, ow * batch)


def _padded(x: Array, padding: Pair) -> Array:
    """Return an H C W N array with zeros around height and width."""
    ph, pw = padding
    if ph == pw == 0:
        return x
    height, channels, width, batch = x.shape
    padded = zeros((height + 2 * ph, channels, width + 2 * pw, batch), x.dtype)
    padded[ph : ph + height, :, pw : pw + width] = x
    return padded
