"""How far apart vectors are, and how alike."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_cnn.ops.arguments import array_of, one_dim, want_float
from tinygrad_cnn.ops.elementwise import abs, sqrt, square, where
from tinygrad_cnn.ops.reduce import amax, sum

if TYPE_CHECKING:
    from tinygrad_cnn.tensor import Tensor

__all__ = [
    "cosine_similarity",
    "pairwise_distance",
]


def _norm(input: Tensor, p: float, dim: int, keepdim: bool) -> Tensor:
    """Return the p-norm along a dimension; at the zero vector the gradient is 0."""
    if p == inf:
        return amax(abs(input), dim, keepdim)
    if p == 1:
        return sum(abs(input), dim, keepdim)
    if p == 0:
        return sum(where(array_of(input) != 0, input * 0 + 1, 0.0), dim, keepdim)
    nothing = ~(array_of(input) != 0).any(axis=dim, keepdims=keepdim)
    whole = sum(square(input) if p == 2 else abs(input) ** p, dim, keepdim)
    positive = where(nothing, 1.0, whole)  # the root's slope at 0 is infinite, and must not be asked for
    return where(nothing, 0.0, sqrt(positive) if p == 2 else positive ** (1 / p))


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """Return the p-norm of x1 - x2 + eps along the last dimension.

    Shapes: (..., D) and (..., D), which broadcast; the result is (...), or (..., 1) with ``keepdim``.

    >>> import tinygrad_cnn as tg
    >>> tg.pairwise_distance(tg.tensor([[3.0, 0.0]]), tg.tensor([[0.0, 4.0]]))
    tensor([5.])
    """
    want_float("pairwise_distance", x1)
    if p < 0:
        raise ValueError(f"pairwise_distance: p is {p}; wanted 0 or more")
    return _norm(x1 - x2 + eps, p, -1, keepdim)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return the cosine of the angle between vectors along a dimension: x1 . x2 / (|x1| |x2|).

    The shapes broadcast, and the result has them without ``dim``. A length below eps counts as eps, with its own
    gradient, as in PyTorch.

    >>> import tinygrad_cnn as tg
    >>> tg.cosine_similarity(tg.tensor([[1.0, 0.0]]), tg.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    want_float("cosine_similarity", x1)
    want_float("cosine_similarity", x2)
    shape = np.broadcast_shapes(x1.shape, x2.shape)
    axis = one_dim("cosine_similarity", dim, len(shape)) - len(shape)
    a, b = (x.broadcast_to(shape) for x in (x1, x2))
    return sum((a / _at_least(_norm(a, 2, axis, True), eps)) * (b / _at_least(_norm(b, 2, axis, True), eps)), axis)


def _at_least(norm: Tensor, eps: float) -> Tensor:
    """Return the norm raised to eps where it is less, by a constant."""
    return norm + np.maximum(eps - array_of(norm), 0)
