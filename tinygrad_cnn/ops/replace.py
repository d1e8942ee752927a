"""Entries replaced or combined at indices: index_copy, index_fill, put, scatter_reduce, index_reduce."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.ops.arguments import array_of, one_dim, want_same_dtype
from tinygrad_cnn.ops.broadcast import broadcast_to, cast
from tinygrad_cnn.ops.choices import where
from tinygrad_cnn.ops.elementwise import div
from tinygrad_cnn.ops.index import _coordinates, _first_of, _integers, _one_index, add_at, put_at
from tinygrad_cnn.ops.reduce import amax, amin, sum
from tinygrad_cnn.ops.scan import prod
from tinygrad_cnn.ops.shape import cat, reshape, unsqueeze
from tinygrad_cnn.support.arrays import held_number
from tinygrad_cnn.tape.record import Variable
from tinygrad_cnn.typing import Array, Shape, T

__all__ = [
    "diagonal_scatter",
    "index_copy",
    "index_fill",
    "index_reduce",
    "put",
    "scatter_reduce",
    "slice_scatter",
]


def _replaced(name: str, input: T, values: T, place: Any) -> T:
    """Return a copy of the input with the values, of exactly their shape, at a place."""
    want_same_dtype(name, input=input, source=values)
    wanted = np.shape(input.array[place])
    if values.shape != wanted:
        raise ValueError(f"{name}: the source has shape {values.shape}, wanted {wanted}")
    return put_at(input, values, place)


def index_copy(input: T, dim: int, index: Any, source: T) -> T:
    """Return input with the entries of a dimension at a vector of indices replaced by the source.

    >>> import tinygrad_cnn as tg
    >>> tg.zeros(3).index_copy(0, tg.tensor([2, 0]), tg.tensor([5.0, 6.0]))
    tensor([6., 0., 5.])
    """
    place = _one_index("index_copy", input, dim, index)
    if not input.ndim and source.ndim:
        source = reshape(source, ())
    return _replaced("index_copy", input, source, place)


def index_fill(input: T, dim: int, index: Any, value: Any) -> T:
    """Return input with the entries of a dimension at a vector of indices set to one value; -1 is the last.

    >>> import tinygrad_cnn as tg
    >>> tg.index_fill(tg.zeros(3), 0, tg.tensor([0, 2]), 5.0)
    tensor([5., 0., 5.])
    """
    length = input.shape[one_dim("index_fill", dim, input.ndim)] if input.ndim else 1
    array = np.asarray(array_of(index))
    place = _one_index("index_fill", input, dim, np.unique(array + length * (array < 0)))
    if np.ndim(array_of(value)):
        raise ValueError(f"index_fill: wanted one value, got shape {np.shape(array_of(value))}")
    value = held_number("index_fill", value, input.dtype)
    values: Any = np.asarray(value, input.dtype) if not isinstance(value, Variable) else value
    if isinstance(value, Variable):
        values = broadcast_to(cast(values, dtype=input.dtype), input.array[place].shape)
    return put_at(input, values, place)


def put(input: T, index: Any, source: T, accumulate: bool = False) -> T:
    """Return input with the source written, or added, at indices into the flattened tensor; -1 is the last.

    >>> import tinygrad_cnn as tg
    >>> tg.put(tg.zeros(2, 2), tg.tensor([0, 3]), tg.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    want_same_dtype("put", input=input, source=source)
    size, array = input.array.size, np.asarray(array_of(index))
    place = _integers("put", array + size * (array < 0), size).reshape(-1)
    if source.array.size != place.size:
        raise ValueError(f"put: {place.size} indices for a source of {source.array.size} entries")
    flat, values = reshape(input, size), reshape(source, place.size)
    return reshape(
        flat + add_at(values, (size,), place) if accumulate else put_at(flat, values, place), input.shape
    )


def slice_scatter(
    input: T, src: T, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> T:
    """Return a copy with the entries ``start:end:step`` of a dimension replaced by the source.

    >>> import tinygrad_cnn as tg
    >>> tg.slice_scatter(tg.zeros(4), tg.ones(2), 0, 1, 3)
    tensor([0., 1., 1., 0.])
    """
    if step < 1:
        raise ValueError(f"slice_scatter: step is {step}; wanted an integer of at least 1")
    axis = one_dim("slice_scatter", dim, input.ndim)
    return _replaced("slice_scatter", input, src, (slice(None),) * axis + (slice(start, end, step),))


def diagonal_scatter(input: T, src: T, offset: int = 0, dim1: int = 0, dim2: int = 1) -> T:
    """Return a copy with a diagonal replaced by the source; see `diagonal`.

    >>> import tinygrad_cnn as tg
    >>> tg.diagonal_scatter(tg.zeros(2, 2), tg.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    places = np.arange(input.array.size).reshape(input.shape)
    place = np.unravel_index(places.diagonal(offset, dim1, dim2), input.shape)
    return _replaced("diagonal_scatter", input, src, place)


# --- combining all values for one place ---

KINDS = ("sum", "prod", "mean", "amax", "amin")


def scatter_reduce(input: T, dim: int, index: Any, src: T, reduce: str, *, include_self: bool = True) -> T:
    """Combine all values of the source for one place: where `gather` with the same index would read.

    ``reduce`` is "sum", "prod", "mean", "amax" or "amin". The input's own entry takes part if ``include_self``;
    places without a value keep it. Equal extremes share the gradient evenly.

    >>> import tinygrad_cnn as tg
    >>> tg.zeros(2).scatter_reduce(0, tg.tensor([0, 0, 1]), tg.tensor([1.0, 3.0, 5.0]), "mean", include_self=False)
    tensor([2., 5.])
    """
    if reduce not in KINDS:
        raise ValueError(f"scatter_reduce: reduce is {reduce!r}; wanted one of {', '.join(KINDS)}")
    place = _coordinates("scatter_reduce", input, dim, index)
    want_same_dtype("scatter_reduce", input=input, src=src)
    values = _first_of("scatter_reduce", src, np.shape(array_of(index)))
    return _combined(input, values, place, reduce, include_self)


def index_reduce(input: T, dim: int, index: Any, source: T, reduce: str, *, include_self: bool = True) -> T:
    """Combine the entries of a dimension with those of the source at a vector of indices; see `scatter_reduce`.

    >>> import tinygrad_cnn as tg
    >>> tg.index_reduce(tg.ones(2), 0, tg.tensor([0, 0]), tg.tensor([2.0, 3.0]), "prod")
    tensor([6., 1.])
    """
    if reduce not in KINDS[1:]:
        raise ValueError(f"index_reduce: reduce is {reduce!r}; wanted one of {', '.join(KINDS[1:])}")
    place = _one_index("index_reduce", input, dim, index)
    want_same_dtype("index_reduce", input=input, source=source)
    wanted = input.array[place].shape
    if source.shape != wanted and (input.ndim or source.array.size != 1):
        raise ValueError(f"index_reduce: the source has shape {source.shape}, wanted {wanted}")
    return _combined(input, reshape(source, wanted), place, reduce, include_self)


def _combined(input: T, values: T, place: Any, reduce: str, include_self: bool) -> T:
    if not values.array.size:
        return input + sum(values, dtype=input.dtype)
    numbers = np.arange(input.array.size).reshape(input.shape)[place]
    hits = np.bincount(numbers.ravel(), minlength=input.array.size).reshape(input.shape)
    if reduce in ("sum", "mean"):
        base = input if include_self else where(hits > 0, np.zeros((), input.dtype), input)
        total = base + add_at(values, input.shape, place)
        count = np.maximum(hits + include_self, 1).astype(input.dtype)
        rounding = None if input.dtype.kind == "f" else "floor"
        return total if reduce == "sum" else div(total, count, rounding_mode=rounding)
    neutral = _neutral(reduce, input.dtype)
    base = input if include_self else where(hits > 0, neutral, input)
    table = put_at(np.full((hits.max(), *input.shape), neutral), values, _in_layers(numbers, input.shape))
    layers = cat([unsqueeze(base, 0), table], 0)
    if reduce == "prod":
        return prod(layers, 0, dtype=input.dtype)
    return (amax if reduce == "amax" else amin)(layers, 0)


def _in_layers(numbers: Array, shape: Shape) -> Any:
    """Return an index into layers of a shape from places by number: of one place, each time in another layer."""
    flat = numbers.ravel()
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    layer = np.empty_like(flat)
    layer[order] = np.arange(flat.size) - np.searchsorted(ordered, ordered)
    return (layer.reshape(numbers.shape), *np.unravel_index(numbers, shape))


def _neutral(reduce: str, dtype: Any) -> Array:
    """Return the number that changes no other when it is combined with it."""
    if reduce == "prod":
        return np.ones((), dtype)
    if dtype.kind == "f":
        return np.array(-np.inf if reduce == "amax" else np.inf, dtype)
    if dtype.kind == "b":
        return np.array(reduce == "amin")
    limits = np.iinfo(dtype)
    return np.array(limits.min if reduce == "amax" else limits.max, dtype)
