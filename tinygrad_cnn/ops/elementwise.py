"""Elementwise operations: arithmetic, exponentials and logarithms (exp, log, sigmoid).

Where a function has no derivative, PyTorch's convention holds: 0 for abs at 0.
"""

from __future__ import annotations

from functools import reduce
from math import log as _ln
from typing import Any

import numpy as np

from tinygrad_cnn.kernels import batch_innermost as kernels
from tinygrad_cnn.kernels.elementwise import sigmoid as sigmoid_kernel
from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.ops.broadcast import cast, elementwise, fractional
from tinygrad_cnn.ops.choices import where
from tinygrad_cnn.ops.rounding import _div_trunc, floor_divide
from tinygrad_cnn.support.dtypes import as_float, float64, result_type
from tinygrad_cnn.tape.record import Variable, operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "abs",
    "absolute",
    "add",
    "addcdiv",
    "addcmul",
    "copysign",
    "div",
    "divide",
    "exp",
    "exp2",
    "expm1",
    "float_power",
    "hypot",
    "lerp",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "mul",
    "multiply",
    "neg",
    "negative",
    "positive",
    "pow",
    "reciprocal",
    "rsqrt",
    "rsub",
    "sigmoid",
    "sign",
    "sqrt",
    "square",
    "sub",
    "subtract",
    "true_divide",
    "xlogy",
]

LN2, LN10 = _ln(2), _ln(10)

# --- arithmetic ---


@elementwise(
    input=lambda g: g,
    other=lambda g: g,
)
def _add(input: Array, other: Array) -> Array:
    """input + other."""
    return kernels.add(input, other)


def add(input: T, other: Any, *, alpha: float = 1) -> T:
    """Return input + alpha * other.

    >>> import tinygrad_cnn as tg
    >>> tg.add(tg.tensor([1.0, 2.0]), 3.0)
    tensor([4., 5.])
    """
    return _add(input, other if alpha == 1 else mul(other, alpha))


@elementwise(
    input=lambda g: g,
    other=lambda g: -g,
)
def _sub(input: Array, other: Array) -> Array:
    return np.subtract(input, other)


def sub(input: T, other: Any, *, alpha: float = 1) -> T:
    """Return input - alpha * other.

    >>> import tinygrad_cnn as tg
    >>> tg.sub(tg.tensor([1.0, 2.0]), 3.0)
    tensor([-2., -1.])
    """
    return _sub(input, other if alpha == 1 else mul(other, alpha))


def rsub(input: T, other: Any, *, alpha: float = 1) -> T:
    """Return other - alpha * input.

    >>> import tinygrad_cnn as tg
    >>> tg.rsub(tg.tensor([1.0, 2.0]), 10.0)
    tensor([9., 8.])
    """
    return sub(other, input, alpha=alpha)


@elementwise(
    input=lambda g, other: g * other,
    other=lambda g, input: g * input,
)
def mul(input: Array, other: Array) -> Array:
    """input * other.

    >>> import tinygrad_cnn as tg
    >>> tg.mul(tg.tensor([1.0, 2.0]), 3.0)
    tensor([3., 6.])
    """
    return np.multiply(input, other)


@fractional(
    input=lambda g, other: g / other,
    other=lambda g, input, other: -g * (input / other / other),
)
def _div(input: Array, other: Array) -> Array:
    return np.true_divide(as_float(input), as_float(other))


def div(input: T, other: Any, *, rounding_mode: str | None = None) -> T:
    """Return input / other, integers divided as floats, or rounded down ("floor") or towards 0 ("trunc").

    >>> import tinygrad_cnn as tg
    >>> tg.div(tg.tensor([-7, 7]), 2, rounding_mode="trunc")
    tensor([-3,  3])
    """
    if rounding_mode is None:
        return _div(input, other)
    if rounding_mode not in ("floor", "trunc"):
        raise ValueError(f"div: rounding_mode is {rounding_mode!r}; wanted None, 'floor' or 'trunc'")
    return floor_divide(input, other) if rounding_mode == "floor" else _div_trunc(input, other)


# The derivative of 0^exponent is 0 although log(0) is infinite: log(1) takes its place.
def _log_of_base(base: Any, exponent: Any) -> Any:
    if isinstance(base, (int, float)):
        if base:
            return float(np.log(base))  # a NumPy scalar would widen the result
        base = exponent * 0.0
    return log(where(array_of(base == 0) & array_of(exponent >= 0), 1.0, base))


# Where the exponent is 0, the derivative is 0: 0^-1 must not be computed for it.
@elementwise(
    input=lambda g, input, exponent: g * (exponent * pow(input, exponent - (exponent != 0))),
    exponent=lambda g, out, input, exponent: g * (out * _log_of_base(input, exponent)),
)
def pow(input: Array, exponent: Any) -> Array:
    """input to the power exponent.

    >>> import tinygrad_cnn as tg
    >>> tg.pow(tg.tensor([2.0, 3.0]), 2)
    tensor([4., 9.])
    """
    if type(exponent) in (int, float) and input.dtype.kind == "f" and exponent in range(3, 9):
        return reduce(
            np.multiply, [input] * int(exponent)
        )  # NumPy's power of a negative base takes 100 times longer
    return input**exponent


