"""Pooling over windows of images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinygrad_cnn.kernels import pool as kernels
from tinygrad_cnn.kernels.pool import Pair, Window
from tinygrad_cnn.ops.arguments import pair, want_float
from tinygrad_cnn.ops.shape import squeeze, unsqueeze
from tinygrad_cnn.tape import Array, operation

if TYPE_CHECKING:
    from tinygrad_cnn.tensor import Tensor

__all__ = [
    "avg_pool2d",
    "max_pool2d",
]


# Which pixel is the first maximum is piecewise constant, so the gradient of max-pooling is a linear pair: unpool
# puts each gradient where the maximum was, pick takes what lies there.
@operation(input=lambda g, input, out, window: _max_unpool2d(g, input, out, window=window))
def _max_pool2d(input: Array, *, window: Window) -> Array:
    return kernels.max_pool2d(input, window)


@operation(grad=lambda g, input, largest, window: _max_pick2d(g, input, largest, window=window))
def _max_unpool2d(grad: Array, input: Array, largest: Array, *, window: Window) -> Array:
    return kernels.max_unpool2d(grad, input, largest, window)


@operation(values=lambda g, input, largest, window: _max_unpool2d(g, input, largest, window=window))
def _max_pick2d(values: Array, input: Array, largest: Array, *, window: Window) -> Array:
    return kernels.max_pick2d(values, input, largest, window)


@operation(input=lambda g, input_shape, window: _avg_unpool2d(g, size=input_shape[2:], window=window))
def _avg_pool2d(input: Array, *, window: Window) -> Array:
    return kernels.avg_pool2d(input, window)


@operation(grad=lambda g, window: _avg_pool2d(g, window=window))
def _avg_unpool2d(grad: Array, *, size: Pair, window: Window) -> Array:
    return kernels.avg_unpool2d(grad, size, window)


def max_pool2d(
    input: Tensor,
    kernel_size: int | Iterable[int],
    stride: int | Iterable[int] | None = None,
    padding: int | Iterable[int] = 0,
) -> Tensor:
    """Return the largest value in each window; a tie sends its gradient to the first, row by row.

    Shapes: input (N, C, H, W) or (C, H, W), result (N, C, OH, OW) with OH = (H + 2 padding - KH) // stride + 1.
    The stride is the kernel's size if left out.

    >>> import tinygrad_cnn as tg
    >>> tg.max_pool2d(tg.arange(16.0).reshape(1, 1, 4, 4), 2).tolist()
    [[[[5.0, 7.0], [13.0, 15.0]]]]
    """
    if len(input.shape) == 3:
        return squeeze(max_pool2d(unsqueeze(input, 0), kernel_size, stride, padding), 0)
    return _max_pool2d(input, window=_window("max_pool2d", input, kernel_size, stride, padding))


def avg_pool2d(
    input: Tensor,
    kernel_size: int | Iterable[int],
    stride: int | Iterable[int] | None = None,
    padding: int | Iterable[int] = 0,
) -> Tensor:
    """Return the mean of each window, padding counted as zeros. Shapes are `max_pool2d`'s.

    >>> import tinygrad_cnn as tg
    >>> tg.avg_pool2d(tg.arange(16.0).reshape(1, 1, 4, 4), 2).tolist()
    [[[[2.5, 4.5], [10.5, 12.5]]]]
    """
    if len(input.shape) == 3:
        return squeeze(avg_pool2d(unsqueeze(input, 0), kernel_size, stride, padding), 0)
    return _avg_pool2d(input, window=_window("avg_pool2d", input, kernel_size, stride, padding))


def _window(
    name: str,
    input: Tensor,
    kernel_size: int | Iterable[int],
    stride: int | Iterable[int] | None,
    padding: int | Iterable[int],
) -> Window:
    """Return the checked window of a pooling operation."""
    kernel = pair(name, "kernel_size", kernel_size, 1)
    window = Window(
        kernel,
        kernel if stride is None else pair(name, "stride", stride, 1),
        pair(name, "padding", padding, 0),
    )
    shape = tuple(input.shape)
    if len(shape) != 4:
        raise ValueError(f"{name}: wanted an input (N, C, H, W) or (C, H, W), got shape {shape}")
    want_float(name, input)
    if any(2 * p > k for p, k in zip(window.padding, kernel, strict=True)):
        raise ValueError(f"{name}: padding {window.padding} is more than half of the kernel {kernel}")
    if min(window.output_size((shape[2], shape[3]))) < 1:
        raise ValueError(f"{name}: the kernel is larger than its input (input {shape}, {window})")
    return window
