"""Pooling over windows of images, and im2col."""

from __future__ import annotations

import operator
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from tinygrad_cnn.kernels import pool as kernels
from tinygrad_cnn.kernels.geometry import Window
from tinygrad_cnn.ops.arguments import images_missing, pair, single, too_small, want_float
from tinygrad_cnn.ops.shape import squeeze, unsqueeze
from tinygrad_cnn.tape.capture import constant
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array, Pair, Shape, Size, T

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "max_pool1d",
    "max_pool2d",
]


# The position of a maximum is piecewise constant, so the derivatives of max-pooling are linear: unpool puts each
# gradient at the position of the maximum, and pick, its adjoint, takes the value at that position.
@operation(input=lambda g, input, out, window: _max_unpool2d(g, input, out, window=window))
def _max_pool2d(input: Array, *, window: Window) -> Array:
    return kernels.max_pool2d(input, window)


@operation(grad=lambda g, input, largest, window: _max_pick2d(g, input, largest, window=window))
def _max_unpool2d(grad: Array, input: Array, largest: Array, *, window: Window) -> Array:
    return kernels.max_unpool2d(grad, input, largest, window)


@operation(values=lambda g, input, largest, window: _max_unpool2d(g, input, largest, window=window))
def _max_pick2d(values: Array, input: Array, largest: Array, *, window: Window) -> Array:
    return kernels.max_pick2d(values, input, largest, window)


@operation()
def _max_places2d(input: Array, largest: Array, *, window: Window) -> Array:
    return kernels.max_places2d(input, largest, window)


@operation(
    input=lambda g, input_shape, divisor, window: _avg_unpool2d(g, divisor, size=input_shape[2:], window=window)
)
def _avg_pool2d(input: Array, divisor: int | Array, *, window: Window) -> Array:
    return kernels.avg_pool2d(input, window, divisor)


@operation(grad=lambda g, divisor, window: _avg_pool2d(g, divisor, window=window))
def _avg_unpool2d(grad: Array, divisor: int | Array, *, size: Pair, window: Window) -> Array:
    return kernels.avg_unpool2d(grad, size, window, divisor)


@operation(input=lambda g, input_shape, window: _col2im(g, size=input_shape[2:], window=window))
def _im2col(input: Array, *, window: Window) -> Array:
    return kernels.im2col(input, window)


@operation(columns=lambda g, window: _im2col(g, window=window))
def _col2im(columns: Array, *, size: Pair, window: Window) -> Array:
    return kernels.col2im(columns, size, window)


