"""How kernels and windows move over images: stride, padding, dilation, and the sizes that follow from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.typing import Array, Pair


def _listed(sizes: Any) -> str:
    """Return sizes for an error message: ``stride (1, 1), padding (0, 0)``."""
    return ", ".join(f"{name} {value}" for name, value in sizes._asdict().items())


class Geometry(NamedTuple):
    """How a kernel moves over its input: step, zeros added on each side, spacing of taps, channel groups."""

    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    def __str__(self) -> str:
        return _listed(self)

    def output_size(self, size: Pair, kernel: Pair) -> Pair:
        """Return the height and width of the output, at most 0 where the kernel does not fit."""
        (sh, sw), (ph, pw), (dh, dw), _ = self
        (height, width), (kh, kw) = size, kernel
        return (height + 2 * ph - dh * (kh - 1) - 1) // sh + 1, (width + 2 * pw - dw * (kw - 1) - 1) // sw + 1

    def window(self, kernel: Pair) -> Window:
        """Return the window through which a kernel of that size sees its input."""
        return Window(kernel, self.stride, self.padding, self.dilation)


class Window(NamedTuple):
    """A window of ``kernel`` taps, ``dilation`` pixels apart, that moves by ``stride`` over an input with padding.

    In ``ceil_mode`` the last windows may reach beyond the padding.
    """

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair = (1, 1)
    ceil_mode: bool = False

    def __str__(self) -> str:
        return _listed(self)

    @property
    def span(self) -> Pair:
        """How many pixels, high and wide, a window reaches over."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    def output_size(self, size: Pair) -> Pair:
        """Return the height and width of the output, at most 0 where the window does not fit."""
        height, width = map(self._length, size, self.span, self.stride, self.padding)
        return height, width

    def _length(self, n: int, span: int, s: int, p: int) -> int:
        if not self.ceil_mode:
            return (n + 2 * p - span) // s + 1
        length = -((span - n - 2 * p) // s) + 1
        return length - ((length - 1) * s >= n + p)  # the last window must start before the margin behind the input

    def padded_size(self, size: Pair) -> Pair:
        """Return the height and width of an input with the margin that the windows reach."""
        if self.padding == (0, 0) and not self.ceil_mode:
            return size
        ways = zip(size, self.output_size(size), self.span, self.stride, self.padding, strict=True)
        height, width = (max(n + p, s * (out - 1) + span) for n, out, span, s, p in ways)
        return height, width

    def offsets(self, padded: Array, size: Pair) -> Iterator[Array]:
        """Yield, for each place in the window, that place's pixel in every window: views of the padded input."""
        (kh, kw), (sh, sw), (dh, dw), (oh, ow) = self.kernel, self.stride, self.dilation, size
        for i in range(0, kh * dh, dh):
            for j in range(0, kw * dw, dw):
                yield padded[:, :, i : i + sh * (oh - 1) + 1 : sh, j : j + sw * (ow - 1) + 1 : sw]

    @property
    def overlaps(self) -> bool:
        """Whether a pixel can be in more than one window."""
        (height, width), (sh, sw) = self.span, self.stride
        return height > sh or width > sw

    def pad(self, x: Array, fill: float) -> Array:
        """Return x with a margin, or x itself if there is none."""
        size = (x.shape[2], x.shape[3])
        padded_size = self.padded_size(size)
        if padded_size == size:
            return x
        padded = np.full_like(x, fill, shape=(*x.shape[:2], *padded_size))
        self.crop(padded, size)[:] = x
        return padded

    def crop(self, padded: Array, size: Pair) -> Array:
        """Return the view without the margin."""
        (ph, pw), (height, width) = self.padding, size
        return padded[:, :, ph : ph + height, pw : pw + width]
