"""Operations on shapes: reshape, permute, cat. Each moves numbers, and its derivative moves the gradient back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from math import prod

import numpy as np

from tinygrad_cnn.kernels import batch_innermost as kernels
from tinygrad_cnn.ops.arguments import array_of, as_tuple, many_dims, one_dim, one_or_several
from tinygrad_cnn.ops.broadcast import apart, broadcast_to, in_one_type
from tinygrad_cnn.ops.index import narrow
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.tape.views import view_operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "broadcast_tensors",
    "cat",
    "concat",
    "concatenate",
    "expand_as",
    "flatten",
    "moveaxis",
    "movedim",
    "permute",
    "ravel",
    "reshape",
    "reshape_as",
    "squeeze",
    "stack",
    "swapaxes",
    "swapdims",
    "t",
    "transpose",
    "unflatten",
    "unsqueeze",
]


@view_operation(input=lambda g, input_shape: _reshape(g, shape=input_shape))
def _reshape(input: Array, *, shape: tuple[int, ...]) -> Array:
    return kernels.reshape(input, shape)


@one_or_several
def reshape(input: T, shape: tuple[int, ...]) -> T:
    """Return the same numbers, in the same order, in another shape; one length may be -1, and is then computed.

    The result is a view if the memory order allows it, else a copy.

    >>> import tinygrad_cnn as tg
    >>> tg.arange(6).reshape(2, -1).shape
    (2, 3)
    """
    size, known = prod(input.shape), prod(n for n in shape if n != -1)
    missing = shape.count(-1)
    fits = size == known if not missing else missing == 1 and known and size % known == 0
    if not fits or min(shape, default=0) < -1:
        raise ValueError(
            f"reshape: a tensor of shape {input.shape} cannot have the shape {shape}; wanted {size} elements "
            "(one length may be -1, which is then worked out)"
        )
    return _reshape(input, shape=tuple(size // known if n == -1 else n for n in shape) if missing else shape)


view = reshape


def reshape_as(input: T, other: T) -> T:
    """Reshape to another tensor's shape.

    >>> import tinygrad_cnn as tg
    >>> tg.arange(4).reshape_as(tg.ones(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return reshape(input, other.shape)


view_as = reshape_as


def ravel(input: T) -> T:
    """Reshape to one dimension: a view of a contiguous tensor, else a copy.

    >>> import tinygrad_cnn as tg
    >>> tg.ravel(tg.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    out = _reshape(input, shape=(prod(input.shape),))
    return out if array_of(input).flags.c_contiguous else apart(out, input)


def flatten(input: T, start_dim: int = 0, end_dim: int = -1) -> T:
    """Flatten the dimensions from start_dim to end_dim into one.

    >>> import tinygrad_cnn as tg
    >>> tg.zeros(2, 3, 4).flatten(1).shape
    (2, 12)
    """
    return _reshape(input, shape=_flat(input.shape, start_dim, end_dim))


@lru_cache(maxsize=1024, typed=True)
def _flat(shape: tuple[int, ...], start_dim: int, end_dim: int) -> tuple[int, ...]:
    start, end = one_dim("flatten", start_dim, len(shape)), one_dim("flatten", end_dim, len(shape))
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    return (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])


def unflatten(input: T, dim: int, sizes: Sequence[int]) -> T:
    """Split one dimension into several; one length may be -1, and is then computed.

    >>> import tinygrad_cnn as tg
    >>> tg.zeros(2, 12).unflatten(1, (3, -1)).shape
    (2, 3, 4)
    """
    shape, at, wanted = input.shape, one_dim("unflatten", dim, input.ndim), tuple(sizes)
    known = prod(n for n in wanted if n != -1)
    if (
        not shape
        or wanted.count(-1) > 1
        or (known and shape[at] % known)
        or (-1 not in wanted and known != shape[at])
    ):
        raise ValueError(f"unflatten: dimension {dim} of {shape} cannot be split into {wanted}")
    lengths = (shape[at] // (known or 1) if n == -1 else n for n in wanted)
    return _reshape(input, shape=(*shape[:at], *lengths, *shape[at + 1 :]))


def unsqueeze(input: T, dim: int) -> T:
    """Insert a dimension of length 1 before dimension dim of the result.

    >>> import tinygrad_cnn as tg
    >>> tg.unsqueeze(tg.ones(3), 0).shape
    (1, 3)
    """
    shape = input.shape
    at = one_dim("unsqueeze", dim, len(shape) + 1)
    return _reshape(input, shape=(*shape[:at], 1, *shape[at:]))


def squeeze(input: T, dim: int | Sequence[int] | None = None) -> T:
    """Remove the given dimensions, by default all, that have length 1.

    >>> import tinygrad_cnn as tg
    >>> tg.squeeze(tg.ones(1, 3, 1)).shape
    (3,)
    """
    dims = () if dim == () else many_dims("squeeze", dim, input.ndim)
    return _reshape(input, shape=tuple(n for i, n in enumerate(input.shape) if n != 1 or i not in dims))


@view_operation(input=lambda g, dims: _permute(g, dims=tuple(dims.index(i) for i in range(len(dims)))))
def _permute(input: Array, *, dims: tuple[int, ...]) -> Array:
    return input.transpose(dims)


@one_or_several
def permute(input: T, dims: tuple[int, ...]) -> T:
    """Reorder the dimensions: a view.

    >>> import tinygrad_cnn as tg
    >>> tg.zeros(2, 3, 4).permute(2, 0, 1).shape
    (4, 2, 3)
    """
    ndim = input.ndim
    order = tuple(one_dim("permute", d, ndim) for d in dims)
    if sorted(order) != list(range(ndim)):
        raise ValueError(f"permute: {order} does not name each of the {ndim} dimensions once")
    return _permute(input, dims=order)


def transpose(input: T, dim0: int, dim1: int) -> T:
    """Exchange two dimensions: a view.

    >>> import tinygrad_cnn as tg
    >>> tg.swapdims(tg.ones(2, 3, 4), 0, 2).shape
    (4, 3, 2)
    """
    ndim = input.ndim
    a, b = one_dim("transpose", dim0, ndim), one_dim("transpose", dim1, ndim)
    order = list(range(ndim))
    if ndim:
        order[a], order[b] = b, a
    return _permute(input, dims=tuple(order))


swapdims = transpose


def swapaxes(input: T, axis0: int, axis1: int) -> T:
    """Exchange two dimensions: a view.

    >>> import tinygrad_cnn as tg
    >>> tg.swapaxes(tg.ones(2, 3, 4), 0, 2).shape
    (4, 3, 2)
    """
    return transpose(input, axis0, axis1)


def t(input: T) -> T:
    """Transpose a matrix; a vector stays as it is.

    >>> import tinygrad_cnn as tg
    >>> tg.t(tg.ones(2, 3)).shape
    (3, 2)
    """
    if input.ndim > 2:
        raise ValueError(f"t: wanted at most two dimensions, got shape {input.shape}")
    return transpose(input, 0, -1)


def movedim(input: T, source: int | Sequence[int], destination: int | Sequence[int]) -> T:
    """Move dimensions to other positions; the others keep their order: a view.

    >>> import tinygrad_cnn as tg
    >>> tg.moveaxis(tg.ones(2, 3, 4), 0, -1).shape
    (3, 4, 2)
    """
    ndim = input.ndim
    froms, tos = ([one_dim("movedim", d, ndim) for d in as_tuple(dims)] for dims in (source, destination))
    if not len(froms) == len(tos) == len(set(froms)) == len(set(tos)):
        raise ValueError(f"movedim: cannot move dimensions {source} to {destination}")
    order = [d for d in range(ndim) if d not in froms]
    for to, origin in sorted(zip(tos, froms, strict=True)) if ndim else ():
        order.insert(to, origin)
    return _permute(input, dims=tuple(order))


moveaxis = movedim


def expand_as(input: T, other: T) -> T:
    """Broadcast to another tensor's shape, without copying.

    >>> import tinygrad_cnn as tg
    >>> tg.ones(1, 3).expand_as(tg.ones(2, 3)).shape
    (2, 3)
    """
    return broadcast_to(input, other.shape)


def broadcast_tensors(*tensors: T) -> tuple[T, ...]:
    """Broadcast tensors to their common shape.

    >>> import tinygrad_cnn as tg
    >>> [x.shape for x in tg.broadcast_tensors(tg.ones(2, 1), tg.ones(3))]
    [(2, 3), (2, 3)]
    """
    shapes = [t.shape for t in tensors]
    try:
        common = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(f"broadcast_tensors: shapes {shapes} do not broadcast") from None
    return tuple(broadcast_to(t, common) for t in tensors)


@operation(tensors=lambda g, index, ends, dim: narrow(g, dim, ends[index], ends[index + 1] - ends[index]))
def _cat(*tensors: Array, dim: int, ends: tuple[int, ...]) -> Array:
    return np.concatenate(tensors, axis=dim)


def cat(tensors: Sequence[T], dim: int = 0) -> T:
    """Concatenate tensors along a dimension; the other lengths must agree. Types are promoted. Shape (0,) fits.

    >>> import tinygrad_cnn as tg
    >>> tg.cat([tg.zeros(2, 3), tg.ones(1, 3)]).shape
    (3, 3)
    """
    if not tensors:
        raise ValueError("cat: wanted at least one tensor, got none")
    joined = in_one_type("cat", tuple(tensors))
    if any(t.ndim != 1 for t in joined):
        joined = tuple(t for t in joined if t.shape != (0,))
    shapes = [t.shape for t in joined]
    axis = one_dim("cat", dim, len(shapes[0]))
    rest = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    if not shapes[0] or len(rest) > 1 or len({len(shape) for shape in shapes}) > 1:
        raise ValueError(f"cat: shapes {shapes} cannot be joined along dimension {dim}: other lengths must agree")
    return _cat(*joined, dim=axis, ends=(0, *accumulate(shape[axis] for shape in shapes)))


concat = concatenate = cat


def stack(tensors: Sequence[T], dim: int = 0) -> T:
    """Concatenate tensors of one shape along a new dimension.

    >>> import tinygrad_cnn as tg
    >>> tg.stack([tg.tensor([1, 2]), tg.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    if len({t.shape for t in tensors}) > 1:
        raise ValueError(f"stack: wanted tensors of one shape, got {[t.shape for t in tensors]}")
    return cat(
        [unsqueeze(t, dim) for t in tensors],
        one_dim("stack", dim, tensors[0].ndim + 1) if tensors else 0,
    )
