"""Elementwise operations: arithmetic, exponentials and logarithms (exp, log, sigmoid), choices (maximum, where).

Where a function has no derivative, PyTorch's convention holds: 0 for abs at 0, and half of the gradient for each of
two equal arguments of maximum.
"""

from __future__ import annotations

from functools import reduce
from math import inf
from math import log as _ln
from typing import Any, overload

import numpy as np

from tinygrad_cnn.kernels import batch_innermost as kernels
from tinygrad_cnn.kernels import piecewise
from tinygrad_cnn.kernels.elementwise import sigmoid as sigmoid_kernel
from tinygrad_cnn.kernels.where import where as where_kernel
from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.ops.broadcast import cast, elementwise, fractional, selecting
from tinygrad_cnn.ops.rounding import _div_trunc, floor_divide
from tinygrad_cnn.support.dtypes import as_float, float64, result_type
from tinygrad_cnn.tape.record import Variable, make_tensor, operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "abs",
    "absolute",
    "add",
    "addcdiv",
    "addcmul",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
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
    "maximum",
    "minimum",
    "mul",
    "multiply",
    "nan_to_num",
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
    "where",
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
    """Return input + alpha * other."""
    return _add(input, other if alpha == 1 else mul(other, alpha))


@elementwise(
    input=lambda g: g,
    other=lambda g: -g,
)
def _sub(input: Array, other: Array) -> Array:
    return np.subtract(input, other)


def sub(input: T, other: Any, *, alpha: float = 1) -> T:
    """Return input - alpha * other."""
    return _sub(input, other if alpha == 1 else mul(other, alpha))


def rsub(input: T, other: Any, *, alpha: float = 1) -> T:
    """Return other - alpha * input."""
    return sub(other, input, alpha=alpha)


@elementwise(
    input=lambda g, other: g * other,
    other=lambda g, input: g * input,
)
def mul(input: Array, other: Array) -> Array:
    """input * other."""
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
    """input to the power exponent."""
    if type(exponent) in (int, float) and input.dtype.kind == "f" and exponent in range(3, 9):
        return reduce(
            np.multiply, [input] * int(exponent)
        )  # NumPy's power of a negative base takes 100 times longer
    return input**exponent


def float_power(input: Any, exponent: Any) -> Any:
    """Return input to the power exponent, computed in float64; the result is float64 too."""
    return pow(*(a if isinstance(a, (int, float)) else cast(a, dtype=float64) for a in (input, exponent)))


@operation(input=lambda g: -g)
def neg(input: Array) -> Array:
    """-input."""
    return np.negative(input)


@operation(input=lambda g, input: g * (2 * input))
def square(input: Array) -> Array:
    """input * input."""
    return np.square(input, dtype=np.int64 if input.dtype.kind == "b" else None)


@operation(input=lambda g, input: g * sign(input))
def abs(input: Array) -> Array:
    """The absolute value; at 0 the derivative is 0."""
    return np.abs(input)


@operation(input=lambda g: g * 0.0)
def sign(input: Array) -> Array:
    """-1, 0 or 1, and 0 for NaN; the derivative is 0 everywhere."""
    return input.copy() if input.dtype.kind == "b" else (input > 0).astype(input.dtype) - (input < 0)


@fractional(
    input=lambda g, input, out: g * (sign(input) * sign(out)),
    other=lambda g: g * 0.0,
)
def copysign(input: Array, other: Array) -> Array:
    """The size of input with the sign of other; at an input of 0 the derivative is 0."""
    return np.copysign(as_float(input), as_float(other))


def positive(input: T) -> T:
    """Return the input itself, as +input does."""
    return input


def reciprocal(input: T) -> T:
    """Return 1 / input."""
    return _div(1, input)


def addcmul(input: T, tensor1: Any, tensor2: Any, *, value: float = 1) -> T:
    """Return input + value * tensor1 * tensor2."""
    return add(input, mul(tensor1, tensor2), alpha=value)