def float_power(input: Any, exponent: Any) -> Any:
    """Return input to the power exponent, computed in float64; the result is float64 too.

    >>> import tinygrad_cnn as tg
    >>> tg.float_power(tg.tensor([2.0, 3.0]), 2)
    tensor([4., 9.], dtype=float64)
    """
    return pow(*(a if isinstance(a, (int, float)) else cast(a, dtype=float64) for a in (input, exponent)))


@operation(input=lambda g: -g)
def neg(input: Array) -> Array:
    """-input.

    >>> import tinygrad_cnn as tg
    >>> tg.neg(tg.tensor([1.0, -2.0]))
    tensor([-1.,  2.])
    """
    return np.negative(input)


@operation(input=lambda g, input: g * (2 * input))
def square(input: Array) -> Array:
    """input * input.

    >>> import tinygrad_cnn as tg
    >>> tg.square(tg.tensor([2.0, -3.0]))
    tensor([4., 9.])
    """
    return np.square(input, dtype=np.int64 if input.dtype.kind == "b" else None)


@operation(input=lambda g, input: g * sign(input))
def abs(input: Array) -> Array:
    """The absolute value; at 0 the derivative is 0.

    >>> import tinygrad_cnn as tg
    >>> tg.abs(tg.tensor([-1.5, 2.0]))
    tensor([1.5000, 2.0000])
    """
    return np.abs(input)


@operation(input=lambda g: g * 0.0)
def sign(input: Array) -> Array:
    """-1, 0 or 1, and 0 for NaN; the derivative is 0 everywhere.

    >>> import tinygrad_cnn as tg
    >>> tg.sign(tg.tensor([-2.0, 0.0, 3.0]))
    tensor([-1.,  0.,  1.])
    """
    return input.copy() if input.dtype.kind == "b" else (input > 0).astype(input.dtype) - (input < 0)


@fractional(
    input=lambda g, input, out: g * (sign(input) * sign(out)),
    other=lambda g: g * 0.0,
)
def copysign(input: Array, other: Array) -> Array:
    """The size of input with the sign of other; at an input of 0 the derivative is 0.

    >>> import tinygrad_cnn as tg
    >>> tg.copysign(tg.tensor([1.0, 2.0]), tg.tensor([-3.0, 4.0]))
    tensor([-1.,  2.])
    """
    return np.copysign(as_float(input), as_float(other))


def positive(input: T) -> T:
    """Return the input itself, as +input does.

    >>> import tinygrad_cnn as tg
    >>> tg.positive(tg.tensor([1.0, -2.0]))
    tensor([ 1., -2.])
    """
    return input


def reciprocal(input: T) -> T:
    """Return 1 / input.

    >>> import tinygrad_cnn as tg
    >>> tg.reciprocal(tg.tensor([2.0, 4.0]))
    tensor([0.5000, 0.2500])
    """
    return _div(1, input)


def addcmul(input: T, tensor1: Any, tensor2: Any, *, value: float = 1) -> T:
    """Return input + value * tensor1 * tensor2.

    >>> import tinygrad_cnn as tg
    >>> tg.addcmul(tg.ones(2), tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]), value=10)
    tensor([31., 81.])
    """
    return add(input, mul(tensor1, tensor2), alpha=value)


def addcdiv(input: T, tensor1: Any, tensor2: Any, *, value: float = 1) -> T:
    """Return input + value * tensor1 / tensor2.

    >>> import tinygrad_cnn as tg
    >>> tg.addcdiv(tg.zeros(2), tg.tensor([1.0, 6.0]), tg.tensor([2.0, 3.0]), value=10)
    tensor([ 5., 20.])
    """
    return add(input, _div(tensor1, tensor2), alpha=value)


def lerp(input: T, end: Any, weight: Any) -> T:
    """Interpolate linearly: input at weight 0, end at weight 1, both exactly; weight is a number or a tensor.

    >>> import tinygrad_cnn as tg
    >>> tg.lerp(tg.tensor([0.0, 10.0]), tg.tensor([10.0, 20.0]), 0.5)
    tensor([ 5., 15.])
    """
    way = end - input
    if isinstance(weight, (int, float)):
        return input + way * weight if -0.5 < weight < 0.5 else end - way * (1 - weight)
    return where(abs(weight) < 0.5, input + way * weight, end - way * (1 - weight))


multiply, subtract, divide, true_divide, negative, absolute = mul, sub, div, div, neg, abs

# --- exponentials, logarithms and roots ---


