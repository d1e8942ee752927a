"""Pooling by NumPy, one tap of the window at a time: each step is one vectorised operation on the whole batch.

Arrays are N C H W in any memory order, and results keep it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, prod

import numpy as np

from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.dispatch import numpy_kernel
from tinygrad_cnn.kernels.geometry import Window
from tinygrad_cnn.kernels.memory import empty_like
from tinygrad_cnn.kernels.sums import added, widened
from tinygrad_cnn.kernels.threads import parallel_for
from tinygrad_cnn.kernels.thresholds import POOL_COST
from tinygrad_cnn.kernels.where import bits
from tinygrad_cnn.typing import Array, Pair


@numpy_kernel(reference.max_pool2d)
def max_pool2d(x: Array, window: Window) -> Array:
    """Return the largest value in each window: first over the window's rows, then over its columns."""
    (kh, kw), (sh, sw), _, (dh, dw), _ = window
    oh, ow = window.output_size(x.shape[2:])
    padded = window.pad(x, -np.inf)
    largest = empty_like(x, (*x.shape[:2], oh, ow))

    def band(start: int, stop: int) -> None:
        rows = [padded[:, :, sh * start + i * dh : sh * (stop - 1) + i * dh + 1 : sh] for i in range(kh)]
        over_rows = _running_maximum(rows, empty_like(rows[0]) if kh > 1 else None)
        columns = [over_rows[..., j * dw : j * dw + sw * (ow - 1) + 1 : sw] for j in range(kw)]
        _running_maximum(columns, largest[:, :, start:stop])

    parallel_for(band, oh, POOL_COST * x.size)
    return largest


def _running_maximum(arrays: list[Array], out: Array | None) -> Array:
    """Return the elementwise maximum in ``out``, or, of a single array and without, that array."""
    if out is None:
        return arrays[0]
    if len(arrays) == 1:
        np.copyto(out, arrays[0])
        return out
    largest = arrays[0]
    for other in arrays[1:]:
        largest = np.maximum(largest, other, out=out)
    return largest


@numpy_kernel(reference.max_unpool2d)
def max_unpool2d(g: Array, x: Array, largest: Array, window: Window) -> Array:
    """Return zeros of x's shape with each window's g added where the window has its maximum."""
    spread = empty_like(x, (*x.shape[:2], *window.padded_size(x.shape[2:])))
    size, (high, _) = largest.shape[2:], window.stride
    tiles = not window.overlaps and x.size == spread.size == largest.size * prod(window.kernel)  # no gaps
    if g.strides[1:] != largest.strides[1:]:
        like_largest = empty_like(largest)
        np.copyto(like_largest, g)
        g = like_largest

    g_bits, spread_bits = bits(g), bits(spread)  # integers, so that an infinite gradient times a mask's 0 is 0

    def band(start: int, stop: int) -> None:
        rows, pixels = slice(start, stop), slice(start * high, stop * high)
        grads, targets = g_bits[:, :, rows], window.offsets(spread_bits[:, :, pixels], (stop - start, size[1]))
        for hit, target in zip(_maxima(x[:, :, pixels], largest[:, :, rows], window), targets, strict=True):
            np.multiply(grads, hit, out=target)

    if tiles:
        parallel_for(band, size[0], POOL_COST * x.size)
    else:
        spread.fill(0)
        for hit, target in zip(_maxima(x, largest, window), window.offsets(spread, size), strict=True):
            target += (g_bits * hit).view(g.dtype)
    return window.crop(spread, x.shape[2:])


@numpy_kernel(reference.max_pick2d, compiled_from=inf)
def max_pick2d(values: Array, x: Array, largest: Array, window: Window) -> Array:
    """Return, for each window, the value at the place of x's maximum: the adjoint of `max_unpool2d`."""
    picked = np.zeros_like(largest, dtype=values.dtype)
    pixels = window.offsets(window.pad(values, 0.0), largest.shape[2:])
    for hit, pixel in zip(_maxima(x, largest, window), pixels, strict=True):
        picked += (bits(pixel) * hit).view(values.dtype)
    return picked


@numpy_kernel(reference.max_places2d, compiled_from=inf)
def max_places2d(x: Array, largest: Array, window: Window) -> Array:
    """Return where in the flattened plane of height and width each window has its maximum."""
    plane = np.arange(x.shape[2] * x.shape[3]).reshape(1, 1, *x.shape[2:])
    found = np.zeros_like(largest, dtype=np.int64)
    places = window.offsets(window.pad(plane, 0), largest.shape[2:])
    for hit, place in zip(_maxima(x, largest, window), places, strict=True):
        found += place * hit
    return found


