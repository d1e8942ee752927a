"""Convolution by NumPy, and its two adjoints: im2col over the kernel's columns, then matrix products.

Im2col copies the window of each output pixel into a column of a matrix, which makes a convolution a matrix
product. In the batch-innermost layout (H C W N) only the kernel's columns need that copy, of KW times the input's
size; its rows need none, because the windows of successive output rows overlap in memory as they do in the image.

Letters: G groups, O outputs and C inputs in a group, H W padded input, OH OW output, KH KW kernel, N batch.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.batch_innermost import from_batch_innermost, to_batch_innermost
from tinygrad_cnn.kernels.dispatch import numpy_kernel
from tinygrad_cnn.kernels.geometry import Geometry
from tinygrad_cnn.kernels.matmul import in_blocks, is_long
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.kernels.sums import total
from tinygrad_cnn.kernels.threads import parallel_for
from tinygrad_cnn.kernels.thresholds import (
    BLAS_PACKED_ROWS,
    BLAS_UNPACKED_MULTIPLICATIONS,
    LINE_ALIASING,
    WEIGHT_OUTPUTS_AS_COLUMNS_FROM,
)
from tinygrad_cnn.typing import Array, Pair


@numpy_kernel(reference.conv2d)
def conv2d(x: Array, w: Array, bias: Array | None, geometry: Geometry) -> Array:
    """Return the cross-correlation of x (N, G*C, H, W) with w (G*O, C, KH, KW), plus a number for each output."""
    outputs, channels, *_ = w.shape
    kernel = w.shape[2:]
    oh, ow = geometry.output_size(x.shape[2:], kernel)
    groups, batch = geometry.groups, x.shape[0]
    out = empty((oh, groups, outputs // groups, ow * batch), x.dtype)
    matrices, by_group = _matrices(w, groups), out.swapaxes(0, 1)

    def band(start: int, stop: int) -> None:
        target = by_group[:, start:stop]
        _matmul(matrices, _window_matrices(x, kernel, (start, stop), ow, geometry), target)
        if bias is not None:
            target += bias.reshape(groups, 1, -1, 1)

    parallel_for(band, oh, out.size * channels * kernel[0] * kernel[1])
    return from_batch_innermost(out.reshape(oh, outputs, ow, batch))


@numpy_kernel(reference.conv2d_weight)
def conv2d_weight(g: Array, x: Array, kernel: Pair, geometry: Geometry) -> Array:
    """Return the gradient of `conv2d`'s weight, given the gradient g of its output."""
    (kh, kw), (batch, outputs, oh, ow) = kernel, g.shape
    groups, channels = geometry.groups, x.shape[1] // geometry.groups
    taps, outs, length = kh * channels * kw, outputs // groups, ow * batch
    blocks = _blocks(outs, taps, length)

    def band(start: int, stop: int) -> Array:
        rows = _window_matrices(x, kernel, (start, stop), ow, geometry)
        grads = to_batch_innermost(g[:, :, start:stop]).reshape(stop - start, groups, outs, length).swapaxes(0, 1)
        rows, grads = _split(rows, blocks), _split(grads, blocks)
        if outs >= WEIGHT_OUTPUTS_AS_COLUMNS_FROM:  # the longer side of the result as rows
            return total(np.matmul(rows, grads.swapaxes(3, 4)), (1, 2)).swapaxes(1, 2)
        return total(np.matmul(grads, rows.swapaxes(3, 4)), (1, 2))

    product, *others = parallel_for(band, oh, g.size * taps)
    for other in others:
        product += other
    product = product.reshape(groups, outs, kh, channels, kw).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(product).reshape(outputs, channels, kh, kw)


