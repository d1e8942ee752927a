"""Comparisons, logic and tests such as isnan: their results are booleans, and they have no derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.ops.broadcast import elementwise
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "eq",
    "equal",
    "ge",
    "gt",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
]


@operation()
def eq(input: Array, other: Array) -> Array:
    """Whether input == other.

    >>> import tinygrad_cnn as tg
    >>> tg.eq(tg.tensor([1, 2]), tg.tensor([1, 3]))
    tensor([ True, False])
    """
    return np.equal(input, other)


@operation()
def ne(input: Array, other: Array) -> Array:
    """Whether input != other.

    >>> import tinygrad_cnn as tg
    >>> tg.ne(tg.tensor([1, 2]), tg.tensor([1, 3]))
    tensor([False,  True])
    """
    return np.not_equal(input, other)


@operation()
def lt(input: Array, other: Array) -> Array:
    """Whether input < other.

    >>> import tinygrad_cnn as tg
    >>> tg.lt(tg.tensor([1, 2, 3]), 2)
    tensor([ True, False, False])
    """
    return np.less(input, other)


@operation()
def le(input: Array, other: Array) -> Array:
    """Whether input <= other.

    >>> import tinygrad_cnn as tg
    >>> tg.le(tg.tensor([1, 2, 3]), 2)
    tensor([ True,  True, False])
    """
    return np.less_equal(input, other)


@operation()
def gt(input: Array, other: Array) -> Array:
    """Whether input > other.

    >>> import tinygrad_cnn as tg
    >>> tg.gt(tg.tensor([1, 2, 3]), 2)
    tensor([False, False,  True])
    """
    return np.greater(input, other)


@operation()
def ge(input: Array, other: Array) -> Array:
    """Whether input >= other.

    >>> import tinygrad_cnn as tg
    >>> tg.ge(tg.tensor([1, 2, 3]), 2)
    tensor([False,  True,  True])
    """
    return np.greater_equal(input, other)


@operation()
def logical_and(input: Array, other: Array) -> Array:
    """Whether both are true (not 0).

    >>> import tinygrad_cnn as tg
    >>> tg.logical_and(tg.tensor([True, True]), tg.tensor([True, False]))
    tensor([ True, False])
    """
    return np.logical_and(input, other)


@operation()
def logical_or(input: Array, other: Array) -> Array:
    """Whether at least one is true (not 0).

    >>> import tinygrad_cnn as tg
    >>> tg.logical_or(tg.tensor([True, False]), tg.tensor([False, False]))
    tensor([ True, False])
    """
    return np.logical_or(input, other)


@operation()
def logical_not(input: Array) -> Array:
    """Whether input is false (0).

    >>> import tinygrad_cnn as tg
    >>> tg.logical_not(tg.tensor([0, 2]))
    tensor([ True, False])
    """
    return np.logical_not(input)


@operation()
def isfinite(input: Array) -> Array:
    """Whether input is neither infinite nor NaN.

    >>> import tinygrad_cnn as tg
    >>> tg.isfinite(tg.tensor([1.0, tg.inf, tg.nan]))
    tensor([ True, False, False])
    """
    return np.isfinite(input)


@operation()
def isnan(input: Array) -> Array:
    """Whether input is NaN.

    >>> import tinygrad_cnn as tg
    >>> tg.isnan(tg.tensor([1.0, tg.inf, tg.nan]))
    tensor([False, False,  True])
    """
    return np.isnan(input)


@operation()
def isinf(input: Array) -> Array:
    """Whether input is infinite.

    >>> import tinygrad_cnn as tg
    >>> tg.isinf(tg.tensor([1.0, tg.inf, tg.nan]))
    tensor([False,  True, False])
    """
    return np.isinf(input)


@operation()
def logical_xor(input: Array, other: Array) -> Array:
    """Whether exactly one is true (not 0).

    >>> import tinygrad_cnn as tg
    >>> tg.logical_xor(tg.tensor([True, True]), tg.tensor([True, False]))
    tensor([False,  True])
    """
    return np.logical_xor(input, other)


# --- bitwise logic ---


@elementwise()
def bitwise_and(input: Array, other: Array) -> Array:
    """The bitwise AND of integers, the logical AND of booleans.

    >>> import tinygrad_cnn as tg
    >>> tg.bitwise_and(tg.tensor([6, 5]), tg.tensor([3, 4]))
    tensor([2, 4])
    """
    return np.bitwise_and(input, other)


@elementwise()
def bitwise_or(input: Array, other: Array) -> Array:
    """The bitwise OR of integers, the logical OR of booleans.

    >>> import tinygrad_cnn as tg
    >>> tg.bitwise_or(tg.tensor([6, 5]), tg.tensor([3, 4]))
    tensor([7, 5])
    """
    return np.bitwise_or(input, other)


@elementwise()
def bitwise_xor(input: Array, other: Array) -> Array:
    """The bitwise XOR of integers, the logical XOR of booleans.

    >>> import tinygrad_cnn as tg
    >>> tg.bitwise_xor(tg.tensor([6, 5]), tg.tensor([3, 4]))
    tensor([5, 1])
    """
    return np.bitwise_xor(input, other)


@operation()
def bitwise_not(input: Array) -> Array:
    """The bitwise NOT of an integer, the logical NOT of a boolean.

    >>> import tinygrad_cnn as tg
    >>> tg.bitwise_not(tg.tensor([0, 5]))
    tensor([-1, -6])
    """
    return np.bitwise_not(input)


# --- approximate and exact equality ---


@operation()
def _isclose(input: Array, other: Array, *, rtol: float, atol: float, equal_nan: bool) -> Array:
    return np.isclose(input, other, rtol, atol, equal_nan)


def isclose(input: T, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> T:
    """Return whether |input - other| <= atol + rtol * |other|; infinities are close if they are equal.

    >>> import tinygrad_cnn as tg
    >>> tg.isclose(tg.tensor([1.0, 2.0]), tg.tensor([1.000001, 2.1]))
    tensor([ True, False])
    """
    if rtol < 0 or atol < 0:
        raise ValueError(f"isclose: rtol is {rtol} and atol {atol}; wanted at least 0")
    return _isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)


def allclose(input: T, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Return whether all entries are close: see `isclose`.

    >>> import tinygrad_cnn as tg
    >>> tg.allclose(tg.tensor([1.0]), tg.tensor([1.0 + 1e-7]))
    True
    """
    return bool(np.all(array_of(isclose(input, other, rtol, atol, equal_nan))))


def equal(input: T, other: T) -> bool:
    """Return whether two tensors have the same shape and the same values; NaN equals nothing.

    >>> import tinygrad_cnn as tg
    >>> tg.equal(tg.tensor([1, 2]), tg.tensor([1, 2]))
    True
    """
    return np.array_equal(array_of(input), array_of(other))
