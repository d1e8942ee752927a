"""Taking a part, and its adjoint: adding into a part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cnn.ops.arguments import array_of, one_dim
from tinygrad_cnn.tape import Array, operation

if TYPE_CHECKING:
    from tinygrad_cnn.tensor import Tensor

__all__ = ["narrow"]

_BASIC = (int, np.integer, slice, type(None), type(...))


@operation(input=lambda g, input_shape, index: _unindex(g, shape=input_shape, index=index))
def _index(input: Array, *, index: Any) -> Array:
    return input[index]


@operation(input=lambda g, index: _index(g, index=index))
def _unindex(input: Array, *, shape: tuple[int, ...], index: Any) -> Array:
    out = np.zeros_like(input, shape=shape)
    if all(isinstance(i, _BASIC) for i in (index if isinstance(index, tuple) else (index,))):
        out[index] = input
    else:
        np.add.at(out, index, input)  # a place may be named more than once
    return out


def getitem(input: Tensor, index: Any) -> Tensor:
    """Take a part, as NumPy does: integers, slices, ``...``, None, integer or boolean arrays, or a mixture.

    A view for integers and slices, else a copy.
    """
    if isinstance(index, tuple):
        return _index(input, index=tuple(_as_index(i) for i in index))
    return _index(input, index=_as_index(index))


def _as_index(index: Any) -> Any:
    """Return one part of an index as NumPy understands it."""
    array = array_of(index)
    if isinstance(array, list):
        array = np.asarray(array) if array else np.empty(0, np.int64)
    if isinstance(array, np.ndarray) and array.dtype.kind not in "biu":
        raise IndexError(f"getitem: wanted integers or booleans as index, got {array.dtype}")
    return array


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """Take ``length`` entries along a dimension from ``start`` on: a view."""
    shape = tuple(input.shape)
    axis = one_dim("narrow", dim, len(shape))
    first = start + shape[axis] if start < 0 else start
    if not shape or length < 0 or not 0 <= first <= shape[axis] - length:
        raise IndexError(f"narrow: {length} entries from {start} on are not within dimension {dim} of {shape}")
    return _index(input, index=(slice(None),) * axis + (slice(first, first + length),))
