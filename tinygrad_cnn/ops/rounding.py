"""Rounding, and division that leaves a remainder: flat between jumps, so the derivative is 0 where there is one.

At a jump PyTorch's derivatives are 0 too, and so are these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_cnn.ops.broadcast import elementwise
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "ceil",
    "floor",
    "floor_divide",
    "fmod",
    "frac",
    "remainder",
    "round",
    "trunc",
]


def _whole(function: Callable[..., Array], input: Array) -> Array:
    return function(input) if input.dtype.kind == "f" else input.copy()


@operation(input=lambda g: g * 0.0)
def floor(input: Array) -> Array:
    """The largest whole number that is not above the input."""
    return _whole(np.floor, input)


@operation(input=lambda g: g * 0.0)
def ceil(input: Array) -> Array:
    """The smallest whole number that is not below the input."""
    return _whole(np.ceil, input)


@operation(input=lambda g: g * 0.0)
def trunc(input: Array) -> Array:
    """The input without what comes after the point."""
    return _whole(np.trunc, input)


@operation(input=lambda g: g * 0.0)
def _round(input: Array, *, decimals: int) -> Array:
    return np.round(input, decimals)


def round(input: T, *, decimals: int = 0) -> T:
    """Return the nearest number of so many decimals, or of none; of two as near, the even one.

    >>> import tinygrad_cnn as tg
    >>> tg.round(tg.tensor([0.5, 1.5, -2.7]))
    tensor([ 0.,  2., -3.])
    """
    return _round(input, decimals=decimals)


def frac(input: T) -> T:
    """Return what comes after the point, with the sign of the input."""
    return input - trunc(input)


def _check_divisor(input: Any, other: Any) -> None:
    if np.result_type(input, other).kind in "iu" and not np.all(other):
        raise ValueError("an integer is divided by 0")


@elementwise(
    input=lambda g: g * 0.0,
    other=lambda g: g * 0.0,
)
def floor_divide(input: Array, other: Array) -> Array:
    """The largest whole number that is not above input / other; PyTorch has no derivative here, this one is 0."""
    _check_divisor(input, other)
    return np.floor_divide(input, other)


@elementwise(
    input=lambda g: g * 0.0,
    other=lambda g: g * 0.0,
)
def _div_trunc(input: Array, other: Array) -> Array:
    _check_divisor(input, other)
    rest = np.fmod(input, other)
    return np.floor_divide(input - rest, other) if rest.dtype.kind in "iu" else np.trunc(np.divide(input, other))


@elementwise(
    input=lambda g: g,
    other=lambda g, input, other: -g * floor_divide(input, other),
)
def remainder(input: Array, other: Array) -> Array:
    """What is left when other is taken from input a whole number of times; it has the sign of other."""
    _check_divisor(input, other)
    return np.remainder(input, other)


@elementwise(
    input=lambda g: g,
    other=lambda g, input, other: -g * _div_trunc(input, other),
)
def fmod(input: Array, other: Array) -> Array:
    """What is left when other is taken from input a whole number of times; it has the sign of input."""
    _check_divisor(input, other)
    return np.fmod(input, other)
