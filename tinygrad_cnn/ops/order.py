"""Further order statistics and searches: cummax, kthvalue, mode, nanmedian, isin, unique_consecutive, histc.

As in `sort`, the order is a constant, and gradients go to the selected entries.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.ops.arguments import array_of, one_dim, want_float, whole
from tinygrad_cnn.ops.index import take_at
from tinygrad_cnn.ops.masked import nonzero
from tinygrad_cnn.ops.reduce import amax
from tinygrad_cnn.ops.shape import reshape
from tinygrad_cnn.ops.sort import Chosen, _chosen, _pick, sort
from tinygrad_cnn.tape.record import Variable, make_tensor
from tinygrad_cnn.typing import Array, T

__all__ = [
    "argwhere",
    "cummax",
    "cummin",
    "histc",
    "isin",
    "kthvalue",
    "mode",
    "msort",
    "nanmedian",
    "unique_consecutive",
]


def cummax(input: T, dim: int) -> Chosen:
    """Return the largest of each entry and those before it, and its index: the last of equal entries.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([1.0, 3.0, 2.0]).cummax(0).values
    tensor([1., 3., 3.])
    """
    return _running("cummax", input, dim, np.maximum)


def cummin(input: T, dim: int) -> Chosen:
    """Return the smallest of each entry and those before it, and its index: the last of equal entries.

    >>> import tinygrad_cnn as tg
    >>> tg.cummin(tg.tensor([3, 1, 2]), 0).values
    tensor([3, 1, 1])
    """
    return _running("cummin", input, dim, np.minimum)


def _running(name: str, input: T, dim: int, extreme: np.ufunc) -> Chosen:
    axis = one_dim(name, dim, input.ndim)
    array = np.atleast_1d(input.array)
    found = (array == extreme.accumulate(array, axis)) | (array != array)
    places = _along(np.arange(array.shape[axis]), axis, array.ndim)
    indices = np.maximum.accumulate(np.where(found, places, 0), axis)
    return _chosen(input, axis, indices.reshape(input.shape))


def _along(vector: Array, axis: int, ndim: int) -> Array:
    return vector.reshape([-1 if d == axis else 1 for d in range(ndim)])


def _rows(name: str, input: T, dim: int) -> tuple[int, Array]:
    """Return a dimension, and the array with this dimension moved to the end; it must not be empty."""
    axis = one_dim(name, dim, input.ndim)
    rows = np.moveaxis(np.atleast_1d(input.array), axis, -1)
    if not rows.shape[-1]:
        raise IndexError(f"{name}: dimension {dim} of {input.shape} is empty")
    return axis, rows


def kthvalue(input: T, k: int, dim: int = -1, keepdim: bool = False) -> Chosen:
    """Return the k-th smallest entry along a dimension (k = 1 for the smallest), and its index.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([3.0, 1.0, 2.0]).kthvalue(2).indices
    tensor(2)
    """
    axis, rows = _rows("kthvalue", input, dim)
    if whole("kthvalue", "k", k, 1) > rows.shape[-1]:
        raise ValueError(f"kthvalue: k is {k}, but dimension {dim} of {input.shape} has {rows.shape[-1]} entries")
    indices = np.argsort(rows, -1, kind="stable")[..., int(k) - 1]
    return _pick(input, axis, keepdim, make_tensor(input, indices.reshape(indices.shape if input.ndim else ())))


def mode(input: T, dim: int = -1, keepdim: bool = False) -> Chosen:
    """Return the most frequent entry along a dimension, the smallest of several, and its last index.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([2, 1, 2, 1, 3]).mode().values
    tensor(1)
    """
    axis, rows = _rows("mode", input, dim)
    order = np.argsort(rows, -1, kind="stable")
    ordered, places = np.take_along_axis(rows, order, -1), np.arange(rows.shape[-1])
    begins = np.where(ordered != np.roll(ordered, 1, -1), places, 0)
    most = (places - np.maximum.accumulate(begins, -1)).argmax(-1)[..., None]
    indices = np.take_along_axis(order, most, -1)[..., 0]
    return _pick(input, axis, keepdim, make_tensor(input, indices.reshape(indices.shape if input.ndim else ())))


def nanmedian(input: T, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return `median` of the entries that are not NaN; it is NaN if there are none.

    >>> import tinygrad_cnn as tg
    >>> tg.nanmedian(tg.tensor([1.0, tg.nan, 3.0]))
    tensor(1.)
    """
    if dim is None:
        flat = reshape(input, -1) if input.array.size else None
        if flat is None:
            raise IndexError(f"nanmedian: {input.shape} is empty")
        entries = np.sort(flat.array[flat.array == flat.array])
        if not entries.size:
            return amax(flat)
        return amax(take_at(flat, flat.array == entries[(entries.size - 1) // 2]))
    axis, rows = _rows("nanmedian", input, dim)
    middle = np.maximum((rows == rows).sum(-1) - 1, 0)[..., None] // 2
    indices = np.take_along_axis(np.argsort(rows, -1, kind="stable"), middle, -1)[..., 0]
    return _pick(input, axis, keepdim, make_tensor(input, indices.reshape(indices.shape if input.ndim else ())))


def msort(input: T) -> T:
    """Return the entries sorted along the first dimension.

    >>> import tinygrad_cnn as tg
    >>> tg.msort(tg.tensor([[3, 1], [2, 4]]))
    tensor([[2, 1],
            [3, 4]])
    """
    return sort(input, 0).values


# --- without a derivative ---


def argwhere(input: T) -> T:
    """Return the index of each entry that is not 0 as a row: `nonzero`.

    >>> import tinygrad_cnn as tg
    >>> tg.argwhere(tg.tensor([[0, 5], [6, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    return nonzero(input)


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Any:
    """Return for each element whether it is among the test elements, or, with ``invert``, whether it is not.

    >>> import tinygrad_cnn as tg
    >>> tg.isin(tg.tensor([1, 2, 3]), tg.tensor([2, 5]))
    tensor([False,  True, False])
    """
    like = elements if isinstance(elements, Variable) else test_elements
    if not isinstance(like, Variable):
        raise TypeError("isin: wanted a tensor as elements, as test_elements or as both")
    found = np.isin(array_of(elements), array_of(test_elements), invert=invert)
    return make_tensor(like, np.asarray(found))


def unique_consecutive(
    input: T, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Return the entries (of a dimension) without those that equal the one before; see `unique`.

    >>> import tinygrad_cnn as tg
    >>> tg.unique_consecutive(tg.tensor([1, 1, 2, 1]), return_counts=True)
    (tensor([1, 2, 1]), tensor([2, 1, 1]))
    """
    axis = 0 if dim is None else one_dim("unique_consecutive", dim, input.ndim)
    array = input.array.reshape(-1) if dim is None else np.atleast_1d(input.array)
    rows = np.moveaxis(array, axis, 0)
    changed = (rows[1:] != rows[:-1]).any(tuple(range(1, rows.ndim)))
    begins = np.flatnonzero(np.concatenate([np.ones(min(len(rows), 1), np.bool_), changed]))
    results = [make_tensor(input, np.take(array, begins, axis))]
    if return_inverse:
        inverse = np.cumsum(np.isin(np.arange(len(rows)), begins)) - 1
        results.append(make_tensor(input, inverse.reshape(input.shape if dim is None else -1)))
    if return_counts:
        results.append(make_tensor(input, np.diff(begins, append=len(rows))))
    return results[0] if len(results) == 1 else tuple(results)


def histc(input: T, bins: int = 100, min: float = 0, max: float = 0) -> T:
    """Return how many entries lie in each of the bins of one width from min to max, by default of the entries.

    >>> import tinygrad_cnn as tg
    >>> tg.histc(tg.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    want_float("histc", input)
    entries, low, high = input.array.ravel(), array_of(min), array_of(max)
    if low == high and entries.size:
        low, high = entries.min(), entries.max()
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"histc: the range is {low} to {high}; wanted finite numbers, max above min")
    counts, _ = np.histogram(entries, whole("histc", "bins", bins, 1), (float(low), float(high)))
    return make_tensor(input, counts.astype(input.dtype))