def _maxima(x: Array, largest: Array, window: Window) -> Iterator[Array]:
    """Yield, tap by tap, a mask of the windows whose maximum is there: the first of equal ones, or the last NaN.

    The mask is overwritten when the next one is asked for.
    """
    padded = window.pad(x, -np.inf)
    pixels = list(window.offsets(padded, largest.shape[2:]))
    hit, free = np.empty_like(largest, dtype=np.bool_), np.equal(largest, largest)
    flat_hit, flat_free = hit.ravel(order="K"), free.ravel(order="K")  # views: one axis takes a third of the time
    if padded is not x or not np.logical_and.reduce(flat_free):
        yield from _maxima_among_nans(x, largest, window, pixels)
        return
    for pixel in pixels[:-1]:
        np.equal(pixel, largest, out=hit)
        flat_hit &= flat_free
        yield hit
        flat_free ^= flat_hit
    yield free  # whose maximum was at no other tap


def _maxima_among_nans(x: Array, largest: Array, window: Window, pixels: list[Array]) -> Iterator[Array]:
    """Yield the masks of `_maxima`, for windows that may reach into the padding or hold NaNs."""
    inside = window.offsets(window.pad(np.ones((1, 1, *x.shape[2:]), np.bool_), False), largest.shape[2:])
    unseen = sum(np.isnan(pixel).astype(np.int64) for pixel in pixels)  # how many NaNs are still to come
    free = np.ones_like(largest, dtype=np.bool_)
    for pixel, real in zip(pixels, inside, strict=True):
        nan = np.isnan(pixel)
        unseen = unseen - nan
        hit = (pixel == largest) & free & real | (nan & (unseen == 0))
        yield hit
        free ^= hit


@numpy_kernel(reference.avg_pool2d, compiled_from=inf)
def avg_pool2d(x: Array, window: Window, divisor: int | Array) -> Array:
    """Return the sum over each window, the margin counted as zeros, divided by one number or by each one's own."""
    over_rows, over_columns = _halves(window)
    height, width = window.output_size(x.shape[2:])
    padded = window.pad(x, 0.0)
    rows = added(list(over_rows.offsets(padded, (height, padded.shape[3]))))
    total = added(list(over_columns.offsets(rows, (height, width))))
    total /= divisor
    return total.astype(x.dtype, copy=False)


@numpy_kernel(reference.avg_unpool2d, compiled_from=inf)
def avg_unpool2d(g: Array, size: Pair, window: Window, divisor: int | Array) -> Array:
    """Return g spread evenly over each window of an input of ``size``: the adjoint of `avg_pool2d`."""
    over_rows, over_columns = _halves(window)
    height, width = window.padded_size(size)
    share = widened(g) / divisor
    rows = np.zeros_like(share, shape=(*g.shape[:3], width))
    for target in over_columns.offsets(rows, g.shape[2:]):
        target += share
    spread = np.zeros_like(share, shape=(*g.shape[:2], height, width))
    for target in over_rows.offsets(spread, rows.shape[2:]):
        target += rows
    return window.crop(spread, size).astype(g.dtype, copy=False)


def _halves(window: Window) -> tuple[Window, Window]:
    """Return a window over rows only and one over columns only: a sum over a window is one after the other."""
    (kh, kw), (sh, sw) = window.kernel, window.stride
    return window._replace(kernel=(kh, 1), stride=(sh, 1)), window._replace(kernel=(1, kw), stride=(1, sw))


@numpy_kernel(reference.im2col, compiled_from=inf)
def im2col(x: Array, window: Window) -> Array:
    """Return the pixels of each window as a column: (N, C * KH * KW, OH * OW)."""
    size = window.output_size(x.shape[2:])
    columns = np.stack(list(window.offsets(window.pad(x, 0.0), size)), axis=2)
    return columns.reshape(x.shape[0], prod((x.shape[1], *window.kernel)), prod(size))


@numpy_kernel(reference.col2im, compiled_from=inf)
def col2im(columns: Array, size: Pair, window: Window) -> Array:
    """Return an image of ``size`` to which each column is added where its window lies: the adjoint of `im2col`."""
    taps, out_size = prod(window.kernel), window.output_size(size)
    pixels = columns.reshape(columns.shape[0], columns.shape[1] // taps, taps, *out_size)
    wide = np.float32 if columns.dtype == np.float16 else columns.dtype
    spread = np.zeros_like(columns, wide, shape=(*pixels.shape[:2], *window.padded_size(size)))
    for i, target in enumerate(window.offsets(spread, out_size)):
        target += pixels[:, :, i]
    return window.crop(spread, size).astype(columns.dtype, copy=False)
