"""Sums, means and extremes over dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cnn.ops.arguments import many_dims, one_dim, want_float
from tinygrad_cnn.ops.broadcast import broadcast_to, cast
from tinygrad_cnn.ops.elementwise import sqrt, square
from tinygrad_cnn.ops.shape import reshape
from tinygrad_cnn.tape import Array, operation

if TYPE_CHECKING:
    from tinygrad_cnn.tensor import Tensor

__all__ = [
    "amax",
    "amin",
    "argmax",
    "mean",
    "std",
    "sum",
    "var",
]

Dims = int | Sequence[int] | None


def _with_ones(shape: tuple[int, ...], dim: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(1 if i in dim else n for i, n in enumerate(shape))


def _spread(g: Any, shape: tuple[int, ...], dim: tuple[int, ...]) -> Any:
    """Return g repeated along the dimensions that a reduction took away."""
    return broadcast_to(reshape(g, _with_ones(shape, dim)), shape)


@operation(input=lambda g, input_shape, dim: _spread(g, input_shape, dim))
def _sum(input: Array, *, dim: tuple[int, ...], keepdim: bool) -> Array:
    return input.sum(axis=dim, keepdims=keepdim)


def sum(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Add up over the given dimensions, or all; booleans and integers give int64.

    >>> import tinygrad_cnn as tg
    >>> tg.ones(2, 3).sum(dim=0)
    tensor([2., 2., 2.])
    """
    return _sum(input, dim=many_dims("sum", dim, len(input.shape)), keepdim=keepdim)


def mean(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Average over the given dimensions, or all."""
    want_float("mean", input)
    dims = many_dims("mean", dim, len(input.shape))
    count = prod(input.shape[i] for i in dims)
    return _sum(input, dim=dims, keepdim=keepdim) / (count or float("nan"))


def var(input: Tensor, dim: Dims = None, correction: float = 1, keepdim: bool = False) -> Tensor:
    """Return the variance over the dimensions, or all: squared distances from the mean, over n - correction."""
    dims = many_dims("var", dim, len(input.shape))
    count = prod(input.shape[i] for i in dims)
    distances = square(input - mean(input, dims, keepdim=True))
    return _sum(distances, dim=dims, keepdim=keepdim) / (max(count - correction, 0) or float("nan"))


def std(input: Tensor, dim: Dims = None, correction: float = 1, keepdim: bool = False) -> Tensor:
    """Return the standard deviation over the given dimensions, or all: the square root of `var`."""
    return sqrt(var(input, dim, correction, keepdim))


def _to_ties(g: Any, input: Any, out: Any, dim: tuple[int, ...]) -> Any:
    """Return g shared evenly among the entries that hold the extreme value."""
    kept = _with_ones(input.shape, dim)
    ties = cast(input == reshape(out, kept), dtype=g.dtype)
    return ties * (reshape(g, kept) / _sum(ties, dim=dim, keepdim=True))


@operation(input=lambda g, input, out, dim: _to_ties(g, input, out, dim))
def _amax(input: Array, *, dim: tuple[int, ...], keepdim: bool) -> Array:
    return input.max(axis=dim, keepdims=keepdim)


@operation(input=lambda g, input, out, dim: _to_ties(g, input, out, dim))
def _amin(input: Array, *, dim: tuple[int, ...], keepdim: bool) -> Array:
    return input.min(axis=dim, keepdims=keepdim)


def amax(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the largest entry over the given dimensions, or all; ties share the gradient evenly."""
    return _amax(input, dim=many_dims("amax", dim, len(input.shape)), keepdim=keepdim)


def amin(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the smallest entry over the given dimensions, or all; ties share the gradient evenly."""
    return _amin(input, dim=many_dims("amin", dim, len(input.shape)), keepdim=keepdim)


@operation()
def _argmax(input: Array, *, dim: int | None, keepdim: bool) -> Array:
    return np.argmax(input, axis=dim, keepdims=keepdim)


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return where the largest entry is, the first of equals: along a dimension, or in the flattened tensor."""
    return _argmax(input, dim=None if dim is None else one_dim("argmax", dim, len(input.shape)), keepdim=keepdim)
