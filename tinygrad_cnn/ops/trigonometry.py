"""Trigonometric and hyperbolic functions, the error function (erf) and logit."""

from __future__ import annotations

from math import pi

import numpy as np

from tinygrad_cnn.kernels import gaussian
from tinygrad_cnn.ops.broadcast import fractional
from tinygrad_cnn.ops.choices import clamp, where
from tinygrad_cnn.ops.elementwise import exp, log, log1p, sqrt
from tinygrad_cnn.support.dtypes import as_float
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "logit",
    "sin",
    "sinc",
    "sinh",
    "tan",
    "tanh",
]

# --- trigonometric ---


@operation(input=lambda g, input: g * cos(input))
def sin(input: Array) -> Array:
    """The sine of an angle in radians.

    >>> import tinygrad_cnn as tg
    >>> tg.sin(tg.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8415])
    """
    return np.sin(as_float(input))


@operation(input=lambda g, input: -g * sin(input))
def cos(input: Array) -> Array:
    """The cosine of an angle in radians.

    >>> import tinygrad_cnn as tg
    >>> tg.cos(tg.tensor([0.0, 1.0]))
    tensor([1.0000, 0.5403])
    """
    return np.cos(as_float(input))


@operation(input=lambda g, out: g * (1 + out * out))
def tan(input: Array) -> Array:
    """The tangent of an angle in radians.

    >>> import tinygrad_cnn as tg
    >>> tg.tan(tg.tensor([0.0, 1.0]))
    tensor([0.0000, 1.5574])
    """
    return np.tan(as_float(input))


@operation(input=lambda g, input: g / sqrt((1 - input) * (1 + input)))
def asin(input: Array) -> Array:
    """The arcsine: the angle in radians whose sine is the input.

    >>> import tinygrad_cnn as tg
    >>> tg.asin(tg.tensor([0.0, 1.0]))
    tensor([0.0000, 1.5708])
    """
    return np.arcsin(as_float(input))


@operation(input=lambda g, input: -g / sqrt((1 - input) * (1 + input)))
def acos(input: Array) -> Array:
    """The arccosine: the angle in radians whose cosine is the input.

    >>> import tinygrad_cnn as tg
    >>> tg.acos(tg.tensor([1.0, 0.0]))
    tensor([0.0000, 1.5708])
    """
    return np.arccos(as_float(input))


@operation(input=lambda g, input: g / (1 + input * input))
def atan(input: Array) -> Array:
    """The arctangent: the angle in radians whose tangent is the input.

    >>> import tinygrad_cnn as tg
    >>> tg.atan(tg.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7854])
    """
    return np.arctan(as_float(input))


# Where both are 0, the derivatives are 0, as in PyTorch.
@fractional(
    input=lambda g, input, other: g * (other / _squared_radius(input, other)),
    other=lambda g, input, other: -g * (input / _squared_radius(input, other)),
)
def atan2(input: Array, other: Array) -> Array:
    """The angle in radians from the positive x axis to the point (x = other, y = input).

    >>> import tinygrad_cnn as tg
    >>> tg.atan2(tg.tensor([1.0]), tg.tensor([-1.0]))
    tensor([2.3562])
    """
    return np.arctan2(as_float(input), as_float(other))


def _squared_radius(y: T, x: T) -> T:
    square = x * x + y * y
    return where(square == 0, 1.0, square)


def sinc(input: T) -> T:
    """Return sin(pi input) / (pi input), and 1 at 0.

    >>> import tinygrad_cnn as tg
    >>> tg.sinc(tg.tensor([0.0, 0.5]))
    tensor([1.0000, 0.6366])
    """
    angle = pi * input
    near = (
        angle * angle < np.finfo(angle.dtype).eps ** 0.5
    )  # there the derivative of the quotient is rounding alone
    apart = where(near, 1.0, angle)
    return where(near, 1 - angle * angle / 6, sin(apart) / apart)


# --- hyperbolic ---


@operation(input=lambda g, input: g * cosh(input))
def sinh(input: Array) -> Array:
    """The hyperbolic sine.

    >>> import tinygrad_cnn as tg
    >>> tg.sinh(tg.tensor([0.0, 1.0]))
    tensor([0.0000, 1.1752])
    """
    return np.sinh(as_float(input))


@operation(input=lambda g, input: g * sinh(input))
def cosh(input: Array) -> Array:
    """The hyperbolic cosine.

    >>> import tinygrad_cnn as tg
    >>> tg.cosh(tg.tensor([0.0, 1.0]))
    tensor([1.0000, 1.5431])
    """
    return np.cosh(as_float(input))


@operation(input=lambda g, out: g * (1 - out * out))
def tanh(input: Array) -> Array:
    """The hyperbolic tangent.

    >>> import tinygrad_cnn as tg
    >>> tg.tanh(tg.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return np.tanh(as_float(input))


@operation(input=lambda g, input: g / sqrt(1 + input * input))
def asinh(input: Array) -> Array:
    """The inverse hyperbolic sine.

    >>> import tinygrad_cnn as tg
    >>> tg.asinh(tg.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8814])
    """
    return np.arcsinh(as_float(input))


@operation(input=lambda g, input: g / sqrt((input - 1) * (input + 1)))
def acosh(input: Array) -> Array:
    """The inverse hyperbolic cosine, at least 0.

    >>> import tinygrad_cnn as tg
    >>> tg.acosh(tg.tensor([1.0, 2.0]))
    tensor([0.0000, 1.3170])
    """
    return np.arccosh(as_float(input))


@operation(input=lambda g, input: g / ((1 - input) * (1 + input)))
def atanh(input: Array) -> Array:
    """The inverse hyperbolic tangent.

    >>> import tinygrad_cnn as tg
    >>> tg.atanh(tg.tensor([0.0, 0.5]))
    tensor([0.0000, 0.5493])
    """
    return np.arctanh(as_float(input))


arcsin, arccos, arctan, arctan2 = asin, acos, atan, atan2
arcsinh, arccosh, arctanh = asinh, acosh, atanh

# --- logit and the error function ---


def logit(input: T, eps: float | None = None) -> T:
    """Return log(p / (1 - p)), the inverse of sigmoid; with eps, p is first clamped to [eps, 1 - eps].

    >>> import tinygrad_cnn as tg
    >>> tg.logit(tg.tensor([0.5, 0.9]))
    tensor([0.0000, 2.1972])
    """
    p = input if eps is None else clamp(input, eps, 1 - eps)
    return log(p) - log1p(0.0 - p)


# The clamp keeps the square from overflowing where the derivative is 0 anyway.
@operation(input=lambda g, input: g * (2 / pi**0.5 * exp(-(clamp(input, -100.0, 100.0) ** 2))))
def erf(input: Array) -> Array:
    """The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to input (W. J. Cody, 1969).

    >>> import tinygrad_cnn as tg
    >>> tg.erf(tg.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8427])
    """
    return gaussian.erf(as_float(input))


@operation(input=lambda g, input: g * (-2 / pi**0.5 * exp(-(clamp(input, -100.0, 100.0) ** 2))))
def erfc(input: Array) -> Array:
    """1 - erf(input), exact also where it is small.

    >>> import tinygrad_cnn as tg
    >>> tg.erfc(tg.tensor([0.0, 1.0]))
    tensor([1.0000, 0.1573])
    """
    return gaussian.erfc(as_float(input))