@operation(input=lambda g, out: g * out)
def exp(input: Array) -> Array:
    """e to the power input.

    >>> import tinygrad_cnn as tg
    >>> tg.exp(tg.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    return np.exp(as_float(input))


@operation(input=lambda g, out: g * (out * LN2))
def exp2(input: Array) -> Array:
    """2 to the power input.

    >>> import tinygrad_cnn as tg
    >>> tg.exp2(tg.tensor([0.0, 3.0]))
    tensor([1., 8.])
    """
    return np.exp2(as_float(input))


@operation(input=lambda g, input: g * exp(input))
def expm1(input: Array) -> Array:
    """e to the power input, minus 1, exact near 0.

    >>> import tinygrad_cnn as tg
    >>> tg.expm1(tg.tensor([0.0, 1.0]))
    tensor([0.0000, 1.7183])
    """
    return np.expm1(as_float(input))


@operation(input=lambda g, input: g / input)
def log(input: Array) -> Array:
    """The natural logarithm.

    >>> import tinygrad_cnn as tg
    >>> tg.log(tg.tensor([1.0, 10.0]))
    tensor([0.0000, 2.3026])
    """
    return np.log(as_float(input))


@operation(input=lambda g, input: g / (input * LN2))
def log2(input: Array) -> Array:
    """The logarithm to base 2.

    >>> import tinygrad_cnn as tg
    >>> tg.log2(tg.tensor([1.0, 8.0]))
    tensor([0., 3.])
    """
    return np.log2(as_float(input))


@operation(input=lambda g, input: g / (input * LN10))
def log10(input: Array) -> Array:
    """The logarithm to base 10.

    >>> import tinygrad_cnn as tg
    >>> tg.log10(tg.tensor([2.0, 200.0]))
    tensor([0.3010, 2.3010])
    """
    return np.log10(as_float(input))


@operation(input=lambda g, input: g / (1 + input))
def log1p(input: Array) -> Array:
    """The natural logarithm of 1 + input, exact near 0.

    >>> import tinygrad_cnn as tg
    >>> tg.log1p(tg.tensor([0.0, 1.0]))
    tensor([0.0000, 0.6931])
    """
    return np.log1p(as_float(input))


def xlogy(input: Any, other: Any) -> Any:
    """Return input * log(other); 0 * log(0) is 0, with derivatives of 0.

    >>> import tinygrad_cnn as tg
    >>> tg.xlogy(tg.tensor([0.0, 2.0]), tg.tensor([0.0, 10.0]))
    tensor([0.0000, 4.6052])
    """
    dtype = as_float(np.empty(0, result_type(array_of(input), array_of(other)))).dtype
    other = cast(other, dtype=dtype) if isinstance(other, Variable) else np.asarray(array_of(other), dtype)
    undefined = (input == 0) & ((other <= 0) | (other == np.inf))
    return mul(input, log(where(undefined, dtype.type(1), other)))


@operation(input=lambda g, out: g / (2 * out))
def sqrt(input: Array) -> Array:
    """The square root; its derivative at 0 is infinite.

    >>> import tinygrad_cnn as tg
    >>> tg.sqrt(tg.tensor([4.0, 9.0]))
    tensor([2., 3.])
    """
    return np.sqrt(as_float(input))


def rsqrt(input: T) -> T:
    """Return 1 / sqrt(input).

    >>> import tinygrad_cnn as tg
    >>> tg.rsqrt(tg.tensor([4.0, 16.0]))
    tensor([0.5000, 0.2500])
    """
    return reciprocal(sqrt(input))


@fractional(
    input=lambda g, input, out: g * (input / out),
    other=lambda g, other, out: g * (other / out),
)
def hypot(input: Array, other: Array) -> Array:
    """sqrt(input^2 + other^2), without overflow; where both are 0, the derivatives are NaN.

    >>> import tinygrad_cnn as tg
    >>> tg.hypot(tg.tensor([3.0]), tg.tensor([4.0]))
    tensor([5.])
    """
    return np.hypot(as_float(input), as_float(other))


@fractional(
    input=lambda g, input, other: g * sigmoid(input - other),
    other=lambda g, input, other: g * sigmoid(other - input),
)
def logaddexp(input: Array, other: Array) -> Array:
    """log(e^input + e^other), without overflow.

    >>> import tinygrad_cnn as tg
    >>> tg.logaddexp(tg.tensor([0.0]), tg.tensor([0.0]))
    tensor([0.6931])
    """
    a, b = as_float(input), as_float(other)
    low, high = np.minimum(a, b), np.maximum(a, b)
    apart = np.subtract(
        low, high, out=np.zeros_like(high), where=low != high
    )  # equal infinities have no difference
    return high + np.log1p(np.exp(apart))


@operation(input=lambda g, out: g * (out * (1 - out)))
def sigmoid(input: Array) -> Array:
    """1 / (1 + e^-input), computed so that nothing overflows.

    >>> import tinygrad_cnn as tg
    >>> tg.sigmoid(tg.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """
    return sigmoid_kernel(as_float(input))
