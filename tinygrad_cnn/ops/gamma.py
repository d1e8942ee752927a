"""The gamma function's logarithm (lgamma) and its derivatives (digamma, polygamma), erfinv and erfcx.

NumPy has none of them. They are computed in float64 and converted to the type of the input.
"""

from __future__ import annotations

from math import factorial, log, pi
from math import lgamma as _lgamma_of_one

import numpy as np

from tinygrad_cnn.kernels import erf as kernel
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.ops.elementwise import add, exp, mul
from tinygrad_cnn.support.dtypes import as_float
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "digamma",
    "erfinv",
    "lgamma",
    "mvlgamma",
    "polygamma",
]

_ASYMPTOTIC_FROM = 10.0  # the series below are exact in float64 from here on
# B_2k, the Bernoulli numbers of even order (Abramowitz & Stegun, 23.2)
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)

_each_lgamma = np.frompyfunc(_lgamma_of_one, 1, 1)


@operation(input=lambda g, input: g * digamma(input))
def lgamma(input: Array) -> Array:
    """The natural logarithm of the absolute value of the gamma function; infinite at 0, -1, -2, ...

    >>> import tinygrad_cnn as tg
    >>> tg.lgamma(tg.tensor([1.0, 5.0]))
    tensor([0.0000, 3.1781])
    """
    x = as_float(input)
    wide = x.astype(np.float64)
    pole = (wide <= 0) & (wide == np.floor(wide))
    out = _each_lgamma(np.where(pole, 1.0, wide))
    return np.where(pole, np.inf, np.asarray(out, np.float64)).astype(x.dtype)


@operation(input=lambda g, input: g * _polygamma(input, n=1))
def digamma(input: Array) -> Array:
    """The derivative of `lgamma`; NaN at -1, -2, ..., and infinite at 0.

    Shifted to 10 by psi(x + 1) = psi(x) + 1 / x, then the asymptotic series (Abramowitz & Stegun, 6.3.5, 6.3.18).

    >>> import tinygrad_cnn as tg
    >>> tg.digamma(tg.tensor([1.0, 2.0]))
    tensor([-0.5772,  0.4228])
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
    """The n-th derivative of `digamma`: (-1)^(n + 1) n! zeta(n + 1, x), by the Euler-Maclaurin formula.

    For negative x it is (-1)^n times that of 1 - x, minus the n-th derivative of pi cot(pi x).
    """
    x = as_float(input)
    s = n + 1
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        mirrored = wide < 0
        at = np.where(mirrored, 1 - wide, wide)
        total = np.zeros(at.shape)
        for _ in range(int(_ASYMPTOTIC_FROM) + n):
            small = at < _ASYMPTOTIC_FROM + n
            total = total + np.where(small, at**-s, 0.0)
            at = at + small
        total = total + at ** (1 - s) / (s - 1) + 0.5 * at**-s
        rising = s * at ** (-s - 1)
        for k, b in enumerate(_BERNOULLI, 1):
            total = total + b / factorial(2 * k) * rising
            rising = rising * ((s + 2 * k - 1) * (s + 2 * k) / (at * at))
        out = (-1.0) ** (n + 1) * factorial(n) * total
        slope = np.poly1d([1.0, 0.0])  # in c = cot(pi x), whose derivative is -pi (1 + c^2)
        for _ in range(n):
            slope = slope.deriv() * np.poly1d([-1.0, 0.0, -1.0])
        cotangent = 1 / np.tan(pi * (wide - np.round(wide)))
        out = np.where(mirrored, (-1.0) ** n * out - pi**s * slope(cotangent), out)
        out = np.where((wide <= 0) & (wide == np.round(wide)) & np.isfinite(wide), (-1.0) ** (n + 1) * np.inf, out)
    return np.asarray(out, x.dtype)


def polygamma(n: int, input: T) -> T:
    """Return the n-th derivative of `digamma`, at each number.

    >>> import tinygrad_cnn as tg
    >>> tg.polygamma(1, tg.tensor([1.0, 0.5]))
    tensor([1.6449, 4.9348])
    """
    return _polygamma(input, n=n) if whole("polygamma", "n", n, 0) else digamma(input)


def mvlgamma(input: T, p: int) -> T:
    """Return the logarithm of the gamma function of p variables; it is defined above (p - 1) / 2.

    >>> import tinygrad_cnn as tg
    >>> tg.mvlgamma(tg.tensor(3.0), 1)
    tensor(0.6931)
    """
    total = add(lgamma(input), whole("mvlgamma", "p", p, 1) * (p - 1) / 4 * log(pi))
    for j in range(1, p):
        total = add(total, lgamma(add(input, -j / 2)))
    return total


@operation(input=lambda g, out: g * mul(exp(out * out), pi**0.5 / 2))
def erfinv(input: Array) -> Array:
    """The inverse of the error function, on [-1, 1]; infinite at both ends.

    Winitzki's approximation, then Halley's steps; near 1 they solve erfc(x) = 1 - y, which loses no digits.

    >>> import tinygrad_cnn as tg
    >>> tg.erfinv(tg.tensor([0.0, 0.5]))
    tensor([0.0000, 0.4769])
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


@operation(input=lambda g, input, out: g * (2 * input * out - 2 / pi**0.5))
def erfcx(input: Array) -> Array:
    """The scaled complementary error function: exp(input^2) erfc(input), without underflow."""
    x = as_float(input)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return kernel.erfcx(x.astype(np.float64)).astype(x.dtype)