def addcdiv(input: T, tensor1: Any, tensor2: Any, *, value: float = 1) -> T:
    """Return input + value * tensor1 / tensor2."""
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
    """e to the power input."""
    return np.exp(as_float(input))


@operation(input=lambda g, out: g * (out * LN2))
def exp2(input: Array) -> Array:
    """2 to the power input."""
    return np.exp2(as_float(input))


@operation(input=lambda g, input: g * exp(input))
def expm1(input: Array) -> Array:
    """e to the power input, minus 1, exact near 0."""
    return np.expm1(as_float(input))


@operation(input=lambda g, input: g / input)
def log(input: Array) -> Array:
    """The natural logarithm."""
    return np.log(as_float(input))


@operation(input=lambda g, input: g / (input * LN2))
def log2(input: Array) -> Array:
    """The logarithm to base 2."""
    return np.log2(as_float(input))


@operation(input=lambda g, input: g / (input * LN10))
def log10(input: Array) -> Array:
    """The logarithm to base 10."""
    return np.log10(as_float(input))


@operation(input=lambda g, input: g / (1 + input))
def log1p(input: Array) -> Array:
    """The natural logarithm of 1 + input, exact near 0."""
    return np.log1p(as_float(input))


def xlogy(input: Any, other: Any) -> Any:
    """Return input * log(other); 0 * log(0) is 0, with derivatives of 0."""
    dtype = result_type(array_of(input), array_of(other))
    other = cast(other, dtype=dtype) if isinstance(other, Variable) else np.asarray(array_of(other), dtype)
    undefined = (input == 0) & ((other <= 0) | (other == np.inf))
    return mul(input, log(where(undefined, dtype.type(1), other)))


@operation(input=lambda g, out: g / (2 * out))
def sqrt(input: Array) -> Array:
    """The square root; its derivative at 0 is infinite."""
    return np.sqrt(as_float(input))


def rsqrt(input: T) -> T:
    """Return 1 / sqrt(input)."""
    return reciprocal(sqrt(input))


@fractional(
    input=lambda g, input, out: g * (input / out),
    other=lambda g, other, out: g * (other / out),
)
def hypot(input: Array, other: Array) -> Array:
    """sqrt(input^2 + other^2), without overflow; where both are 0, the derivatives are NaN."""
    return np.hypot(as_float(input), as_float(other))


@fractional(
    input=lambda g, input, other: g * sigmoid(input - other),
    other=lambda g, input, other: g * sigmoid(other - input),
)
def logaddexp(input: Array, other: Array) -> Array:
    """log(e^input + e^other), without overflow."""
    a, b = as_float(input), as_float(other)
    low, high = np.minimum(a, b), np.maximum(a, b)
    apart = np.subtract(
        low, high, out=np.zeros_like(high), where=low != high
    )  # equal infinities have no difference
    return high + np.log1p(np.exp(apart))


@operation(input=lambda g, out: g * (out * (1 - out)))
def sigmoid(input: Array) -> Array:
    """1 / (1 + e^-input), computed so that nothing overflows."""
    return sigmoid_kernel(as_float(input))


# --- choices ---


@elementwise(
    input=lambda g, input, other: _gradient_of_choice(g, input < other, input == other),
    other=lambda g, input, other: _gradient_of_choice(g, other < input, input == other),
)
def maximum(input: Array, other: Array) -> Array:
    """The larger of the two. Equal numbers get half of the gradient each; if one is NaN, both get all of it."""
    return np.maximum(input, other)


@elementwise(
    input=lambda g, input, other: _gradient_of_choice(g, input > other, input == other),
    other=lambda g, input, other: _gradient_of_choice(g, other > input, input == other),
)
def minimum(input: Array, other: Array) -> Array:
    """The smaller of the two. Equal numbers get half of the gradient each; if one is NaN, both get all of it."""
    return np.minimum(input, other)


def _gradient_of_choice(g: Any, not_chosen: Any, equal: Any) -> Any:
    """Return 0 where the other operand was chosen, half of g where both are equal, else g."""
    return where(not_chosen, 0.0, g) - where(equal, g / 2, 0.0)


