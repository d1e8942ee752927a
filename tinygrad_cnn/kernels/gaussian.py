"""The error function, its complement and GELU in float32, without a branch; other types by their definitions.

With the scaled complement erfcx(y) = e^(y^2) erfc(y), the tail of the normal distribution is, for every x,
e^(-x^2/2) erfcx(|x| / sqrt(2)) / 2, to full relative accuracy. The coefficients are those of the smallest relative
error, below 2^-24 (computed with Lawson's algorithm from SciPy's functions in float64).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

import numpy as np

from tinygrad_cnn.kernels import erf as exact
from tinygrad_cnn.kernels.dispatch import FLOAT32, numpy_kernel
from tinygrad_cnn.kernels.memory import empty_like
from tinygrad_cnn.typing import Array

# Numerators and denominators, lowest power first.
ERFCX = (
    (1.000000005962, 1.240069553262, 0.733343712022, 0.230048686805, 0.032970967161),
    (1.0, 2.368449319927, 2.405842929564, 1.328616153142, 0.407776284925, 0.058438846742),
)
"""erfcx(y) for y from 0 to 10.3: beyond, e^(-y^2) is 0 in float32."""

TAIL = tuple(tuple(c / 2 ** (k / 2 + 1 - down) for k, c in enumerate(part)) for down, part in enumerate(ERFCX))
"""erfcx(x / sqrt(2)) / 2."""

ERF = (
    (1.128379145353, 0.1907837388925, 0.05279027430771, 0.003779605576973, 0.0002848085731968, 2.041972080300e-06),
    (1.0, 0.5024104058749, 0.1142574848297, 0.01499742978352, 0.001165211941765, 3.800408700235e-05),
)
"""erf(x) / x, of x^2 from 0 to 15.4."""

ARTANH = (
    (1.128379170845, 0.279806910254, 0.042646599082, 0.002178286184),
    (1.0, 0.1568926500257, 0.02368995736543, 0.0003249253116632),
)
"""artanh(erf(x)) / x, of x^2 from 0 to 16; beyond, it is large enough for a tanh of 1 in float32."""

DENSITY = 1 / (2 * pi) ** 0.5


def _polynomial(coefficients: Sequence[float], x: Array, out: Array) -> Array:
    np.multiply(x, coefficients[-1], out=out)
    for c in coefficients[-2:0:-1]:
        out += c
        out *= x
    out += coefficients[0]
    return out


@numpy_kernel(exact.erf)
def erf(x: Array) -> Array:
    """Return the error function, as tanh(x p(x^2)): it is exact near 0, and never above 1."""
    if x.dtype != FLOAT32:
        return exact.erf(x)
    out, square, below = (empty_like(x) for _ in range(3))
    x = x.clip(-4.3, 4.3, out=empty_like(x))
    np.multiply(x, x, out=square)
    _polynomial(ARTANH[0], square, out)
    out *= x
    out /= _polynomial(ARTANH[1], square, below)
    return np.tanh(out, out=out)


@numpy_kernel(exact.erfc)
def erfc(x: Array) -> Array:
    """Return 1 - erf(x), exact also where it is small: the square in the exponent is of float64."""
    if x.dtype != FLOAT32:
        return exact.erfc(x)
    wide, y = x.astype(np.float64), x.clip(-11, 11, out=empty_like(x))  # no power of infinity is divided by another
    wide *= wide
    np.negative(wide, out=wide)
    tail = np.exp(wide, out=wide).astype(FLOAT32)
    np.abs(y, out=y)
    tail *= _polynomial(ERFCX[0], y, empty_like(x))
    tail /= _polynomial(ERFCX[1], y, empty_like(x))
    np.subtract(np.multiply(x < 0, 2, dtype=np.uint8), tail, out=tail)
    return np.abs(tail, out=tail)


def _tail(x: Array) -> tuple[Array, Array]:
    """Return the density of the normal distribution times sqrt(2 pi), and the distribution function of -|x|."""
    size, bell = x.clip(-20, 20, out=empty_like(x)), empty_like(x)
    np.multiply(size, size, out=bell)
    bell *= -0.5
    np.exp(bell, out=bell)
    np.abs(size, out=size)
    tail, below = _polynomial(TAIL[0], size, empty_like(x)), _polynomial(TAIL[1], size, empty_like(x))
    tail *= bell
    tail /= below
    return bell, tail


@numpy_kernel(exact.gelu)
def gelu(x: Array) -> Array:
    """Return x times the standard normal distribution function of x."""
    if x.dtype != FLOAT32:
        return exact.gelu(x)
    out = _above(x, _tail(x)[1])
    out *= x
    return out


@numpy_kernel(exact.gelu_slope)
def gelu_slope(g: Array, x: Array) -> Array:
    """Return g times the derivative of gelu: the distribution function plus x times the density."""
    if x.dtype != FLOAT32:
        return exact.gelu_slope(g, x)
    bell, tail = _tail(x)
    slope = _above(x, tail)
    bell *= x
    bell *= DENSITY
    slope += bell
    slope *= g
    return slope


def _above(x: Array, tail: Array) -> Array:
    """Return the distribution function of x in place of that of -|x|: 1 - tail above 0, else the tail."""
    np.subtract(np.greater(x, 0).view(np.uint8), tail, out=tail)
    return np.abs(tail, out=tail)
