"""Small elementwise functions and tests: fmax, ldexp, heaviside, signbit, gcd, and angles in degrees."""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from tinygrad_cnn.ops.arguments import want_same_dtype
from tinygrad_cnn.ops.broadcast import elementwise
from tinygrad_cnn.ops.choices import where
from tinygrad_cnn.ops.comparison import ge, gt, le, lt, ne
from tinygrad_cnn.ops.elementwise import LN2, logaddexp, mul, pow, sign
from tinygrad_cnn.ops.rounding import trunc
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "bitwise_left_shift",
    "bitwise_right_shift",
    "deg2rad",
    "fix",
    "fmax",
    "fmin",
    "gcd",
    "greater",
    "greater_equal",
    "heaviside",
    "isneginf",
    "isposinf",
    "isreal",
    "lcm",
    "ldexp",
    "less",
    "less_equal",
    "logaddexp2",
    "not_equal",
    "rad2deg",
    "sgn",
    "signbit",
]

greater, greater_equal, less, less_equal, not_equal, sgn, fix = gt, ge, lt, le, ne, sign, trunc


def fmax(input: T, other: T) -> T:
    """Return the larger of the two, or the one that is not NaN; of equal numbers the first gets the gradient.

    >>> import tinygrad_cnn as tg
    >>> tg.fmax(tg.tensor([1.0, float("nan")]), tg.tensor([0.0, 2.0]))
    tensor([1., 2.])
    """
    return where((input >= other) | (other != other), input, other)


def fmin(input: T, other: T) -> T:
    """Return the smaller of the two, or the one that is not NaN; of equal numbers the first gets the gradient.

    >>> import tinygrad_cnn as tg
    >>> tg.fmin(tg.tensor([1.0, tg.nan]), tg.tensor([2.0, 3.0]))
    tensor([1., 3.])
    """
    return where((input <= other) | (other != other), input, other)


def deg2rad(input: T) -> T:
    """Convert degrees to radians.

    >>> import tinygrad_cnn as tg
    >>> tg.deg2rad(tg.tensor([180.0]))
    tensor([3.1416])
    """
    return mul(input, pi / 180)


def rad2deg(input: T) -> T:
    """Convert radians to degrees.

    >>> import tinygrad_cnn as tg
    >>> tg.rad2deg(tg.tensor([tg.pi]))
    tensor([180.])
    """
    return mul(input, 180 / pi)


def ldexp(input: T, other: Any) -> T:
    """Return input * 2^other.

    >>> import tinygrad_cnn as tg
    >>> tg.ldexp(tg.tensor([1.0, 3.0]), tg.tensor([2, 3]))
    tensor([ 4., 24.])
    """
    return mul(input, pow(2.0, other))


def logaddexp2(input: T, other: T) -> T:
    """Return log2(2^input + 2^other), without overflow.

    >>> import tinygrad_cnn as tg
    >>> tg.logaddexp2(tg.tensor([3.0]), tg.tensor([3.0]))
    tensor([4.])
    """
    return logaddexp(input * LN2, other * LN2) / LN2


# --- without a derivative ---


@elementwise()
def _heaviside(input: Array, values: Array) -> Array:
    return np.where(input == 0, values, input > 0).astype(values.dtype)


def heaviside(input: T, values: T) -> T:
    """Return 0 for negative numbers, 1 for positive ones, and ``values`` at 0.

    >>> import tinygrad_cnn as tg
    >>> tg.heaviside(tg.tensor([-2.0, 0.0, 3.0]), tg.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    want_same_dtype("heaviside", input=input, values=values)
    return _heaviside(input, values)


@operation()
def signbit(input: Array) -> Array:
    """Whether the sign is set: of negative numbers, and of -0.

    >>> import tinygrad_cnn as tg
    >>> tg.signbit(tg.tensor([-1.0, 2.0]))
    tensor([ True, False])
    """
    return np.signbit(input) if input.dtype.kind == "f" else input < 0


@operation()
def isposinf(input: Array) -> Array:
    """Whether input is the positive infinity.

    >>> import tinygrad_cnn as tg
    >>> tg.isposinf(tg.tensor([-tg.inf, tg.inf]))
    tensor([False,  True])
    """
    return np.equal(input, np.inf)


@operation()
def isneginf(input: Array) -> Array:
    """Whether input is the negative infinity.

    >>> import tinygrad_cnn as tg
    >>> tg.isneginf(tg.tensor([-tg.inf, tg.inf]))
    tensor([ True, False])
    """
    return np.equal(input, -np.inf)


@operation()
def isreal(input: Array) -> Array:
    """True: all numbers are real.

    >>> import tinygrad_cnn as tg
    >>> tg.isreal(tg.tensor([1.0, 2.0]))
    tensor([True, True])
    """
    return np.ones(input.shape, np.bool_)


@elementwise()
def gcd(input: Array, other: Array) -> Array:
    """The greatest common divisor of integers.

    >>> import tinygrad_cnn as tg
    >>> tg.gcd(tg.tensor([12, 9]), tg.tensor([8, 6]))
    tensor([4, 3])
    """
    return np.gcd(input, other)


@elementwise()
def lcm(input: Array, other: Array) -> Array:
    """The least common multiple of integers.

    >>> import tinygrad_cnn as tg
    >>> tg.lcm(tg.tensor([4, 6]), tg.tensor([6, 9]))
    tensor([12, 18])
    """
    return np.abs(np.lcm(input, other))


@elementwise()
def bitwise_left_shift(input: Array, other: Array) -> Array:
    """The bits of an integer, shifted to the left: input * 2^other.

    >>> import tinygrad_cnn as tg
    >>> tg.bitwise_left_shift(tg.tensor([1, 3]), 2)
    tensor([ 4, 12])
    """
    return np.left_shift(input, other)


@elementwise()
def bitwise_right_shift(input: Array, other: Array) -> Array:
    """The bits of an integer, shifted to the right; the sign is kept.

    >>> import tinygrad_cnn as tg
    >>> tg.bitwise_right_shift(tg.tensor([4, 12]), 2)
    tensor([1, 3])
    """
    return np.right_shift(input, other)
