"""Pooling on arrays, window offset by window offset: each step is one operation on the whole batch.

Arrays are N C H W in any memory order, which the results keep.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.kernels.memory import empty_like

Array = np.ndarray[Any, np.dtype[Any]]
Pair = tuple[int, int]


class Window(NamedTuple):
    """A window of ``kernel`` pixels that moves by ``stride`` over an input with a margin of ``padding``."""

    kernel: Pair
    stride: Pair
    padding: Pair

    def output_size(self, size: Pair) -> Pair:
        """Return the height and width of the output, at most 0 where the window does not fit."""
        height, width = (
            (n + 2 * p - k) // s + 1
            for n, k, s, p in zip(size, self.kernel, self.stride, self.padding, strict=True)
        )
        return height, width

    def offsets(self, padded: Array, size: Pair) -> Iterator[Array]:
        """Yield, for each place in the window, that place's pixel in every window: views of the padded input."""
        (kh, kw), (sh, sw), (oh, ow) = self.kernel, self.stride, size
        for i in range(kh):
            for j in range(kw):
                yield padded[:, :, i : i + sh * (oh - 1) + 1 : sh, j : j + sw * (ow - 1) + 1 : sw]

    @property
    def overlaps(self) -> bool:
        """Whether a pixel can be in more than one window."""
        return any(k > s for k, s in zip(self.kernel, self.stride, strict=True))

    def pad(self, x: Array, fill: float) -> Array:
        """Return x with a margin, or x itself if there is none."""
        ph, pw = self.padding
        if ph == pw == 0:
            return x
        batch, channels, height, width = x.shape
        padded = np.full_like(x, fill, shape=(batch, channels, height + 2 * ph, width + 2 * pw))
        self.crop(padded)[:] = x
        return padded

    def crop(self, padded: Array) -> Array:
        """Return the view without the margin."""
        ph, pw = self.padding
        return padded[:, :, ph : padded.shape[2] - ph, pw : padded.shape[3] - pw]


def max_pool2d(x: Array, window: Window) -> Array:
    """Return the largest value in each window."""
    size = window.output_size(x.shape[2:])
    first, *others = window.offsets(window.pad(x, -np.inf), size)
    largest = empty_like(x, (*x.shape[:2], *size))
    np.copyto(largest, first)
    for pixel in others:
        np.maximum(largest, pixel, out=largest)
    return largest


def max_unpool2d(g: Array, x: Array, largest: Array, window: Window) -> Array:
    """Return zeros of x's shape with each window's g added where the window has its first maximum."""
    padded = window.pad(x, -np.inf)
    spread = empty_like(padded)
    spread.fill(0)
    laid_as_x = empty_like(largest)
    np.copyto(laid_as_x, g)
    hits = _first_maxima(padded, largest, window)
    for hit, target in zip(hits, window.offsets(spread, largest.shape[2:]), strict=True):
        if window.overlaps:
            target += laid_as_x * hit
        else:
            np.multiply(laid_as_x, hit, out=target)
    return window.crop(spread)


def max_pick2d(values: Array, x: Array, largest: Array, window: Window) -> Array:
    """Return, for each window, the value at the place of x's first maximum: the adjoint of `max_unpool2d`."""
    size = largest.shape[2:]
    picked = np.zeros_like(largest, dtype=values.dtype)
    pixels = window.offsets(window.pad(values, 0.0), size)
    for hit, pixel in zip(_first_maxima(window.pad(x, -np.inf), largest, window), pixels, strict=True):
        picked += pixel * hit
    return picked


def _first_maxima(padded: Array, largest: Array, window: Window) -> Iterator[Array]:
    """Yield, for each place in the window, in which windows it is the first to hold the maximum."""
    free = np.ones_like(largest, dtype=np.bool_)
    for pixel in window.offsets(padded, largest.shape[2:]):
        hit = np.equal(pixel, largest)
        hit &= free
        yield hit
        free ^= hit


def avg_pool2d(x: Array, window: Window) -> Array:
    """Return the mean of each window, the margin counted as zeros."""
    pixels = window.offsets(window.pad(x, 0.0), window.output_size(x.shape[2:]))
    total = next(pixels).copy(order="K")
    for pixel in pixels:
        total += pixel
    total /= window.kernel[0] * window.kernel[1]
    return total


def avg_unpool2d(g: Array, size: Pair, window: Window) -> Array:
    """Return g spread evenly over each window of an input of ``size``: the adjoint of `avg_pool2d`."""
    (height, width), (ph, pw) = size, window.padding
    spread = np.zeros_like(g, shape=(*g.shape[:2], height + 2 * ph, width + 2 * pw))
    share = g / (window.kernel[0] * window.kernel[1])
    for target in window.offsets(spread, g.shape[2:]):
        target += share
    return window.crop(spread)
