"""Adaptive pooling, and unfold (im2col) and fold (col2im)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from tinygrad_cnn.creation import zeros
from tinygrad_cnn.kernels.geometry import Window
from tinygrad_cnn.ops import (
    abs,
    avg_pool2d,
    flatten,
    max_pool2d,
    relu,
    reshape,
    scatter,
    sign,
    squeeze,
    sum,
    unsqueeze,
    where,
)
from tinygrad_cnn.ops.arguments import array_of, as_tuple, pair, single, want_float
from tinygrad_cnn.ops.broadcast import half_in_float32
from tinygrad_cnn.ops.index import getitem
from tinygrad_cnn.ops.pool import _col2im, _im2col, image_of_row
from tinygrad_cnn.tape.capture import constant
from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.tape.record import make_tensor
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array, Pair, Size

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "fold",
    "lp_pool1d",
    "lp_pool2d",
    "max_unpool1d",
    "max_unpool2d",
    "unfold",
]


def adaptive_avg_pool2d(input: Tensor, output_size: int | Iterable[int | None] | None) -> Tensor:
    """Return the means of windows that divide images as evenly as possible into ``output_size``.

    Shapes: input (N, C, H, W) or (C, H, W), result (N, C, OH, OW); window i of a height goes from floor(i H / OH)
    to ceil((i + 1) H / OH). None for a height or width keeps the input's.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.adaptive_avg_pool2d(tg.ones(2, 3, 7, 5), 1).shape
    (2, 3, 1, 1)
    """
    size, wanted = _sizes("adaptive_avg_pool2d", input, output_size)
    if all(wanted) and not any(n % out for n, out in zip(size, wanted, strict=True)):
        height, width = (n // out for n, out in zip(size, wanted, strict=True))
        return avg_pool2d(input, (height, width))
    means = _means(reshape(input, (*input.shape[:-2], prod(size))), *_windows(size, wanted))
    return reshape(means, (*input.shape[:-2], *wanted))


@half_in_float32
def _means(planes: Tensor, places: Array, inside: Array) -> Tensor:
    """Return the mean over each window of flattened planes."""
    counts = constant(inside.sum(-1).astype(planes.dtype))
    return sum(where(constant(inside), getitem(planes, (..., constant(places))), 0.0), -1) / counts


def adaptive_max_pool2d(
    input: Tensor, output_size: int | Iterable[int | None] | None, return_indices: bool = False
) -> Any:
    """Return the largest values of the windows of `adaptive_avg_pool2d`: the first if tied, or the last NaN.

    With ``return_indices`` the result is a pair: the values, and the index of each in the flattened H x W plane.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.adaptive_max_pool2d(tg.arange(9.0).reshape(1, 3, 3), 2).tolist()
    [[[4.0, 5.0], [7.0, 8.0]]]
    """
    size, wanted = _sizes("adaptive_max_pool2d", input, output_size)
    if not any(n % out for n, out in zip(size, wanted, strict=True)):
        height, width = (n // out for n, out in zip(size, wanted, strict=True))
        return max_pool2d(input, (height, width), return_indices=return_indices)
    places, inside = _windows(size, wanted)
    planes = reshape(input, (prod(input.shape[:-2]), 1, prod(size)))
    candidates = where(constant(inside), getitem(planes, (..., constant(places))), -np.inf)  # a row for each window
    shape = (*input.shape[:-2], *wanted)
    values, at = max_pool2d(candidates, (1, places.shape[1]), return_indices=True)
    found = reshape(values, shape)
    return (found, make_tensor(input, places.reshape(-1)[at.array].reshape(shape))) if return_indices else found


def adaptive_avg_pool1d(input: Tensor, output_size: Size) -> Tensor:
    """Return the means of windows that divide sequences: `adaptive_avg_pool2d` of (N, C, L) or (C, L).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.adaptive_avg_pool1d(tg.tensor([[[1.0, 3.0, 5.0, 7.0]]]), 2)
    tensor([[[2., 6.]]])
    """
    wanted = single("adaptive_avg_pool1d", "output_size", output_size, 1)
    return squeeze(adaptive_avg_pool2d(image_of_row("adaptive_avg_pool1d", input), (1, wanted)), -2)


def adaptive_max_pool1d(input: Tensor, output_size: Size, return_indices: bool = False) -> Any:
    """Return the largest values of windows that divide sequences: `adaptive_max_pool2d` of (N, C, L) or (C, L).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.adaptive_max_pool1d(tg.tensor([[[1.0, 3.0, 5.0, 7.0]]]), 2)
    tensor([[[3., 7.]]])
    """
    wanted = 1, single("adaptive_max_pool1d", "output_size", output_size, 1)
    found = adaptive_max_pool2d(image_of_row("adaptive_max_pool1d", input), wanted, return_indices)
    return tuple(squeeze(t, -2) for t in found) if return_indices else squeeze(found, -2)


def _sizes(name: str, input: Tensor, output_size: Any) -> tuple[Pair, Pair]:
    """Return height and width of the input, and those of the output."""
    shape = input.shape
    if len(shape) not in (3, 4) or min(shape[-3:]) < 1:
        raise ValueError(f"{name}: wanted an input (N, C, H, W) or (C, H, W) with pixels, got shape {shape}")
    want_float(name, input)
    given = as_tuple(output_size)
    given = given * 2 if len(given) == 1 else given
    wanted = [n if out is None else out for n, out in zip(shape[-2:], given, strict=False)]
    return (shape[-2], shape[-1]), pair(name, "output_size", wanted, 1)


@lru_cache(maxsize=64)
def _windows(size: Pair, wanted: Pair) -> tuple[Array, Array]:
    """Return the pixels of each window as indices into the flattened plane, and which entries are valid.

    Both are read-only because they are cached: a model has the same sizes in every step.
    """
    rows, columns = (
        [range(i * n // out, -(-(i + 1) * n // out)) for i in range(out)]
        for n, out in zip(size, wanted, strict=True)
    )
    windows = [[y * size[1] + x for y in ys for x in xs] for ys in rows for xs in columns]
    most = max(map(len, windows))
    places = np.array([one + one[:1] * (most - len(one)) for one in windows])
    inside = np.arange(most) < np.array([[len(one)] for one in windows])
    places.flags.writeable = inside.flags.writeable = False
    return places, inside


def unfold(input: Tensor, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> Tensor:
    """Return the pixels of each window as a column ("im2col"): convolution is then a matrix product.

    Shapes: input (N, C, H, W) or (C, H, W), result (N, C * KH * KW, windows).

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.unfold(tg.ones(1, 3, 4, 4), 2).shape
    (1, 12, 9)
    """
    if input.ndim == 3:
        return squeeze(unfold(unsqueeze(input, 0), kernel_size, dilation, padding, stride), 0)
    window = _column_window("unfold", kernel_size, dilation, padding, stride)
    shape = input.shape
    if len(shape) != 4 or min(window.output_size((shape[2], shape[3]))) < 1:
        raise ValueError(f"unfold: wanted images (N, C, H, W) larger than the kernel, got shape {shape}, {window}")
    return _im2col(input, window=window)


def fold(
    input: Tensor,
    output_size: Size,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Size = 0,
    stride: Size = 1,
) -> Tensor:
    """Add columns of windows, as `unfold` returns them, into an image of ``output_size`` ("col2im").

    Shapes: input (N, C * KH * KW, windows) or without N, result (N, C, H, W).

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.fold(tg.ones(1, 2, 2), (1, 3), (1, 2)).tolist()
    [[[[1.0, 2.0, 1.0]]]]
    """
    if input.ndim == 2:
        return squeeze(fold(unsqueeze(input, 0), output_size, kernel_size, dilation, padding, stride), 0)
    window = _column_window("fold", kernel_size, dilation, padding, stride)
    size = pair("fold", "output_size", output_size, 1)
    shape, taps, count = input.shape, prod(window.kernel), window.output_size(size)
    if len(shape) != 3 or shape[1] % taps or min(count) < 1 or shape[2] != prod(count):
        raise ValueError(f"fold: wanted columns (N, C * {taps}, {prod(count)}) for size {size}, got shape {shape}")
    return _col2im(input, size=size, window=window)


def _column_window(name: str, kernel_size: Size, dilation: Size, padding: Size, stride: Size) -> Window:
    return Window(
        pair(name, "kernel_size", kernel_size, 1),
        pair(name, "stride", stride, 1),
        pair(name, "padding", padding, 0),
        pair(name, "dilation", dilation, 1),
    )


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
) -> Tensor:
    """Return the p-norm of each window of images: (sum of x^p)^(1/p), for p the ``norm_type``.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.lp_pool2d(tg.ones(1, 1, 4, 4), 2.0, 2).shape
    (1, 1, 2, 2)
    """
    height, width = pair("lp_pool2d", "kernel_size", kernel_size, 1)
    means = avg_pool2d(input**norm_type, (height, width), stride, 0, ceil_mode)
    return (sign(means) * relu(abs(means)) * (height * width)) ** (1 / norm_type)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
) -> Tensor:
    """Return the p-norm of each window of sequences: `lp_pool2d` of (N, C, L) or (C, L).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.lp_pool1d(tg.tensor([[[3.0, 4.0]]]), 2.0, 2)
    tensor([[[5.]]])
    """
    window = (1, single("lp_pool1d", "kernel_size", kernel_size, 1))
    step = None if stride is None else (1, single("lp_pool1d", "stride", stride, 1))
    return squeeze(lp_pool2d(image_of_row("lp_pool1d", input), norm_type, window, step, ceil_mode), -2)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Iterable[int] | None = None,
) -> Tensor:
    """Put the values that `max_pool2d` returned back to their places, with zeros elsewhere.

    Indices are those of ``return_indices``. The size is the least that pools to the input's, or ``output_size``.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.max_unpool2d(tg.tensor([[[[5.0]]]]), tg.tensor([[[[3]]]]), 2)
    tensor([[[[0., 0.],
              [0., 5.]]]])
    """
    name, shape = "max_unpool2d", input.shape
    kernel = pair(name, "kernel_size", kernel_size, 1)
    step = kernel if stride is None else pair(name, "stride", stride, 1)
    margins = pair(name, "padding", padding, 0)
    if len(shape) not in (3, 4) or indices.shape != shape:
        raise ValueError(f"{name}: shapes {shape} and {indices.shape}; wanted (N, C, H, W) or (C, H, W), twice")
    least = [(n - 1) * s - 2 * p + k for n, s, p, k in zip(shape[-2:], step, margins, kernel, strict=True)]
    given = least if output_size is None else list(output_size)
    height, width = given[-2:]
    if any(np.abs(n - m) >= s for n, m, s in zip((height, width), least, step, strict=True)):
        raise ValueError(f"{name}: output_size {tuple(given)} does not pool to {shape[-2:]}; wanted about {least}")
    places = np.asarray(array_of(indices))
    if places.size and not (places.min() >= 0 and places.max() < height * width):
        raise IndexError(f"{name}: an index is not one of the {height * width} pixels of the output")
    blank = zeros(*shape[:-2], height * width, dtype=input.dtype)
    filled = scatter(blank, -1, flatten(indices, -2), flatten(input, -2))
    return reshape(filled, (*shape[:-2], height, width))


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Iterable[int] | None = None,
) -> Tensor:
    """Put the values that `max_pool1d` returned back to their places: `max_unpool2d` of (N, C, L) or (C, L).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.max_unpool1d(tg.tensor([[[5.0, 6.0]]]), tg.tensor([[[0, 3]]]), 2)
    tensor([[[5., 0., 0., 6.]]])
    """
    name = "max_unpool1d"
    window = (1, single(name, "kernel_size", kernel_size, 1))
    step = None if stride is None else (1, single(name, "stride", stride, 1))
    size = None if output_size is None else (1, list(output_size)[-1])
    rows, places = image_of_row(name, input), image_of_row(name, indices)
    return squeeze(max_unpool2d(rows, places, window, step, (0, single(name, "padding", padding, 0)), size), -2)


explain_calls(globals())
