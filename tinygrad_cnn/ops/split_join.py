"""Joining tensors (hstack, vstack, ...) and splitting them (split, chunk, unbind, ...)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_cnn.ops.arguments import array_of, is_whole, one_dim, whole
from tinygrad_cnn.ops.index import take_at
from tinygrad_cnn.ops.shape import cat, reshape, unsqueeze
from tinygrad_cnn.tape.views import one_of_several
from tinygrad_cnn.typing import T

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "chunk",
    "column_stack",
    "dstack",
    "hstack",
    "split",
    "tensor_split",
    "unbind",
    "vstack",
]


def _each(function: Callable[[Any], Any], tensors: tuple[Any, ...]) -> Any:
    """Apply a function to one tensor, or to each of several tensors or of a sequence: then return a tuple."""
    if len(tensors) == 1 and not isinstance(tensors[0], (tuple, list)):
        return function(tensors[0])
    return tuple(map(function, tensors[0] if len(tensors) == 1 else tensors))


def atleast_1d(*tensors: Any) -> Any:
    """Reshape a 0-d tensor, or each of several, to (1,).

    >>> import tinygrad_cnn as tg
    >>> tg.atleast_1d(tg.tensor(5)).shape
    (1,)
    """
    return _each(lambda t: t if t.shape else reshape(t, 1), tensors)


def atleast_2d(*tensors: Any) -> Any:
    """Reshape a 0-d tensor to (1, 1) and a vector to (1, n): one tensor, or each of several.

    >>> import tinygrad_cnn as tg
    >>> tg.atleast_2d(tg.ones(3)).shape
    (1, 3)
    """
    return _each(lambda t: t if t.ndim > 1 else reshape(t, 1, array_of(t).size), tensors)


def atleast_3d(*tensors: Any) -> Any:
    """Reshape () to (1, 1, 1), (n,) to (1, n, 1) and (n, m) to (n, m, 1): one tensor, or each of several.

    >>> import tinygrad_cnn as tg
    >>> tg.atleast_3d(tg.ones(2, 3)).shape
    (2, 3, 1)
    """
    return _each(lambda t: t if t.ndim > 2 else unsqueeze(atleast_2d(t), -1), tensors)


def hstack(tensors: Sequence[T]) -> T:
    """Concatenate horizontally: along dimension 1, or 0 for vectors.

    >>> import tinygrad_cnn as tg
    >>> tg.hstack([tg.tensor([1, 2]), tg.tensor([3])])
    tensor([1, 2, 3])
    """
    return cat(atleast_1d(tuple(tensors)), 0 if tensors[0].ndim < 2 else 1)


def vstack(tensors: Sequence[T]) -> T:
    """Concatenate vertically: along dimension 0, with vectors as rows.

    >>> import tinygrad_cnn as tg
    >>> tg.row_stack([tg.tensor([1, 2]), tg.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return cat(atleast_2d(tuple(tensors)), 0)


def dstack(tensors: Sequence[T]) -> T:
    """Concatenate along dimension 2.

    >>> import tinygrad_cnn as tg
    >>> tg.dstack([tg.ones(2, 3), tg.ones(2, 3)]).shape
    (2, 3, 2)
    """
    return cat(atleast_3d(tuple(tensors)), 2)


def column_stack(tensors: Sequence[T]) -> T:
    """Concatenate along dimension 1, with vectors as columns.

    >>> import tinygrad_cnn as tg
    >>> tg.column_stack([tg.tensor([1, 2]), tg.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    return hstack([t if t.ndim > 1 else reshape(t, array_of(t).size, 1) for t in tensors])


def _cut(name: str, input: T, dim: int, ends: Sequence[int]) -> tuple[T, ...]:
    """Return the parts of a dimension between successive ends, which are clipped as in a slice."""
    if not input.shape:
        raise ValueError(f"{name}: a 0-d tensor cannot be split")
    before = (slice(None),) * one_dim(name, dim, input.ndim)
    return tuple(take_at(input, (*before, slice(*ends))) for ends in pairwise(ends))


def split(tensor: T, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[T, ...]:
    """Split along a dimension into parts of one size (the last may be smaller), or of the given sizes: views.

    >>> import tinygrad_cnn as tg
    >>> [part.tolist() for part in tg.arange(5).split(2)]
    [[0, 1], [2, 3], [4]]
    """
    length = tensor.shape[one_dim("split", dim, tensor.ndim)] if tensor.shape else 0
    given: Any = split_size_or_sections
    if is_whole(given):
        size = whole("split", "split_size", given, 0 if not length else 1)
        ends = [*range(0, length, size or 1), length] if length else [0, 0]
        return one_of_several("split", _cut("split", tensor, dim, ends))
    sizes = [whole("split", "a section", n, 0) for n in given]
    ends = [0, *np.cumsum(sizes).tolist()]
    if ends[-1] != length:
        raise ValueError(f"split: sections {sizes} do not add up to the length {length} of dimension {dim}")
    return one_of_several("split", _cut("split", tensor, dim, ends))


def chunk(input: T, chunks: int, dim: int = 0) -> tuple[T, ...]:
    """Split along a dimension into at most ``chunks`` parts of equal size (the last may be smaller): views.

    >>> import tinygrad_cnn as tg
    >>> [part.tolist() for part in tg.chunk(tg.arange(5), 2)]
    [[0, 1, 2], [3, 4]]
    """
    count = whole("chunk", "chunks", chunks, 1)
    length = input.shape[one_dim("chunk", dim, input.ndim)] if input.shape else 0
    if not length:
        return one_of_several("chunk", _cut("chunk", input, dim, [0] * (count + 1)))
    return split(input, -(-length // count), dim)


def tensor_split(input: T, indices_or_sections: Any, dim: int = 0) -> tuple[T, ...]:
    """Split along a dimension at indices, or into a number of parts; the first may be 1 longer: views.

    >>> import tinygrad_cnn as tg
    >>> [part.tolist() for part in tg.tensor_split(tg.arange(5), 2)]
    [[0, 1, 2], [3, 4]]
    """
    length = input.shape[one_dim("tensor_split", dim, input.ndim)] if input.shape else 0
    given = array_of(indices_or_sections)
    if np.ndim(given):
        marks = [slice(int(i)).indices(length)[1] for i in given]
        return _cut("tensor_split", input, dim, [0, *marks, length])
    count = whole("tensor_split", "sections", int(given), 1)
    small, more = divmod(length, count)
    return _cut("tensor_split", input, dim, [i * small + min(i, more) for i in range(count + 1)])


def unbind(input: T, dim: int = 0) -> tuple[T, ...]:
    """Return the entries of a dimension as views, and remove the dimension.

    >>> import tinygrad_cnn as tg
    >>> tg.unbind(tg.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    axis = one_dim("unbind", dim, input.ndim)
    if not input.shape:
        raise ValueError("unbind: a 0-d tensor has no dimension to unbind")
    entries = tuple(take_at(input, (slice(None),) * axis + (i,)) for i in range(input.shape[axis]))
    return one_of_several("unbind", entries)