@numpy_kernel(reference.conv2d_input)
def conv2d_input(g: Array, w: Array, size: Pair, geometry: Geometry) -> Array:
    """Return the gradient of `conv2d`'s input, of height and width ``size``, given the gradient g of its output.

    Over rows it is a convolution of g, with zeros between its rows where the stride is above 1, with the kernel
    flipped. Over columns the products are added up where they overlap (col2im), which costs less than to convolve.
    """
    (_, sw), (ph, pw), (_, dw), groups = geometry
    (batch, _, _, ow), (_, channels, kh, kw), (height, width) = g.shape, w.shape, size
    matrices = w.reshape(groups, len(w) // groups, channels, kh, kw)[:, :, :, ::-1].transpose(0, 2, 4, 3, 1)
    matrices = np.ascontiguousarray(matrices).reshape(groups, 1, channels * kw, kh * len(w) // groups)
    out = empty((height, groups, channels, width, batch), g.dtype)

    def band(start: int, stop: int) -> None:
        columns = empty((groups, stop - start, channels * kw, ow * batch), g.dtype)
        _matmul(matrices, _gradient_matrices(g, kh, (start + ph, stop + ph), geometry), columns)
        columns = columns.reshape(groups, stop - start, channels, kw, ow, batch).swapaxes(0, 1)
        out[start:stop] = 0
        for j in range(kw):
            places, pixels = _inside(width, pw - dw * j, sw, ow)
            target = out[start:stop, :, :, pixels]
            target += columns[:, :, :, j, places]

    parallel_for(band, height, out.size * kw * matrices.shape[3])
    return from_batch_innermost(out.reshape(height, groups * channels, width, batch))


def _matrices(w: Array, groups: int) -> Array:
    """Return the weight as (G, 1, O, KH*C*KW): one matrix a group, the same for every output row."""
    _, channels, kh, kw = w.shape
    blocks = w.reshape(groups, -1, channels, kh, kw).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(blocks).reshape(groups, 1, -1, kh * channels * kw)


def _gradient_matrices(g: Array, kh: int, band: Pair, geometry: Geometry) -> Array:
    """Return the rows of g that reach each row of a band of the padded input: (G, rows, KH*O, OW*N)."""
    (sh, _), _, (dh, _), groups = geometry
    (batch, outputs, oh, ow), (start, stop) = g.shape, band
    buffer = _im2col(groups, stop - start, outputs // groups, (kh, 1), (1, dh), (ow, batch), g.itemsize)
    memory = _column_memory(buffer, g.dtype)
    spread = _view(memory, *buffer.columns)[:, :, :, 0].swapaxes(0, 1)
    reach = dh * (kh - 1)
    first, last = max(-(-(start - reach) // sh), 0), min((stop - 1) // sh, oh - 1)
    place, count = sh * first + reach - start, max(last - first + 1, 0)
    if sh > 1 or count == 0:
        spread[...] = 0
    else:
        spread[:place] = 0
        spread[place + count :] = 0
    grads = to_batch_innermost(g[:, :, first : first + count]).reshape(count, *spread.shape[1:])
    spread[place : place + sh * count : sh] = grads
    return _view(memory, *buffer.windows).reshape(buffer.matrices)


def _window_matrices(x: Array, kernel: Pair, band: Pair, ow: int, geometry: Geometry) -> Array:
    """Return the windows of each output row of a band as the columns of a matrix: (G, rows, KH*C*KW, OW*N)."""
    (sh, _), _, (dh, _), groups = geometry
    start, stop = band
    buffer = _im2col(groups, stop - start, x.shape[1] // groups, kernel, (sh, dh), (ow, len(x)), x.itemsize)
    memory = _column_memory(buffer, x.dtype)
    _copy_to_columns(x, sh * start, _view(memory, *buffer.columns), geometry)
    return _view(memory, *buffer.windows).reshape(buffer.matrices)


class _Im2col(NamedTuple):
    """The buffer of im2col over the kernel's columns: its shape, and shapes and strides of two views of it."""

    memory: tuple[int, ...]
    columns: tuple[tuple[int, ...], tuple[int, ...]]  # (G, H, C, KW, OW, N)
    windows: tuple[tuple[int, ...], tuple[int, ...]]  # (G, rows, KH, C*KW, OW*N)
    matrices: tuple[int, ...]


def _column_memory(buffer: _Im2col, dtype: np.dtype[Any]) -> Array:
    """Return memory for the columns of windows, with zeros in the gap behind each line.

    BLAS may load vectors beyond the end of a line: a NaN there is in no result, but sets a floating-point flag.
    """
    memory = empty(buffer.memory, dtype)
    memory[..., buffer.windows[0][-1] :] = 0
    return memory


@lru_cache(maxsize=1024)
def _im2col(groups: int, rows: int, channels: int, kernel: Pair, steps: Pair, line: Pair, itemsize: int) -> _Im2col:
    """Return the buffer for the windows of ``rows`` output rows; steps are from row to row, and from tap to tap.

    The image rows lie one after the other, so a window moves down by a stride, without a copy. With a dilation of
    rows the taps of a window are not evenly spaced, and the reshape to matrices copies.

    Lines are padded where they would be a multiple of 2 KiB apart, because such addresses share few places in a
    cache.
    """
    (kh, kw), (step, dilation), (ow, batch) = kernel, steps, line
    height, length = step * (rows - 1) + dilation * (kh - 1) + 1, ow * batch
    apart = length + 16 if length % LINE_ALIASING == 0 else length
    to_tap = apart * itemsize
    to_channel, to_row = kw * to_tap, channels * kw * to_tap
    to_group = height * to_row
    return _Im2col(
        (groups, height, channels, kw, apart),
        (
            (groups, height, channels, kw, ow, batch),
            (to_group, to_row, to_channel, to_tap, batch * itemsize, itemsize),
        ),
        (
            (groups, rows, kh, channels * kw, length),
            (to_group, step * to_row, dilation * to_row, to_tap, itemsize),
        ),
        (groups, rows, kh * channels * kw, length),
    )


def _copy_to_columns(x: Array, first: int, columns: Array, geometry: Geometry) -> None:
    """Copy rows from ``first`` on, counted with the padding, to (G, H, C, KW, OW, N): im2col over KW."""
    (_, sw), (ph, pw), (_, dw), _ = geometry
    groups, height, channels, kw, ow, batch = columns.shape
    width, above = x.shape[3], max(ph - first, 0)
    image = to_batch_innermost(x[:, :, max(first - ph, 0) : max(first - ph + height, 0)])
    if ph == pw == 0:
        to_row, to_channel, to_column, to_sample = image.strides
        steps = (channels * to_channel, to_row, to_channel, dw * to_column, sw * to_column, to_sample)
        np.copyto(columns, _view(image, columns.shape, steps))
        return
    below = above + len(image)
    columns[:, :above] = 0
    columns[:, below:] = 0
    image = image.reshape(len(image), groups, channels, width, batch).swapaxes(0, 1)
    for j in range(kw):
        column = columns[:, above:below, :, j]
        places, pixels = _inside(width, pw - dw * j, sw, ow)
        column[:, :, :, : places.start] = 0
        column[:, :, :, places] = image[:, :, :, pixels]
        column[:, :, :, places.stop :] = 0


@lru_cache(maxsize=1024)
def _inside(width: int, left: int, step: int, count: int) -> tuple[slice, slice]:
    """Return which of ``count`` positions lie in a row of the image, and the pixels there, as two slices.

    The first position is ``left`` pixels before the row, and each is a ``step`` after the one before.
    """
    begin, end = max(-(-left // step), 0), min((width - 1 + left) // step + 1, count)
    if begin >= end:
        return slice(0, 0), slice(0, 0)
    return slice(begin, end), slice(step * begin - left, step * (end - 1) - left + 1, step)


def _view(x: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """Return a view of a contiguous array with other strides: NumPy's `as_strided` takes ten times as long."""
    return np.ndarray(shape, x.dtype, x, 0, strides) if x.size else x.reshape(shape)


def _matmul(a: Array, b: Array, out: Array) -> None:
    """Multiply matrices, in blocks of terms or, where that spares BLAS a copy, of columns."""
    if is_long(a, b):
        out[...] = in_blocks(a, b)
        return
    blocks = _blocks(a.shape[2], a.shape[3], b.shape[3])
    if blocks == 1:
        np.matmul(a, b, out=out)
    else:
        np.matmul(a[:, :, None], _split(b, blocks), out=_split(out, blocks))


def _blocks(rows: int, inner: int, columns: int) -> int:
    """Return how many blocks of columns are each small enough for OpenBLAS to multiply without packing them first.

    Where there are few rows, packing (copying both matrices) takes as long as the product.
    """
    least = rows * inner * columns // BLAS_UNPACKED_MULTIPLICATIONS + 1
    if least == 1 or rows >= BLAS_PACKED_ROWS:
        return 1
    return next((n for n in range(least, 2 * least) if columns % n == 0), 1)


def _split(x: Array, blocks: int) -> Array:
    """Return matrices (G, R, rows, columns) as (G, R, blocks, rows, columns / blocks), without copying."""
    return x.reshape(*x.shape[:3], blocks, x.shape[3] // blocks).swapaxes(2, 3)
