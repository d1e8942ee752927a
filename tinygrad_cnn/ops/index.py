"""Indexing: basic and fancy indexing, gather, scatter and their variants.

All are built on three recorded operations: index, its adjoint unindex (which adds values at the indices), and put.
Indices are constants. If an index appears twice, its gradients add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.kernels import sums
from tinygrad_cnn.kernels.thresholds import INDEX_CHECKED_FROM, SUMMED_PLAINLY_UP_TO
from tinygrad_cnn.ops.arguments import array_of, one_dim, want_same_dtype
from tinygrad_cnn.ops.broadcast import broadcast_to
from tinygrad_cnn.support.arrays import held_number
from tinygrad_cnn.tape.capture import constant
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.tape.views import view_operation
from tinygrad_cnn.typing import Array, Shape, T

__all__ = [
    "gather",
    "index_add",
    "index_put",
    "index_select",
    "narrow",
    "scatter",
    "scatter_add",
    "select",
    "select_scatter",
]

_BASIC = (int, np.integer, slice, type(None), type(...))


class Slot(NamedTuple):
    """The place of an array in an index: arrays are inputs of an operation, the rest of the index is a constant."""

    number: int


def filled(index: Any, arrays: Sequence[Any]) -> Any:
    """Return an index with its slots filled with the arrays."""
    return tuple(arrays[part.number] if isinstance(part, Slot) else part for part in index) if arrays else index


@view_operation(input=lambda g, input_shape, arrays, index: _unindex(g, *arrays, shape=input_shape, index=index))
def _index(input: Array, *arrays: Array, index: Any) -> Array:
    out = input[filled(index, arrays)]
    return out if arrays or isinstance(out, np.ndarray) else input[(*index, ...)]  # one entry: a view of it


@operation(input=lambda g, arrays, index: _index(g, *arrays, index=index))
def _unindex(input: Array, *arrays: Array, shape: tuple[int, ...], index: Any) -> Array:
    index, repeats = filled(index, arrays), _most_repeats(arrays, input.size)
    if repeats == 1:
        out = np.zeros_like(input, shape=shape)
        out[index] = input
        return out
    wide = input.dtype
    if repeats > SUMMED_PLAINLY_UP_TO or wide == np.float16:
        wide = sums.widened_type(wide)
    if input.size < INDEX_CHECKED_FROM:
        out = np.zeros_like(input, wide, shape=shape)
        np.add.at(out, index, input)
    else:  # np.add.at is several times faster for a one-dimensional index
        out = np.zeros(shape, wide)
        places = np.arange(out.size).reshape(shape)[index]
        values = np.broadcast_to(input, places.shape).astype(wide, copy=False)
        np.add.at(out.reshape(-1), places.ravel(), values.ravel())
    return out.astype(input.dtype, copy=False)


def _most_repeats(arrays: Sequence[Any], count: int) -> int:
    """Return a bound on how often an index of ``count`` entries repeats a place: exact for large indices."""
    if not arrays:
        return 1
    if len(arrays) > 1:
        return count
    index = np.asarray(arrays[0])
    if index.dtype == bool:
        return 1
    return int(np.bincount(index.ravel()).max()) if count >= INDEX_CHECKED_FROM and index.min() >= 0 else index.size


# If the index repeats a place, every value for it receives the gradient, as in PyTorch.
@operation(
    input=lambda g, arrays, index: _put(g, 0.0, *arrays, index=index),
    values=lambda g, arrays, index: _index(g, *arrays, index=index),
)
def _put(input: Array, values: Array, *arrays: Array, index: Any) -> Array:
    out = np.array(input)
    out[filled(index, arrays)] = values
    return out


def _slotted(index: Any) -> tuple[Any, list[Any]]:
    """Return an index with slots in place of its arrays and tensors, and the list of these."""
    parts: list[Any] = []
    arrays: list[Any] = []
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, _BASIC):
            parts.append(part)
        else:
            parts.append(Slot(len(arrays)))
            arrays.append(part)
    return tuple(parts), arrays


def take_at(input: Any, index: Any) -> Any:
    """Return input[index] for an index as NumPy understands it, whose arrays may be tensors."""
    parts, arrays = _slotted(index)
    return _index(input, *arrays, index=parts)


def add_at(values: Any, shape: Shape, index: Any) -> Any:
    """Return zeros of a shape with the values added at the index: the adjoint of `take_at`."""
    parts, arrays = _slotted(index)
    return _unindex(values, *arrays, shape=shape, index=parts)


def put_at(input: Any, values: Any, index: Any) -> Any:
    """Return a copy of the input with the values at the index."""
    parts, arrays = _slotted(index)
    return _put(input, values, *arrays, index=parts)


# --- tensor[index] ---


def getitem(input: T, index: Any) -> T:
    """Index with integers, slices, ``...``, None, integer or boolean arrays or tensors, lists, or a mixture.

    Integers and slices (basic indexing) give a view, arrays (fancy indexing) a copy. As in PyTorch, integers apply
    before arrays and never move a dimension: ``x[0, :, [1, 2]]`` is ``x[0][:, [1, 2]]``; NumPy transposes that.
    Slices may have a negative step, as in NumPy.

    >>> import tinygrad_cnn as tg
    >>> tg.zeros(2, 3, 4)[0, :, [1, 2]].shape
    (3, 2)
    """
    for part in places("getitem", index):
        input = take_at(input, part)
    return input


def places(name: str, index: Any) -> list[Any]:
    """Return an index as a list of NumPy indices to apply in turn: two if integers must apply before arrays."""
    if not isinstance(index, tuple):
        return [_place(name, index)]
    parts = tuple(_place(name, i) for i in index)
    arrays = [isinstance(i, np.ndarray) and i.ndim > 0 for i in parts]
    if not any(arrays) or not any(_is_integer(i) for i in parts):
        return [parts]
    first: list[Any] = []
    for part, is_array in zip(parts, arrays, strict=True):
        first += [slice(None)] * (part.ndim if part.dtype == bool else 1) if is_array else [part]
    pairs = zip(parts, arrays, strict=True)
    then = [p if a or p is ... else slice(None) for p, a in pairs if not _is_integer(p)]
    return [tuple(first), tuple(then)]


def _is_integer(part: Any) -> bool:
    return isinstance(part, (int, np.integer)) and not isinstance(part, bool)


def _place(name: str, index: Any) -> Any:
    """Return one part of an index as NumPy understands it; lists and tensors become arrays."""
    array = array_of(index)
    if hasattr(array, "__array__") and not isinstance(array, (np.ndarray, np.generic)):
        array = np.asarray(array)  # an array of another library
    if isinstance(array, (list, tuple, range)):
        array = np.asarray([array_of(i) for i in array]) if len(array) else np.empty(0, np.int64)
    if isinstance(array, np.ndarray):
        if array.dtype.kind not in "biu":
            raise IndexError(f"{name}: wanted integers or booleans as index, got {array.dtype}")
        if array.dtype == np.uint8:  # PyTorch's first masks
            array = array.astype(bool)
        return array[()]  # a 0-d array becomes a number
    return array


# --- indexing along one dimension ---


def narrow(input: T, dim: int, start: int, length: int) -> T:
    """Return ``length`` entries along a dimension, starting at ``start``: a view.

    >>> import tinygrad_cnn as tg
    >>> tg.narrow(tg.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    shape = input.shape
    axis = one_dim("narrow", dim, len(shape))
    if getattr(start, "dtype", np.dtype(int)).kind not in "iu":
        raise TypeError(f"narrow: start is of {start.dtype}; wanted an integer")  # type: ignore[attr-defined]
    first = start + shape[axis] if start < 0 else start
    if not shape or length < 0 or not 0 <= first <= shape[axis] - length:
        raise IndexError(f"narrow: {length} entries from {start} on do not fit into dimension {dim} of {shape}")
    return take_at(input, (slice(None),) * axis + (slice(first, first + length),))


def select(input: T, dim: int, index: int) -> T:
    """Return one entry along a dimension, and remove the dimension: a view.

    >>> import tinygrad_cnn as tg
    >>> tg.select(tg.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    return take_at(input, _at("select", input, dim, int(index)))


def _at(name: str, input: T, dim: int, index: Any) -> tuple[Any, ...]:
    """Return the full index for an index of one dimension."""
    if not input.ndim:
        raise IndexError(f"{name}: a 0-d tensor has no dimension to index")
    return (slice(None),) * one_dim(name, dim, input.ndim) + (index,)


def _integers(name: str, index: Any, size: int) -> Array:
    """Return indices into a dimension of a size as an array; negative ones are refused, as in PyTorch."""
    array = np.asarray(array_of(index))
    if not array.size:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: wanted integers as index, got {array.dtype}")
    if array.size and not (array.min() >= 0 and array.max() < size):
        raise IndexError(f"{name}: indices from {array.min()} to {array.max()} are not all within 0 to {size - 1}")
    return array


def _one_index(name: str, input: T, dim: int, index: Any) -> tuple[Any, ...]:
    axis = one_dim(name, dim, input.ndim)
    array = _integers(name, index, input.shape[axis] if input.shape else 1)
    if array.ndim > 1:
        raise IndexError(f"{name}: wanted a vector of indices, got shape {array.shape}")
    if not input.shape and array.size != 1:
        raise IndexError(f"{name}: wanted one index into a 0-d tensor, got shape {array.shape}")
    return _at(name, input, dim, array.reshape(-1)) if input.shape else ()


def index_select(input: T, dim: int, index: Any) -> T:
    """Return the entries of a dimension at a vector of indices.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([1.0, 2.0, 3.0]).index_select(0, tg.tensor([2, 0, 2]))
    tensor([3., 1., 3.])
    """
    where = _one_index("index_select", input, dim, index)
    return take_at(input, where) if where else _from_vector(input, np.zeros((), np.int64))


def index_add(input: T, dim: int, index: Any, source: T, alpha: float = 1) -> T:
    """Return input with alpha * source added to the entries of a dimension at a vector of indices.

    >>> import tinygrad_cnn as tg
    >>> tg.index_add(tg.zeros(3), 0, tg.tensor([0, 2, 0]), tg.tensor([1.0, 2.0, 3.0]))
    tensor([4., 0., 2.])
    """
    where = _one_index("index_add", input, dim, index)
    want_same_dtype("index_add", input=input, source=source)
    wanted = (*input.shape[: len(where) - 1], where[-1].size, *input.shape[len(where) :]) if where else ()
    if source.shape != wanted:
        raise ValueError(f"index_add: the source has shape {source.shape}, wanted {wanted}")
    return input + add_at(source if alpha == 1 else source * alpha, input.shape, where)


# --- an index for each entry: gather and scatter ---


def _coordinates(name: str, input: T, dim: int, index: Any) -> tuple[Any, ...]:
    """Return the full index of the entries that an array of indices along a dimension refers to."""
    axis = one_dim(name, dim, input.ndim)
    shape = input.shape
    array = _integers(name, index, shape[axis] if shape else 1)
    fits = len(shape) == array.ndim and all(
        n <= m for d, (n, m) in enumerate(zip(array.shape, shape, strict=True)) if d != axis
    )
    if not fits:
        raise ValueError(f"{name}: an index of shape {array.shape} does not fit an input of {shape}")
    if not shape:
        return ()
    grid = [constant(np.arange(n).reshape(-1, *[1] * (array.ndim - d - 1))) for d, n in enumerate(array.shape)]
    return (*grid[:axis], array, *grid[axis + 1 :])


def gather(input: T, dim: int, index: Any) -> T:
    """Return out[i, j, ...] = input[i, index[i, j, ...], ...], for dim 1; likewise for other dimensions.

    Shapes: the index has as many dimensions as the input (a number counts as a vector of one), and only ``dim`` may
    be longer. The result has the shape of the index.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]]).gather(1, tg.tensor([[0], [1]]))
    tensor([[1.],
            [4.]])
    """
    if input.ndim < 2:
        one_dim("gather", dim, input.ndim)
        return _from_vector(input, _integers("gather", index, input.shape[0] if input.shape else 1))
    return take_at(input, _coordinates("gather", input, dim, index))


def _from_vector(input: T, index: Array) -> T:
    """Return the entries of a vector or a 0-d tensor, which counts as a vector of one, at an array of indices."""
    if index.ndim > 1 and index.size:
        raise ValueError(f"gather: an index of shape {index.shape} does not fit an input of {input.shape}")
    vector = input if input.ndim else take_at(input, (None,))
    found = take_at(vector, (index.reshape(index.shape or 1),))
    return found if index.ndim else take_at(found, (0,))


def _first_of(name: str, src: T, shape: tuple[int, ...]) -> T:
    """Return the leading part of the source, of the shape of the index."""
    if src.ndim != len(shape) or any(n > m for n, m in zip(shape, src.shape, strict=True)):
        raise ValueError(f"{name}: an index of shape {shape} does not fit a source of {src.shape}")
    return take_at(src, tuple(map(slice, shape)))


def scatter(input: T, dim: int, index: Any, src: Any = None, *, value: float | None = None) -> T:
    """Return input with the source, or one number, written where `gather` with the same index would read.

    The number may be given as ``src`` or as ``value``; for a vector as input, the index may then be 0-d.

    If the index repeats a place, one of its values remains, and every one of them receives the gradient.

    >>> import tinygrad_cnn as tg
    >>> tg.scatter(tg.zeros(3), 0, tg.tensor([2, 0]), tg.tensor([5.0, 7.0]))
    tensor([7., 0., 5.])
    """
    if (src is None) == (value is None):
        raise TypeError("scatter: wanted either src or value")
    src = value if src is None else src
    if isinstance(src, (bool, int, float)) and input.ndim == 1 and not np.ndim(array_of(index)):
        index = np.reshape(array_of(index), 1)
    where = _coordinates("scatter", input, dim, index)
    if isinstance(src, (bool, int, float)):
        return put_at(input, constant(held_number("scatter", src, input.dtype)), where)
    want_same_dtype("scatter", input=input, src=src)
    return put_at(input, _first_of("scatter", src, np.shape(array_of(index))), where)


def scatter_add(input: T, dim: int, index: Any, src: T) -> T:
    """Return input with the source added where `gather` with the same index would read; repeated places add up.

    >>> import tinygrad_cnn as tg
    >>> tg.scatter_add(tg.zeros(3), 0, tg.tensor([2, 2]), tg.tensor([5.0, 7.0]))
    tensor([ 0.,  0., 12.])
    """
    where = _coordinates("scatter_add", input, dim, index)
    want_same_dtype("scatter_add", input=input, src=src)
    return input + add_at(_first_of("scatter_add", src, np.shape(array_of(index))), input.shape, where)


# --- replacing entries ---


def index_put(input: T, indices: Sequence[Any], values: T, accumulate: bool = False) -> T:
    """Return a copy with ``input[indices] = values``, or, if ``accumulate``, with all values added.

    >>> import tinygrad_cnn as tg
    >>> tg.index_put(tg.zeros(3), (tg.tensor([0, 2]),), tg.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    where = tuple(_place("index_put", i) for i in indices)
    want_same_dtype("index_put", input=input, values=values)
    values = broadcast_to(values, array_of(input)[where].shape)
    if accumulate:
        return input + add_at(values, input.shape, where)
    return put_at(input, values, where)


def select_scatter(input: T, src: T, dim: int, index: int) -> T:
    """Return a copy with one entry of a dimension replaced by the source.

    >>> import tinygrad_cnn as tg
    >>> tg.select_scatter(tg.zeros(2, 2), tg.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    where = _at("select_scatter", input, dim, int(index))
    wanted = array_of(input)[where].shape
    if src.shape != wanted:
        raise ValueError(f"select_scatter: the source has shape {src.shape}, wanted {wanted}")
    want_same_dtype("select_scatter", input=input, src=src)
    return put_at(input, src, where)
