"""Convolution on arrays, and its two adjoints.

Arrays are N C H W to the caller, but lie in memory as H C W N, the batch innermost: rows are long and contiguous,
and one strided copy of k-fold size (over the kernel's columns only) turns every output row into a plain matrix
product. The rows of the kernel need no copy: the windows of successive output rows overlap in memory.

Letters: G groups, O outputs and C inputs in a group, H W padded input, OH OW output, KH KW kernel, N batch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.kernels.compiled import compiled_if_large
from tinygrad_cnn.kernels.memory import empty, zeros
from tinygrad_cnn.kernels.threads import in_bands

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
        (sh, sw), (ph, pw), (dh, dw), _ = self
        (height, width), (kh, kw) = size, kernel
        return (height + 2 * ph - dh * (kh - 1) - 1) // sh + 1, (width + 2 * pw - dw * (kw - 1) - 1) // sw + 1


@compiled_if_large
def conv2d(x: Array, w: Array, bias: Array | None, geometry: Geometry) -> Array:
    """Return the cross-correlation of x (N, G*C, H, W) with w (G*O, C, KH, KW), plus a number for each output."""
    outputs, channels, *kernel = w.shape
    oh, ow = geometry.output_size(x.shape[2:], kernel)
    groups, batch = geometry.groups, x.shape[0]
    out = empty((oh, groups, outputs // groups, ow * batch), x.dtype)
    matrices = _matrices(w, groups)

    def band(start: int, stop: int) -> None:
        target = out[start:stop].transpose(1, 0, 2, 3)
        _matmul(matrices, _rows(x, kernel, (start, stop), ow, geometry), target)
        if bias is not None:
            target += bias.reshape(groups, 1, -1, 1)

    in_bands(band, oh, out.size * channels * kernel[0] * kernel[1])
    return _nchw(out.reshape(oh, outputs, ow, batch))


@compiled_if_large
def conv2d_weight(g: Array, x: Array, kernel: Pair, geometry: Geometry) -> Array:
    """Return what `conv2d`'s gradient g gives for the weight."""
    (kh, kw), (batch, outputs, oh, ow) = kernel, g.shape
    groups, channels = geometry.groups, x.shape[1] // geometry.groups
    taps, outs, length = kh * channels * kw, outputs // groups, ow * batch
    blocks = _blocks(outs, taps, length)

    def band(start: int, stop: int) -> Array:
        rows = _rows(x, kernel, (start, stop), ow, geometry)
        grads = np.ascontiguousarray(g[:, :, start:stop].transpose(2, 1, 3, 0))
        grads = grads.reshape(stop - start, groups, outs, length).swapaxes(0, 1)
        rows, grads = _split(rows, blocks), _split(grads, blocks)
        if outs >= 8:  # the longer side of the small result as rows: BLAS blocks over rows
            return np.matmul(rows, grads.swapaxes(3, 4)).sum((1, 2)).swapaxes(1, 2)
        return np.matmul(grads, rows.swapaxes(3, 4)).sum((1, 2))

    product, *others = in_bands(band, oh, g.size * taps)
    for other in others:
        product += other
    product = product.reshape(groups, outs, kh, channels, kw).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(product).reshape(outputs, channels, kh, kw)