def max_pool2d(
    input: T,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the largest value in each window; of equal values, the first in row-major order gets the gradient.

    Shapes: input (N, C, H, W) or (C, H, W), result (N, C, OH, OW) with
    OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1, rounded up in ``ceil_mode``. The stride defaults to
    the kernel's size. With ``return_indices`` the result is a pair: the values, and the index of each in the
    flattened H x W plane. A window with a NaN gives NaN, and its gradient goes to the last NaN.

    >>> import tinygrad_cnn as tg
    >>> tg.max_pool2d(tg.arange(16.0).reshape(1, 1, 4, 4), 2).tolist()
    [[[[5.0, 7.0], [13.0, 15.0]]]]
    """
    x, alone = _batched("max_pool2d", input)
    window = _window("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode)
    largest = _max_pool2d(x, window=window)
    if not return_indices:
        return squeeze(largest, 0) if alone else largest
    places = _max_places2d(x, largest, window=window)
    return (squeeze(largest, 0), squeeze(places, 0)) if alone else (largest, places)


def avg_pool2d(
    input: T,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> T:
    """Return the mean of each window; zeros of the padding count as pixels, unless ``count_include_pad`` is False.

    Shapes are as for `max_pool2d`. ``divisor_override`` replaces the number of pixels.

    >>> import tinygrad_cnn as tg
    >>> tg.avg_pool2d(tg.arange(16.0).reshape(1, 1, 4, 4), 2).tolist()
    [[[[2.5, 4.5], [10.5, 12.5]]]]
    """
    x, alone = _batched("avg_pool2d", input)
    window = _window("avg_pool2d", x, kernel_size, stride or None, padding, 1, ceil_mode)
    divisor: int | Array = prod(window.kernel)
    if divisor_override is not None:
        divisor = operator.index(divisor_override)
        if not divisor:
            raise ValueError("avg_pool2d: divisor_override is 0")
    elif ceil_mode or not count_include_pad:
        divisor = constant(_counts(x.shape[2:], window, count_include_pad).astype(x.dtype))
    means = _avg_pool2d(x, divisor, window=window)
    return squeeze(means, 0) if alone else means


def _counts(size: Pair, window: Window, include_padding: bool) -> Array:
    """Return how many pixels each window has, with or without those of the padding."""
    rows, columns = (
        np.minimum((start := np.arange(out) * s - p) + k, n + p * include_padding)
        - np.maximum(start, -p * include_padding)
        for n, out, k, s, p in zip(size, window.output_size(size), *window[:3], strict=True)
    )
    return np.outer(rows, columns)


def max_pool1d(
    input: T,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the largest value in each window of a sequence: `max_pool2d` of (N, C, L) or (C, L).

    >>> import tinygrad_cnn as tg
    >>> tg.max_pool1d(tg.tensor([[1.0, 3.0, 2.0, 4.0]]), 2).tolist()
    [[3.0, 4.0]]
    """
    found = max_pool2d(
        image_of_row("max_pool1d", input),
        *_row_sizes("max_pool1d", kernel_size, stride, padding),
        (1, single("max_pool1d", "dilation", dilation, 1)),
        ceil_mode,
        return_indices,
    )
    return tuple(squeeze(t, -2) for t in found) if return_indices else squeeze(found, -2)


def avg_pool1d(
    input: T,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> T:
    """Return the mean of each window of a sequence: `avg_pool2d` of (N, C, L) or (C, L).

    >>> import tinygrad_cnn as tg
    >>> tg.avg_pool1d(tg.tensor([[[1.0, 3.0, 5.0, 7.0]]]), 2)
    tensor([[[2., 6.]]])
    """
    means = avg_pool2d(
        image_of_row("avg_pool1d", input),
        *_row_sizes("avg_pool1d", kernel_size, stride, padding),
        ceil_mode,
        count_include_pad,
    )
    return squeeze(means, -2)


def _row_sizes(name: str, kernel_size: Size, stride: Size | None, padding: Size) -> tuple[Pair, Pair | None, Pair]:
    """Return kernel, stride and padding of a sequence as those of an image of height 1."""
    step = None if stride is None else (1, single(name, "stride", stride, 1))
    return (1, single(name, "kernel_size", kernel_size, 1)), step, (0, single(name, "padding", padding, 0))


def image_of_row(name: str, input: Any) -> Any:
    """Return sequences (N, C, L) or (C, L) as images of height 1."""
    if input.ndim not in (2, 3):
        raise ValueError(f"{name}: wanted an input (N, C, L) or (C, L), got shape {input.shape}")
    return unsqueeze(input, -2)


def _batched(name: str, input: Any) -> tuple[Any, bool]:
    """Return images as (N, C, H, W), and whether N was missing and was added."""
    alone = input.ndim == 3
    if input.ndim not in (3, 4):
        given = f"got shape {input.shape}{images_missing(input.shape)}"
        raise ValueError(f"{name}: wanted an input (N, C, H, W) or (C, H, W), {given}")
    return unsqueeze(input, 0) if alone else input, alone


def _window(
    name: str, input: T, kernel_size: Size, stride: Size | None, padding: Size, dilation: Size, ceil_mode: bool
) -> Window:
    """Return the checked window of a pooling operation."""
    want_float(name, input)
    kernel = pair(name, "kernel_size", kernel_size, 1)
    step = kernel if stride is None else pair(name, "stride", stride, 1)
    margin, apart = pair(name, "padding", padding, 0), pair(name, "dilation", dilation, 1)
    window = Window(kernel, step, margin, apart, bool(ceil_mode))
    _check_window(name, input.shape, window)
    return window


@lru_cache(maxsize=1024)  # a model has the same shapes in every step
def _check_window(name: str, shape: Shape, window: Window) -> None:
    """Refuse a window that does not fit its input."""
    if any(2 * p > n for p, n in zip(window.padding, window.span, strict=True)):
        raise ValueError(f"{name}: padding {window.padding} is more than half of the kernel {window.kernel}")
    if min(window.output_size((shape[2], shape[3]))) < 1:
        raise ValueError(f"{name}: {too_small(window, shape)} (input {shape}, {window})")
