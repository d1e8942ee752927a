"""Vectors: norms, distances, cosine similarity and the cross product."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from tinygrad_cnn.ops.arguments import one_dim, want_float, want_same_dtype
from tinygrad_cnn.ops.broadcast import broadcast_to, cast, half_in_float32
from tinygrad_cnn.ops.choices import clamp, where
from tinygrad_cnn.ops.elementwise import abs, add, square, sub
from tinygrad_cnn.ops.index import index_select, narrow
from tinygrad_cnn.ops.reduce import amax, norm, sum
from tinygrad_cnn.ops.shape import cat, unsqueeze
from tinygrad_cnn.tape.capture import constant
from tinygrad_cnn.tape.record import Variable, make_tensor
from tinygrad_cnn.typing import T

__all__ = [
    "cdist",
    "cosine_similarity",
    "cross",
    "pairwise_distance",
    "pdist",
]


def _power_or_zero(x: Any, p: float) -> Any:
    """Return x^p for x >= 0; where x is 0, the result and all its derivatives are 0."""
    positive = x != 0
    return where(positive, where(positive, x, 1.0) ** p, 0.0)


@half_in_float32
def p_norm(x: Any, p: float, dim: int, keepdim: bool = False) -> Any:
    """Return the p-norm (sum |x|^p)^(1/p) along a dimension; vectors of zeros have the gradient 0, as PyTorch's."""
    if p == 0:
        return sum(cast(x != 0, dtype=x.dtype), dim, keepdim)
    if p == inf:
        return amax(abs(x), dim, keepdim)
    if p == 1:
        return sum(abs(x), dim, keepdim)
    if p < 0:
        return norm(x, p, dim, keepdim)
    return _power_or_zero(sum(square(x) if p == 2 else _power_or_zero(abs(x), p), dim, keepdim), 1 / p)


COMPUTE_MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)


def cdist(x1: T, x2: T, p: float = 2.0, compute_mode: str | None = None) -> T:
    """Return the p-norm distance from each vector of one set to each vector of another.

    Distances are computed from differences, in every one of PyTorch's compute modes.

    Shapes: x1 (..., P, M), x2 (..., R, M), result (..., P, R). For equal vectors the gradient is 0.

    >>> import tinygrad_cnn as tg
    >>> tg.cdist(tg.zeros(1, 2), tg.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[5., 0.]])
    """
    want_same_dtype("cdist", x1=x1, x2=x2)
    want_float("cdist", x1)
    a, b = x1.shape, x2.shape
    if min(len(a), len(b)) < 2 or a[-1] != b[-1]:
        raise ValueError(f"cdist: shapes {a} and {b} do not fit: wanted (..., P, M) and (..., R, M)")
    if p < 0:
        raise ValueError(f"cdist: p is {p}; wanted at least 0")
    if compute_mode not in (None, *COMPUTE_MODES):
        raise ValueError(f"cdist: compute_mode is {compute_mode!r}; wanted one of {COMPUTE_MODES}")
    return p_norm(sub(unsqueeze(x1, -2), unsqueeze(x2, -3)), p, -1)


def cross(input: T, other: T, dim: int | None = None) -> T:
    """Return the cross product of vectors along a dimension of length 3, by default the first one of that length.

    >>> import tinygrad_cnn as tg
    >>> tg.cross(tg.tensor([1.0, 0.0, 0.0]), tg.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    shape = np.broadcast_shapes(input.shape, other.shape)
    axis = shape.index(3) if dim is None and 3 in shape else one_dim("cross", dim or 0, len(shape))
    if not shape or shape[axis] != 3:
        raise ValueError(f"cross: dimension {axis} of {shape} is not of length 3")
    a, b = broadcast_to(input, shape), broadcast_to(other, shape)
    return _rolled(a, axis, 1) * _rolled(b, axis, 2) - _rolled(a, axis, 2) * _rolled(b, axis, 1)


def _rolled(x: Any, dim: int, by: int) -> Any:
    return cat([narrow(x, dim, by, 3 - by), narrow(x, dim, 0, by)], dim)


def pairwise_distance(x1: T, x2: T, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> T:
    """Return the p-norm of x1 - x2 + eps along the last dimension.

    Shapes: (..., D) and (..., D), which broadcast; the result is (...), or (..., 1) with ``keepdim``.

    >>> import tinygrad_cnn as tg
    >>> tg.pairwise_distance(tg.tensor([[3.0, 0.0]]), tg.tensor([[0.0, 4.0]]))
    tensor([5.])
    """
    want_float("pairwise_distance", x1)
    return p_norm(add(sub(x1, x2), eps), p, -1, keepdim)


def pdist(input: T, p: float = 2.0) -> T:
    """Return the p-norm distance of each pair of rows of a matrix, in the order (0, 1), (0, 2), ..., (1, 2), ...

    >>> import tinygrad_cnn as tg
    >>> tg.pdist(tg.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])).round(decimals=4)
    tensor([5.0000, 1.0000, 4.2426])
    """
    want_float("pdist", input)
    if input.ndim != 2 or p < 0:
        raise ValueError(f"pdist: got shape {input.shape} and p {p}; wanted a matrix, and p of at least 0")
    first, second = map(constant, np.triu_indices(input.shape[0], 1))
    return p_norm(sub(index_select(input, 0, first), index_select(input, 0, second)), p, 1)


def cosine_similarity(x1: T, x2: T, dim: int = 1, eps: float = 1e-8) -> T:
    """Return the cosine of the angle between vectors along a dimension: x1 . x2 / (|x1| |x2|).

    The shapes broadcast, and ``dim`` is removed. A norm below eps is raised to eps, but keeps its gradient, as in
    PyTorch.

    >>> import tinygrad_cnn as tg
    >>> tg.cosine_similarity(tg.tensor([[1.0, 0.0]]), tg.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    want_float("cosine_similarity", x1)
    want_float("cosine_similarity", x2)
    shape = np.broadcast_shapes(x1.shape, x2.shape)
    axis = one_dim("cosine_similarity", dim, len(shape)) - len(shape)
    a, b = (broadcast_to(x, shape) for x in (x1, x2))
    return sum(
        (a / _at_least(p_norm(a, 2, axis, True), eps)) * (b / _at_least(p_norm(b, 2, axis, True), eps)), axis
    )


def _at_least(norm: T, eps: float) -> T:
    """Return the norm, raised to eps by adding a constant, so that its gradient stays."""
    constant = make_tensor(norm, norm.array) if isinstance(norm, Variable) else norm
    return norm + clamp(eps - constant, 0.0)
