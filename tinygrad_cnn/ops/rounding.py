"""Rounding, floor division and remainders. Rounding is piecewise constant, so its derivative is 0.

At a jump, where no derivative exists, it is 0 as well, as in PyTorch.
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


def _rounded(function: Callable[..., Array], input: Array) -> Array:
    return function(input) if input.dtype.kind == "f" else input.copy()


@operation(input=lambda g: g * 0.0)
def floor(input: Array) -> Array:
    """The largest integer that is at most the input.

    >>> import tinygrad_cnn as tg
    >>> tg.floor(tg.tensor([-1.5, 1.7]))
    tensor([-2.,  1.])
    """
    return _rounded(np.floor, input)


@operation(input=lambda g: g * 0.0)
def ceil(input: Array) -> Array:
    """The smallest integer that is at least the input.

    >>> import tinygrad_cnn as tg
    >>> tg.ceil(tg.tensor([-1.5, 1.2]))
    tensor([-1.,  2.])
    """
    return _rounded(np.ceil, input)


@operation(input=lambda g: g * 0.0)
def trunc(input: Array) -> Array:
    """The input without its fractional part.

    >>> import tinygrad_cnn as tg
    >>> tg.fix(tg.tensor([-1.5, 1.7]))
    tensor([-1.,  1.])
    """
    return _rounded(np.trunc, input)


@operation(input=lambda g: g * 0.0)
def _round(input: Array, *, decimals: int) -> Array:
    return np.round(input, decimals)


def round(input: T, *, decimals: int = 0) -> T:
    """Round to a number of decimals; halfway cases are rounded to the even number.

    >>> import tinygrad_cnn as tg
    >>> tg.round(tg.tensor([0.5, 1.5, -2.7]))
    tensor([ 0.,  2., -3.])
    """
    return _round(input, decimals=decimals)


def frac(input: T) -> T:
    """Return the fractional part, with the sign of the input.

    >>> import tinygrad_cnn as tg
    >>> tg.frac(tg.tensor([1.5, -2.25]))
    tensor([ 0.5000, -0.2500])
    """
    return input - trunc(input)


def _check_divisor(input: Any, other: Any) -> None:
    if np.result_type(input, other).kind in "iu" and not np.all(other):
        raise ValueError("an integer is divided by 0")


@elementwise(
    input=lambda g: g * 0.0,
    other=lambda g: g * 0.0,
)
def floor_divide(input: Array, other: Array) -> Array:
    """The largest integer that is at most input / other. The derivative is 0; PyTorch has none here.

    >>> import tinygrad_cnn as tg
    >>> tg.floor_divide(tg.tensor([7, -7]), 2)
    tensor([ 3, -4])
    """
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
    """The remainder of input / other, with the sign of other (as Python's %).

    >>> import tinygrad_cnn as tg
    >>> tg.remainder(tg.tensor([7.0, -7.0]), 3)
    tensor([1., 2.])
    """
    _check_divisor(input, other)
    return np.remainder(input, other)


@elementwise(
    input=lambda g: g,
    other=lambda g, input, other: -g * _div_trunc(input, other),
)
def fmod(input: Array, other: Array) -> Array:
    """The remainder of input / other, with the sign of input (as C's fmod).

    >>> import tinygrad_cnn as tg
    >>> tg.fmod(tg.tensor([7.0, -7.0]), 3)
    tensor([ 1., -1.])
    """
    _check_divisor(input, other)
    return np.fmod(input, other)
