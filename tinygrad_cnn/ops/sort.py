"""Sorting and order statistics: sort, topk, max, min, median, searchsorted, bincount, unique.

The order is computed on arrays and is a constant; gradients go to the selected entries. NaN counts as larger than
every number, as in PyTorch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.ops.arguments import array_of, one_dim, whole
from tinygrad_cnn.ops.broadcast import cast
from tinygrad_cnn.ops.choices import maximum, minimum
from tinygrad_cnn.ops.index import add_at, gather, put_at, take_at
from tinygrad_cnn.ops.reduce import amax, amin
from tinygrad_cnn.ops.shape import reshape, squeeze, unsqueeze
from tinygrad_cnn.support.dtypes import float64
from tinygrad_cnn.tape.record import Variable, make_tensor, operation
from tinygrad_cnn.typing import Array, Shape, T

__all__ = [
    "argsort",
    "bincount",
    "max",
    "median",
    "min",
    "searchsorted",
    "sort",
    "topk",
    "unique",
]


class Chosen(NamedTuple):
    """Entries selected along a dimension, and their indices."""

    values: Any
    indices: Any


def _chosen(input: T, dim: int, indices: Array) -> Chosen:
    return Chosen(gather(input, dim, indices), make_tensor(input, indices))


def _order(input: T, axis: int, descending: bool) -> Array:
    """Return the indices that sort along a dimension, stably: equal entries keep their order."""
    array = np.atleast_1d(input.array)
    if not descending:
        order = np.argsort(array, axis=axis, kind="stable")
    else:  # sorted from the end, so that equal entries keep their order
        order = array.shape[axis] - 1 - np.argsort(np.flip(array, axis), axis=axis, kind="stable")
        order = np.flip(order, axis)
    return order.reshape(input.shape)


def sort(input: T, dim: int = -1, descending: bool = False, stable: bool = True) -> Chosen:
    """Return the sorted entries along a dimension, and their indices; the sort is always stable.

    >>> import tinygrad_cnn as tg
    >>> values, indices = tg.tensor([2.0, 3.0, 1.0]).sort()
    >>> values, indices
    (tensor([1., 2., 3.]), tensor([2, 0, 1]))
    """
    axis = one_dim("sort", dim, input.ndim)
    return _chosen(input, axis, _order(input, axis, descending))


def argsort(input: T, dim: int = -1, descending: bool = False, stable: bool = True) -> T:
    """Return the indices that `sort` along a dimension.

    >>> import tinygrad_cnn as tg
    >>> tg.argsort(tg.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return make_tensor(input, _order(input, one_dim("argsort", dim, input.ndim), descending))


def topk(input: T, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Chosen:
    """Return the k largest (or smallest) entries along a dimension, in order, and their indices.

    >>> import tinygrad_cnn as tg
    >>> tg.topk(tg.tensor([3, 1, 2]), 2).values
    tensor([3, 2])
    """
    axis = one_dim("topk", dim, input.ndim)
    length = input.shape[axis] if input.shape else 1
    if whole("topk", "k", k, 0) > length:
        raise ValueError(f"topk: k is {k}, but dimension {dim} of {input.shape} has {length} entries")
    if not input.shape or 4 * k > length or not k:
        order = _order(input, axis, largest)
        return _chosen(input, axis, order[(slice(None),) * axis + (slice(k),)] if input.shape else order)
    # Partitioning takes a tenth of the time of a full sort.
    array = np.moveaxis(input.array, axis, -1)
    parted = np.argpartition(array, length - k if largest else k - 1)
    few = np.sort(parted[..., length - k :] if largest else parted[..., :k])
    order = _order(make_tensor(input, np.take_along_axis(array, few, -1)), array.ndim - 1, largest)
    return _chosen(input, axis, np.moveaxis(np.take_along_axis(few, order, -1), -1, axis))


def _pick(input: T, dim: int, keepdim: bool, indices: T) -> Chosen:
    """Return the entry of a dimension at each index."""
    if not input.shape:
        return Chosen(gather(input, dim, indices), indices)
    values = gather(input, dim, unsqueeze(indices, dim))
    return Chosen(values, unsqueeze(indices, dim)) if keepdim else Chosen(squeeze(values, dim), indices)


def _found(x: Array, find: Any, dim: int, keepdim: bool) -> tuple[Array, Array]:
    """Return the entries that a function such as ``np.argmax`` finds along a dimension, and their indices."""
    if not x.ndim:
        return x.copy(), np.zeros((), np.int64)
    indices = find(x, axis=dim, keepdims=True)
    values = np.take_along_axis(x, indices, dim)
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


def _to_found(g: Any, indices: Any, shape: Shape, dim: int, keepdim: bool) -> Any:
    """Return zeros with the gradient of each found entry at its index."""
    if not shape:
        return g
    at = array_of(indices) if keepdim else np.expand_dims(array_of(indices), dim)
    grid = np.indices(at.shape, sparse=True)
    return put_at(np.zeros(shape, g.dtype), reshape(g, at.shape), (*grid[:dim], at, *grid[dim + 1 :]))


@operation(input=lambda g, out, input_shape, dim, keepdim: _to_found(g[0], out[1], input_shape, dim, keepdim))
def _max(input: Array, *, dim: int, keepdim: bool) -> tuple[Array, Array]:
    return _found(input, np.argmax, dim, keepdim)


@operation(input=lambda g, out, input_shape, dim, keepdim: _to_found(g[0], out[1], input_shape, dim, keepdim))
def _min(input: Array, *, dim: int, keepdim: bool) -> tuple[Array, Array]:
    return _found(input, np.argmin, dim, keepdim)


def max(input: T, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the largest entry, or, along a dimension, a named tuple (values, indices).

    Along a dimension, the first of equal entries is selected and gets the gradient; otherwise, equal entries share
    it evenly. With a tensor in place of ``dim`` this is `maximum`.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([[1.0, 3.0], [5.0, 2.0]]).max(dim=1).indices
    tensor([1, 0])
    """
    if isinstance(dim, Variable):
        return maximum(input, dim)
    if dim is None:
        return amax(input)
    found: Any = _max(input, dim=one_dim("max", dim, input.ndim), keepdim=keepdim)
    return Chosen(*found)


def min(input: T, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the smallest entry; with a dimension or another tensor, as for `max`.

    >>> import tinygrad_cnn as tg
    >>> tg.min(tg.tensor([[3, 1], [2, 4]]), dim=1).values
    tensor([1, 2])
    """
    if isinstance(dim, Variable):
        return minimum(input, dim)
    if dim is None:
        return amin(input)
    found: Any = _min(input, dim=one_dim("min", dim, input.ndim), keepdim=keepdim)
    return Chosen(*found)


def median(input: T, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the median, the lower of two middle entries, or, along a dimension, a named tuple (values, indices).

    The gradient is as for `max`. If any entry is NaN, so is the median.

    >>> import tinygrad_cnn as tg
    >>> tg.median(tg.tensor([3.0, 1.0, 2.0]))
    tensor(2.)
    """
    if dim is None:
        return _whole_median(input)
    axis = one_dim("median", dim, input.ndim)
    array = np.atleast_1d(input.array)
    if not array.shape[axis]:
        raise IndexError(f"median: dimension {dim} of {input.shape} is empty")
    order = np.argsort(array, axis=axis, kind="stable")
    middle = np.take(order, (array.shape[axis] - 1) // 2, axis)
    missing = np.isnan(array)
    indices = np.where(missing.any(axis), missing.argmax(axis), middle)
    return _pick(input, axis, keepdim, make_tensor(input, indices))


def _whole_median(input: T) -> T:
    flat = reshape(input, input.array.size)
    entries, half = flat.array, (flat.array.size - 1) // 2
    if not entries.size:
        raise IndexError(f"median: {input.shape} is empty")
    middle = np.partition(entries, half)[half]
    return amax(take_at(flat, (entries == middle) | (entries != entries)))


# --- searching and counting: only the weights have a derivative ---


def searchsorted(
    sorted_sequence: T,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
) -> T:
    """Return the index at which each number belongs into a sorted vector, or into its row of sorted rows.

    The index is before equal entries, or, with ``right`` or side "right", after them. It is of int64, or of int32.

    >>> import tinygrad_cnn as tg
    >>> tg.searchsorted(tg.tensor([1, 3, 5]), tg.tensor([3, 6]))
    tensor([1, 3])
    """
    where: Any = side or ("right" if right else "left")
    rows, values = sorted_sequence.array, np.asarray(array_of(input))
    order = None if sorter is None else array_of(sorter)
    dtype = np.int32 if out_int32 else np.int64
    if rows.ndim == 1:
        return make_tensor(sorted_sequence, np.searchsorted(rows, values, where, order).astype(dtype))
    if rows.shape[:-1] != values.shape[:-1]:
        raise ValueError(f"searchsorted: rows of shape {rows.shape} do not fit an input of {values.shape}")
    found = np.empty(values.shape, dtype)
    for row in np.ndindex(rows.shape[:-1]):
        found[row] = np.searchsorted(rows[row], values[row], where, None if order is None else order[row])
    return make_tensor(sorted_sequence, found)


def bincount(input: T, weights: T | None = None, minlength: int = 0) -> T:
    """Count how often each number from 0 on occurs in a vector of integers, or sum the weights of each.

    Integer weights are summed in float64.

    >>> import tinygrad_cnn as tg
    >>> tg.bincount(tg.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    array = input.array
    if array.ndim != 1 or array.dtype.kind not in "iu" or array.min(initial=0) < 0:
        raise ValueError(f"bincount: wanted a vector of integers of at least 0, got {array.dtype} {array.shape}")
    if weights is None:
        return make_tensor(input, np.bincount(array, minlength=minlength))
    if weights.shape != array.shape:
        raise ValueError(f"bincount: weights of shape {weights.shape} for an input of {array.shape}")
    length = np.maximum(int(array.max(initial=0)) + 1 if array.size else 0, minlength)
    if weights.dtype.kind != "f":
        weights = cast(weights, dtype=float64)
    return add_at(weights, (int(length),), array)


def unique(
    input: T,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Return the sorted unique entries (of a dimension); on request, also the index of each entry, and counts.

    >>> import tinygrad_cnn as tg
    >>> tg.unique(tg.tensor([3, 1, 3]))
    tensor([1, 3])
    """
    axis = None if dim is None else one_dim("unique", dim, input.ndim)
    values, inverse, counts = np.unique(
        input.array, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    found = [make_tensor(input, values)]
    if return_inverse:
        found.append(make_tensor(input, inverse.reshape(input.shape if axis is None else -1)))
    if return_counts:
        found.append(make_tensor(input, counts))
    return found[0] if len(found) == 1 else tuple(found)
