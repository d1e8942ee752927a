"""Operations that move numbers without changing them. Each is linear, and each one's derivative undoes the move."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cnn.ops.arguments import many_dims, one_dim, sizes
from tinygrad_cnn.ops.index import narrow
from tinygrad_cnn.tape import Array, operation

if TYPE_CHECKING:
    from tinygrad_cnn.tensor import Tensor

__all__ = [
    "cat",
    "flatten",
    "permute",
    "reshape",
    "squeeze",
    "stack",
    "transpose",
    "unsqueeze",
]


@operation(input=lambda g, input_shape: _reshape(g, shape=input_shape))
def _reshape(input: Array, *, shape: tuple[int, ...]) -> Array:
    return input.reshape(shape)


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """Give the same numbers, in the same order, another shape; one length may be -1, to be found.

    A view where memory allows, else a copy.

    >>> import tinygrad_cnn as tg
    >>> tg.arange(6).reshape(2, -1).shape
    (2, 3)
    """
    wanted = sizes("reshape", shape)
    size, known = prod(input.shape), prod(n for n in wanted if n != -1)
    missing = wanted.count(-1)
    fits = size == known if not missing else missing == 1 and known and size % known == 0
    if not fits or min(wanted, default=0) < -1:
        raise ValueError(f"reshape: a tensor of shape {tuple(input.shape)} cannot have the shape {wanted}")
    return _reshape(input, shape=tuple(size // known if n == -1 else n for n in wanted) if missing else wanted)


view = reshape


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Make one dimension of all from start_dim to end_dim.

    >>> import tinygrad_cnn as tg
    >>> tg.zeros(2, 3, 4).flatten(1).shape
    (2, 12)
    """
    shape = tuple(input.shape)
    start, end = one_dim("flatten", start_dim, len(shape)), one_dim("flatten", end_dim, len(shape))
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    return _reshape(input, shape=(*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Insert a dimension of length 1 before dimension dim of the result."""
    shape = tuple(input.shape)
    at = one_dim("unsqueeze", dim, len(shape) + 1)
    return _reshape(input, shape=(*shape[:at], 1, *shape[at:]))


def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Drop the given dimensions, or all, where their length is 1."""
    dims = many_dims("squeeze", dim, len(input.shape))
    return _reshape(input, shape=tuple(n for i, n in enumerate(input.shape) if n != 1 or i not in dims))


@operation(input=lambda g, dims: _permute(g, dims=tuple(dims.index(i) for i in range(len(dims)))))
def _permute(input: Array, *, dims: tuple[int, ...]) -> Array:
    return input.transpose(dims)


def permute(input: Tensor, *dims: Any) -> Tensor:
    """Put the dimensions into another order: a view.

    >>> import tinygrad_cnn as tg
    >>> tg.zeros(2, 3, 4).permute(2, 0, 1).shape
    (4, 2, 3)
    """
    ndim = len(input.shape)
    order = tuple(one_dim("permute", d, ndim) for d in sizes("permute", dims))
    if sorted(order) != list(range(ndim)):
        raise ValueError(f"permute: {order} does not name each of the {ndim} dimensions once")
    return _permute(input, dims=order)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Exchange two dimensions: a view."""
    ndim = len(input.shape)
    a, b = one_dim("transpose", dim0, ndim), one_dim("transpose", dim1, ndim)
    order = list(range(ndim))
    if ndim:
        order[a], order[b] = b, a
    return _permute(input, dims=tuple(order))


def _part(g: Any, index: int, lengths: tuple[int, ...], dim: int) -> Any:
    return narrow(g, dim, sum(lengths[:index]), lengths[index])


@operation(tensors=lambda g, index, lengths, dim: _part(g, index, lengths, dim))
def _cat(*tensors: Array, dim: int, lengths: tuple[int, ...]) -> Array:
    return np.concatenate(tensors, axis=dim)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors along a dimension; all others must agree.

    >>> import tinygrad_cnn as tg
    >>> tg.cat([tg.zeros(2, 3), tg.ones(1, 3)]).shape
    (3, 3)
    """
    if not tensors:
        raise ValueError("cat: wanted at least one tensor, got none")
    shapes = [tuple(t.shape) for t in tensors]
    axis = one_dim("cat", dim, len(shapes[0]))
    rest = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    if not shapes[0] or len(rest) > 1 or len({len(shape) for shape in shapes}) > 1:
        raise ValueError(f"cat: shapes {shapes} cannot be joined along dimension {dim}: the others must agree")
    return _cat(*tensors, dim=axis, lengths=tuple(shape[axis] for shape in shapes))


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new dimension."""
    if len({tuple(t.shape) for t in tensors}) > 1:
        raise ValueError(f"stack: wanted tensors of one shape, got {[tuple(t.shape) for t in tensors]}")
    return cat(
        [unsqueeze(t, dim) for t in tensors],
        one_dim("stack", dim, len(tensors[0].shape) + 1) if tensors else 0,
    )
