"""The gamma function's logarithm (lgamma), its derivative (digamma), and the inverse error function.

NumPy has none of them. They are computed in float64 and converted to the type of the input.
"""

from __future__ import annotations

from math import factorial, pi
from math import lgamma as _lgamma_of_one

import numpy as np

from tinygrad_cnn.kernels import erf as kernel
from tinygrad_cnn.ops.elementwise import exp, mul
from tinygrad_cnn.support.dtypes import as_float
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array

__all__ = [
    "digamma",
    "erfinv",
    "lgamma",
]

_ASYMPTOTIC_FROM = 10.0  # the series below are exact in float64 from here on
# B_2k, the Bernoulli numbers of even order (Abramowitz & Stegun, 23.2)
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)

_each_lgamma = np.frompyfunc(_lgamma_of_one, 1, 1)


@operation(input=lambda g, input: g * digamma(input))
def lgamma(input: Array) -> Array:
    """The natural logarithm of the absolute value of the gamma function; infinite at 0, -1, -2, ..."""
    x = as_float(input)
    wide = x.astype(np.float64)
    pole = (wide <= 0) & (wide == np.floor(wide))
    out = _each_lgamma(np.where(pole, 1.0, wide))
    return np.where(pole, np.inf, np.asarray(out, np.float64)).astype(x.dtype)


@operation(input=lambda g, input: g * _polygamma(input, n=1))
def digamma(input: Array) -> Array:
    """The derivative of `lgamma`; NaN at -1, -2, ..., and infinite at 0.

    Shifted to 10 by psi(x + 1) = psi(x) + 1 / x, then the asymptotic series (Abramowitz & Stegun, 6.3.5, 6.3.18).
    """
    x = as_float(input)
    wide = x.astype(np.float64)
    with np.errstate(all="ignore"):
        mirrored = wide < 0
        at = np.where(mirrored, 1 - wide, wide)
        below = np.zeros(at.shape)
        for _ in range(int(_ASYMPTOTIC_FROM)):
            small = at < _ASYMPTOTIC_FROM
            below = below + np.where(small, 1 / at, 0.0)
            at = at + small
        square = 1 / (at * at)
        series = square * np.polyval([b / (2 * k) for k, b in list(enumerate(_BERNOULLI, 1))[::-1]], square)
        out = np.log(at) - 0.5 / at - series - below
        fraction = wide - np.round(wide)
        out = np.where(mirrored, out - pi / np.tan(pi * fraction), out)
        out = np.where(mirrored & (fraction == 0), np.nan, out)
        out = np.where(wide == 0, -np.copysign(np.inf, wide), out)
    return np.asarray(out, x.dtype)


@operation(input=lambda g, input, n: g * _polygamma(input, n=n + 1))
def _polygamma(input: Array, *, n: int) -> Array:
    """The n-th derivative of `digamma`: (-1)^(n + 1) n! zeta(n + 1, x), by the Euler-Maclaurin formula."""
    x = as_float(input)
    s = n + 1
    with np.errstate(all="ignore"):
        at = x.astype(np.float64)
        total = np.zeros(at.shape)
        while (small := at < _ASYMPTOTIC_FROM + n).any():
            total = total + np.where(small, at**-s, 0.0)
            at = at + small
        total = total + at ** (1 - s) / (s - 1) + 0.5 * at**-s
        rising = s * at ** (-s - 1)
        for k, b in enumerate(_BERNOULLI, 1):
            total = total + b / factorial(2 * k) * rising
            rising = rising * ((s + 2 * k - 1) * (s + 2 * k) / (at * at))
    return np.asarray((-1.0) ** (n + 1) * factorial(n) * total, x.dtype)


@operation(input=lambda g, out: g * mul(exp(out * out), pi**0.5 / 2))
def erfinv(input: Array) -> Array:
    """The inverse of the error function, on [-1, 1]; infinite at both ends.

    Winitzki's approximation, then Halley's steps; near 1 they solve erfc(x) = 1 - y, which loses no digits.
    """
    given = as_float(input)
    y = np.abs(given.astype(np.float64))
    with np.errstate(all="ignore"):
        log = np.log1p(-y * y)
        half = 2 / (pi * 0.147) + log / 2
        x = np.sqrt(np.sqrt(half * half - log / 0.147) - half)
        for _ in range(4):
            error = np.where(y > 0.5, (1 - y) - kernel.erfc(x), kernel.erf(x) - y)
            step = error / (2 / pi**0.5 * np.exp(-x * x))
            x = x - step / (1 + x * step)
        x = np.where(y < 1, x, np.where(y == 1, np.inf, np.nan))
    return np.copysign(x, given).astype(given.dtype)