@selecting(
    input=lambda g, condition: where(condition, g, 0.0),
    other=lambda g, condition: where(condition, 0.0, g),
)
def _where(condition: Array, input: Array, other: Array) -> Array:
    return where_kernel(np.asarray(condition), input, other)


@overload
def where(condition: Any) -> tuple[Any, ...]: ...
@overload
def where(condition: Any, input: Any, other: Any) -> Any: ...
def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """Return input where the condition is true, else other; all three broadcast.

    Given only the condition, return the indices where it is not 0, as a tuple of one tensor for each dimension.

    >>> import tinygrad_cnn as tg
    >>> x = tg.tensor([-1.0, 2.0])
    >>> tg.where(x > 0, x, 0.1 * x)
    tensor([-0.1000,  2.0000])
    """
    if (input is None) != (other is None):
        raise TypeError("where: wanted both input and other, or neither")
    if input is None:
        return tuple(make_tensor(condition, place) for place in np.nonzero(condition.array))
    if isinstance(condition, Variable) and not any(isinstance(v, Variable) for v in (input, other)):
        input = make_tensor(condition, np.asarray(input, result_type(input, other)))
    return _where(condition, input, other)


# The gate decides, and has no derivative.
@operation(
    input=lambda g, gate, low, high, inside: where_between(g, gate, low=low, high=high, inside=inside),
)
def where_between(input: Array, gate: Array, *, low: float, high: float, inside: bool = True) -> Array:
    """input where the gate, of the same shape, is (or is not) from low to high, else 0; NaN is outside."""
    return piecewise.where_between(input, gate, low, high, inside)


@operation(
    input=lambda g, input, min, max, strict: where_between(g, input, **_bounds(input.dtype, min, max, strict))
)
def _clamp(input: Array, *, min: float, max: float, strict: bool = False) -> Array:
    """input limited to [min, max]; at the bounds the derivative is 1, or, if ``strict``, 0."""
    return input.clip(min, max)


def _bounds(dtype: Any, min: float, max: float, strict: bool) -> dict[str, float]:
    """Return the smallest and the largest number at which the derivative of `_clamp` is 1."""
    if not strict:
        return {"low": min, "high": max}
    low, high = (float(np.nextafter(dtype.type(a), dtype.type(b))) for a, b in ((min, inf), (max, -inf)))
    return {"low": low, "high": high}


def clamp(input: T, min: Any = None, max: Any = None) -> T:
    """Return input, limited to at least min and at most max, numbers or tensors; if min > max, return max.

    The gradient goes to the returned one of the three, and to the input where it equals a bound.
    """
    if min is None and max is None:
        raise ValueError("clamp: wanted min, max or both, got neither")
    if input.dtype.kind == "f" and all(bound is None or type(bound) in (int, float) for bound in (min, max)):
        return _clamp(input, min=-inf if min is None else min, max=inf if max is None else max)
    if min is not None:
        input = where((input < min) | (min != min), min, input)  # a bound that is NaN gives NaN
    return input if max is None else where((input > max) | (max != max), max, input)


clip = clamp


def clamp_min(input: T, min: Any) -> T:
    """Return input, limited to at least min."""
    return clamp(input, min)


def clamp_max(input: T, max: Any) -> T:
    """Return input, limited to at most max."""
    return clamp(input, None, max)


@operation(input=lambda g, input: where(np.isfinite(array_of(input)), g, 0.0))
def _nan_to_num(input: Array, *, nan: float, posinf: float | None, neginf: float | None) -> Array:
    return np.nan_to_num(input, nan=nan, posinf=posinf, neginf=neginf)


def nan_to_num(input: T, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> T:
    """Replace NaN and the infinities by numbers: by default 0, and the largest and the smallest of the type.

    >>> import tinygrad_cnn as tg
    >>> tg.nan_to_num(tg.tensor([1.0, float("nan"), float("inf")]), posinf=9.0)
    tensor([1., 0., 9.])
    """
    return _nan_to_num(input, nan=nan, posinf=posinf, neginf=neginf)
