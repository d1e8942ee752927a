"""Arithmetic and functions of one number, each with its derivative.

At a kink, a derivative takes the value that PyTorch gives it: 0 at relu's and abs's corner, the gradient shared
evenly where a maximum is tied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cnn.dtypes import as_float
from tinygrad_cnn.kernels.memory import empty_like
from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.ops.broadcast import elementwise
from tinygrad_cnn.tape import Array, operation

if TYPE_CHECKING:
    from tinygrad_cnn.tensor import Tensor

__all__ = [
    "abs",
    "add",
    "clamp",
    "cos",
    "div",
    "eq",
    "exp",
    "ge",
    "gt",
    "isfinite",
    "isnan",
    "le",
    "log",
    "logical_and",
    "logical_not",
    "logical_or",
    "lt",
    "maximum",
    "minimum",
    "mul",
    "ne",
    "neg",
    "pow",
    "relu",
    "sigmoid",
    "sign",
    "sin",
    "sqrt",
    "square",
    "sub",
    "tanh",
    "where",
]

# --- arithmetic ---


@elementwise(
    input=lambda g: g,
    other=lambda g: g,
)
def add(input: Array, other: Array) -> Array:
    """input + other."""
    return np.add(input, other)


@elementwise(
    input=lambda g: g,
    other=lambda g: -g,
)
def sub(input: Array, other: Array) -> Array:
    """input - other."""
    return np.subtract(input, other)


@elementwise(
    input=lambda g, other: g * other,
    other=lambda g, input: g * input,
)
def mul(input: Array, other: Array) -> Array:
    """input * other."""
    return np.multiply(input, other)


@elementwise(
    input=lambda g, other: g / other,
    other=lambda g, out, other: -g * (out / other),
)
def div(input: Array, other: Array) -> Array:
    """input / other; integers are divided as floats."""
    return np.true_divide(as_float(input), as_float(other))


# Where the exponent is 0, so is the derivative, and no power of 0 may be asked for to find it; where the base is
# 0, log(1) stands in for the infinite logarithm that the zero power outweighs.
@elementwise(
    input=lambda g, input, other: g * (other * input ** (other - (other != 0))),
    other=lambda g, out, input: g * (out * log(input + (input == 0))),
)
def pow(input: Array, other: Array) -> Array:
    """input to the power other."""
    return input**other


@operation(input=lambda g: -g)
def neg(input: Array) -> Array:
    """-input."""
    return np.negative(input)


@operation(input=lambda g, input: g * (2 * input))
def square(input: Array) -> Array:
    """input * input."""
    return np.square(input)


@operation(input=lambda g, input: g * sign(input))
def abs(input: Array) -> Array:
    """The distance from 0; at 0 the derivative is 0."""
    return np.abs(input)


@operation(input=lambda g: g * 0.0)
def sign(input: Array) -> Array:
    """-1, 0 or 1; the derivative is 0 everywhere."""
    return np.sign(input)


# --- exponentials and their kin ---


@operation(input=lambda g, out: g * out)
def exp(input: Array) -> Array:
    """e to the power input."""
    return np.exp(as_float(input))


@operation(input=lambda g, input: g / input)
def log(input: Array) -> Array:
    """The natural logarithm."""
    return np.log(as_float(input))


@operation(input=lambda g, out: g / (2 * out))
def sqrt(input: Array) -> Array:
    """The square root; its derivative at 0 is infinite."""
    return np.sqrt(as_float(input))


@operation(input=lambda g, input: g * cos(input))
def sin(input: Array) -> Array:
    """The sine of an angle in radians."""
    return np.sin(as_float(input))


@operation(input=lambda g, input: -g * sin(input))
def cos(input: Array) -> Array:
    """The cosine of an angle in radians."""
    return np.cos(as_float(input))


@operation(input=lambda g, out: g * (1 - out * out))
def tanh(input: Array) -> Array:
    """The hyperbolic tangent."""
    return np.tanh(as_float(input))


@operation(input=lambda g, out: g * (out * (1 - out)))
def sigmoid(input: Array) -> Array:
    """1 / (1 + e^-input), computed so that nothing overflows."""
    input = as_float(input)
    e = np.exp(-np.abs(input))
    return np.where(input >= 0, 1, e) / (1 + e)


# --- choices ---


@operation(input=lambda g, out: _where_positive(g, out))
def relu(input: Array) -> Array:
    """input where it is positive, else 0; at 0 the derivative is 0."""
    return np.maximum(input, 0, out=empty_like(input))


# relu's derivative; an operation of its own so that what it makes, as large as what relu makes, uses memory again.
@operation(values=lambda g, signs: _where_positive(g, signs))
def _where_positive(values: Array, signs: Array) -> Array:
    return np.multiply(values, signs > 0, out=empty_like(signs))


@elementwise(
    input=lambda g, input, other: _to_winner(g, input > other, input == other),
    other=lambda g, input, other: _to_winner(g, other > input, input == other),
)
def maximum(input: Array, other: Array) -> Array:
    """The larger of the two; a tie shares the gradient evenly."""
    return np.maximum(input, other)


@elementwise(
    input=lambda g, input, other: _to_winner(g, input < other, input == other),
    other=lambda g, input, other: _to_winner(g, other < input, input == other),
)
def minimum(input: Array, other: Array) -> Array:
    """The smaller of the two; a tie shares the gradient evenly."""
    return np.minimum(input, other)


def _to_winner(g: Any, won: Any, tied: Any) -> Any:
    return where(won, g, where(tied, g / 2, 0.0))


@elementwise(
    input=lambda g, condition: where(condition, g, 0.0),
    other=lambda g, condition: where(condition, 0.0, g),
)
def _where(input: Array, other: Array, *, condition: Array) -> Array:
    return np.where(condition, input, other)


def where(condition: Any, input: Any, other: Any) -> Tensor:
    """input where the condition holds, else other; all three broadcast.

    >>> import tinygrad_cnn as tg
    >>> x = tg.tensor([-1.0, 2.0])
    >>> tg.where(x > 0, x, 0.1 * x)
    tensor([-0.1000,  2.0000])
    """
    return _where(input, other, condition=array_of(condition))


@operation(input=lambda g, input, min, max: g * ((input >= min) & (input <= max)))
def _clamp(input: Array, *, min: float, max: float) -> Array:
    return np.clip(input, min, max)


def clamp(input: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    """input, but no less than min and no more than max; the gradient passes where neither changed it."""
    if min is None and max is None:
        raise ValueError("clamp: wanted min, max or both, got neither")
    return _clamp(input, min=-np.inf if min is None else min, max=np.inf if max is None else max)


# --- comparison: no derivative ---


@operation()
def eq(input: Array, other: Array) -> Array:
    """Whether input == other."""
    return np.equal(input, other)


@operation()
def ne(input: Array, other: Array) -> Array:
    """Whether input != other."""
    return np.not_equal(input, other)


@operation()
def lt(input: Array, other: Array) -> Array:
    """Whether input < other."""
    return np.less(input, other)


@operation()
def le(input: Array, other: Array) -> Array:
    """Whether input <= other."""
    return np.less_equal(input, other)


@operation()
def gt(input: Array, other: Array) -> Array:
    """Whether input > other."""
    return np.greater(input, other)


@operation()
def ge(input: Array, other: Array) -> Array:
    """Whether input >= other."""
    return np.greater_equal(input, other)


@operation()
def logical_and(input: Array, other: Array) -> Array:
    """Whether both hold."""
    return np.logical_and(input, other)


@operation()
def logical_or(input: Array, other: Array) -> Array:
    """Whether either holds."""
    return np.logical_or(input, other)


@operation()
def logical_not(input: Array) -> Array:
    """Whether it does not hold."""
    return np.logical_not(input)


@operation()
def isfinite(input: Array) -> Array:
    """Whether it is neither infinite nor NaN."""
    return np.isfinite(input)


@operation()
def isnan(input: Array) -> Array:
    """Whether it is NaN."""
    return np.isnan(input)
