"""Indexing with masks, and into the flattened tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.ops.arguments import array_of, one_dim, want_same_dtype
from tinygrad_cnn.ops.broadcast import broadcast_to, cast
from tinygrad_cnn.ops.choices import where
from tinygrad_cnn.ops.index import _integers, gather, put_at, take_at
from tinygrad_cnn.ops.shape import reshape
from tinygrad_cnn.support.arrays import held_number
from tinygrad_cnn.tape.capture import constant
from tinygrad_cnn.tape.record import Variable, make_tensor, operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "nonzero",
    "take",
    "take_along_dim",
]


def _mask(name: str, input: T, mask: Any) -> tuple[T, Array]:
    """Return the input and the mask, broadcast against each other."""
    array = np.asarray(array_of(mask))
    if array.dtype != bool:
        raise TypeError(f"{name}: wanted booleans as mask, got {array.dtype}")
    try:
        shape = np.broadcast_shapes(input.shape, array.shape)
    except ValueError:
        raise ValueError(f"{name}: shapes {input.shape} and {array.shape} of the mask do not fit") from None
    return broadcast_to(input, shape), np.broadcast_to(array, shape)


def masked_fill(input: T, mask: Any, value: Any) -> T:
    """Return input with a value where the mask is true.

    >>> import tinygrad_cnn as tg
    >>> x = tg.tensor([-1.0, 2.0])
    >>> x.masked_fill(x < 0, 0.5)
    tensor([0.5000, 2.0000])
    """
    filled, array = _mask("masked_fill", input, mask)
    if np.ndim(array_of(value)):
        raise ValueError(f"masked_fill: wanted one value, got shape {np.shape(array_of(value))}")
    if not isinstance(value, Variable):
        number = np.asarray(held_number("masked_fill", value, input.dtype))
        value = number if isinstance(value, np.ndarray) else constant(number)
    if value.dtype != input.dtype:
        value = cast(value, dtype=input.dtype)
    return where(mask if isinstance(mask, Variable) else array, value, filled)


def masked_select(input: T, mask: Any) -> T:
    """Return the entries where the mask is true, as a vector.

    >>> import tinygrad_cnn as tg
    >>> tg.masked_select(tg.tensor([1, 2, 3]), tg.tensor([True, False, True]))
    tensor([1, 3])
    """
    broadcast, array = _mask("masked_select", input, mask)
    return take_at(broadcast, array)


def masked_scatter(input: T, mask: Any, source: T) -> T:
    """Return input with the entries of the source, in order, where the mask is true.

    >>> import tinygrad_cnn as tg
    >>> tg.masked_scatter(tg.zeros(3), tg.tensor([True, False, True]), tg.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    broadcast, array = _mask("masked_scatter", input, mask)
    want_same_dtype("masked_scatter", input=input, source=source)
    wanted, given = int(array.sum()), array_of(source).size
    if given < wanted:
        raise ValueError(f"masked_scatter: the mask needs {wanted} entries, the source has {given}")
    return put_at(broadcast, take_at(reshape(source, given), slice(wanted)), array)


def take(input: T, index: Any) -> T:
    """Return entries of the flattened tensor, in the shape of the indices; -1 is the last entry.

    >>> import tinygrad_cnn as tg
    >>> tg.take(tg.tensor([[1, 2], [3, 4]]), tg.tensor([0, 3]))
    tensor([1, 4])
    """
    size, array = array_of(input).size, np.asarray(array_of(index))
    array = array + size * (array < 0)
    return take_at(reshape(input, size), _integers("take", array, size))


def take_along_dim(input: T, indices: Any, dim: int | None = None) -> T:
    """Return `gather` along a dimension, with the other dimensions broadcast, or from the flattened tensor.

    Negative indices count from the end.

    >>> import tinygrad_cnn as tg
    >>> tg.take_along_dim(tg.tensor([[1, 2], [3, 4]]), tg.tensor([[1], [0]]), dim=1)
    tensor([[2],
            [3]])
    """
    array = np.asarray(array_of(indices))
    if dim is None:
        size = array_of(input).size
        return gather(reshape(input, size), 0, _from_the_front(array.reshape(-1), size))
    axis = one_dim("take_along_dim", dim, input.ndim)
    shape, chosen = list(input.shape), list(array.shape)
    if len(chosen) != len(shape):
        raise ValueError(f"take_along_dim: indices of shape {array.shape} do not fit an input of {input.shape}")
    if shape:
        length, count = shape[axis], chosen[axis]
        array = _from_the_front(array, length)
        shape[axis] = chosen[axis] = 1
        shape = list(np.broadcast_shapes(tuple(shape), tuple(chosen)))
        chosen = [*shape]
        shape[axis], chosen[axis] = length, count
    return gather(broadcast_to(input, tuple(shape)), axis, np.broadcast_to(array, chosen))


def _from_the_front(indices: Array, length: int) -> Array:
    return np.where(indices < 0, indices + length, indices)


@operation()
def _nonzero(input: Array) -> Array:
    return np.argwhere(input)


def nonzero(input: T, as_tuple: bool = False) -> Any:
    """Return the index of each entry that is not 0 as a row, or, ``as_tuple``, a vector for each dimension.

    >>> import tinygrad_cnn as tg
    >>> tg.nonzero(tg.tensor([0, 7, 0, 8]))
    tensor([[1],
            [3]])
    """
    if not as_tuple:
        return _nonzero(input)
    return tuple(make_tensor(input, i) for i in np.nonzero(np.atleast_1d(input.array)))