@compiled_if_large
def conv2d_input(g: Array, w: Array, size: Pair, geometry: Geometry) -> Array:
    """Return what `conv2d`'s gradient g gives for the input, of height and width ``size``.

    Over rows it is a convolution of the gradient, set apart by zeros where the stride is above 1, with the kernel
    upside down; the kernel's columns are then added where they lie, which costs less than to convolve over them.
    """
    (_, sw), (ph, pw), (_, dw), groups = geometry
    (batch, _, _, ow), (_, channels, kh, kw), (height, width) = g.shape, w.shape, size
    matrices = w.reshape(groups, len(w) // groups, channels, kh, kw)[:, :, :, ::-1].transpose(0, 2, 4, 3, 1)
    matrices = np.ascontiguousarray(matrices).reshape(groups, 1, channels * kw, kh * len(w) // groups)
    out = empty((height, groups, channels, width + 2 * pw, batch), g.dtype)

    def band(start: int, stop: int) -> None:
        columns = empty((groups, stop - start, channels * kw, ow * batch), g.dtype)
        _matmul(matrices, _gradient_rows(g, kh, (start + ph, stop + ph), geometry), columns)
        columns = columns.reshape(groups, stop - start, channels, kw, ow, batch).swapaxes(0, 1)
        out[start:stop] = 0
        for j in range(kw):
            target = out[start:stop, :, :, j * dw : j * dw + sw * (ow - 1) + 1 : sw]
            target += columns[:, :, :, j]

    in_bands(band, height, out.size * kw * matrices.shape[3])
    return _nchw(out.reshape(height, groups * channels, width + 2 * pw, batch))[..., pw : pw + width]


def _nchw(x: Array) -> Array:
    """Return H C W N as the N C H W view that callers see."""
    return x.transpose(3, 1, 0, 2)


def _matrices(w: Array, groups: int) -> Array:
    """Return the weight as (G, 1, O, KH*C*KW): one matrix a group, the same for every output row."""
    _, channels, kh, kw = w.shape
    blocks = w.reshape(groups, -1, channels, kh, kw).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(blocks).reshape(groups, 1, -1, kh * channels * kw)


def _gradient_rows(g: Array, kh: int, band: Pair, geometry: Geometry) -> Array:
    """Return what each row of a band of the padded input has to do with, as a matrix: (G, rows, KH*O, OW*N)."""
    (sh, _), _, (dh, _), groups = geometry
    (batch, outputs, oh, ow), (start, stop) = g.shape, band
    reach = dh * (kh - 1)
    spread = zeros((stop - start + reach, groups, outputs // groups, ow * batch), g.dtype)
    first, last = max(-(-(start - reach) // sh), 0), min((stop - 1) // sh, oh - 1)
    if first <= last:
        place = sh * first + reach - start
        target = spread.reshape(len(spread), outputs, ow, batch)[place : place + sh * (last - first) + 1 : sh]
        target[...] = g[:, :, first : last + 1].transpose(2, 1, 3, 0)
    to_row, to_group, to_output, _ = spread.strides
    windows = _view(
        spread,
        (groups, stop - start, kh, outputs // groups, ow * batch),
        (to_group, to_row, dh * to_row, to_output, g.itemsize),
    )
    return windows.reshape(groups, stop - start, kh * (outputs // groups), ow * batch)


def _rows(x: Array, kernel: Pair, band: Pair, ow: int, geometry: Geometry) -> Array:
    """Return the windows of each output row of a band as a matrix: (G, rows, KH*C*KW, OW*N)."""
    (sh, sw), _, (dh, dw), groups = geometry
    (kh, kw), (start, stop) = kernel, band
    image = _seen(x, sh * start, sh * (stop - 1) + dh * (kh - 1) + 1, geometry.padding)
    height, channels, _, batch = image.shape
    channels //= groups
    to_row, to_channel, to_column, to_sample = image.strides
    columns = empty((groups, height, channels, kw, ow, batch), x.dtype)
    taps = (channels * to_channel, to_row, to_channel, dw * to_column, sw * to_column, to_sample)
    np.copyto(columns, _view(image, columns.shape, taps))
    # One image row of the columns lies after the other, so moving a window down is a step, not a copy; with a
    # dilation its rows no longer follow one another evenly, and reshape copies them together.
    to_group, to_row, to_channel, to_tap, *_ = columns.strides
    windows = _view(
        columns,
        (groups, stop - start, kh, channels * kw, ow * batch),
        (to_group, sh * to_row, dh * to_row, to_tap, x.itemsize),
    )
    return windows.reshape(groups, stop - start, kh * channels * kw, ow * batch)


def _view(x: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """Return a view of a contiguous array with other strides: NumPy's `as_strided` takes ten times as long."""
    return np.ndarray(shape, x.dtype, x, 0, strides) if x.size else x.reshape(shape)


def _seen(x: Array, first: int, last: int, padding: Pair) -> Array:
    """Return rows first to last, counted with the padding, of an N C H W array as H C W N with its padding."""
    ph, pw = padding
    image = x.transpose(2, 1, 3, 0)
    if ph == pw == 0:
        return np.ascontiguousarray(image[first:last])
    _, channels, width, batch = image.shape
    padded = zeros((last - first, channels, width + 2 * pw, batch), x.dtype)
    inside = image[max(first - ph, 0) : max(last - ph, 0)]
    above = max(ph - first, 0)
    padded[above : above + len(inside), :, pw : pw + width] = inside
    return padded


def _matmul(a: Array, b: Array, out: Array) -> None:
    """Multiply matrices, in blocks of columns if it pays."""
    blocks = _blocks(a.shape[2], a.shape[3], b.shape[3])
    if blocks == 1:
        np.matmul(a, b, out=out)
    else:
        np.matmul(a[:, :, None], _split(b, blocks), out=_split(out, blocks))


def _blocks(rows: int, inner: int, columns: int) -> int:
    """Return how many blocks of columns OpenBLAS multiplies without copying them together first.

    It does so for up to 10^6 multiplications. The copy takes as long as the product where there are few rows.
    """
    least = rows * inner * columns // 1_000_000 + 1
    if least == 1 or rows >= 32:
        return 1
    return next((n for n in range(least, 2 * least) if columns % n == 0), 1)


def _split(x: Array, blocks: int) -> Array:
    """Return matrices (G, R, rows, columns) as (G, R, blocks, rows, columns / blocks), without copying."""
    return x.reshape(*x.shape[:3], blocks, x.shape[3] // blocks).swapaxes(2, 3)
