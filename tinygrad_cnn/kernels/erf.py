"""The error function and what is made of it, which NumPy does not have: the definitions, exact and slow.

`gaussian.py` has the same functions for float32, in a tenth of the time.
"""

from __future__ import annotations

from math import pi

import numpy as np

from tinygrad_cnn.typing import Array

# W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of Computation 23 (1969):
# numerators and denominators, highest power first, for |x| <= 0.46875 (erf), up to 4 and beyond (erfc).
_NEAR = (
    (
        1.85777706184603153e-1,
        3.16112374387056560,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_MIDDLE = (
    (
        *(2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1),
        *(2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3),
        1.23033935479799725e3,
    ),
    (
        *(1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3),
        *(3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
    ),
)
_FAR = (
    (
        *(1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1),
        *(1.60837851487422766e-2, 6.58749161529837803e-4),
    ),
    (
        *(1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2),
        2.33520497626869185e-3,
    ),
)


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    above, below = np.full_like(x, coefficients[0][0]), np.full_like(x, coefficients[1][0])
    for a, b in zip(coefficients[0][1:], coefficients[1][1:], strict=True):
        above = above * x + a
        below = below * x + b
    return above / below


def _exp_minus_square(y: Array) -> Array:
    """Return e^(-y^2), in two factors, the first of an exact square, so that no rounding of y^2 is magnified."""
    coarse = np.trunc(y * 16) / 16
    return np.exp(-coarse * coarse) * np.exp(-(y - coarse) * (y + coarse))


def _tail(y: Array) -> Array:
    """Return erfc(y) for y > 0.46875; from 30 on it is 0 in every type."""
    y = np.minimum(y, 30)
    return _scaled_tail(y) * _exp_minus_square(y)


def _scaled_tail(y: Array) -> Array:
    """Return e^(y^2) erfc(y) for y > 0.46875."""
    far = y > 4
    scaled = np.empty_like(y)
    scaled[~far] = _ratio(_MIDDLE, y[~far])
    z, inverse = y[far], 1 / np.square(y[far])
    scaled[far] = (1 / pi**0.5 - inverse * _ratio(_FAR, inverse)) / z
    return scaled


def _by_parts(x: Array, complement: bool) -> Array:
    """Return the error function of float64, or its complement, by the approximation of each number's interval."""
    flat = x.reshape(-1)
    near = ~(np.abs(flat) > 0.46875)
    out = np.empty_like(flat)
    inner, outer = flat[near], flat[~near]
    out[near] = inner * _ratio(_NEAR, np.square(inner))
    tail = _tail(np.abs(outer))
    if complement:
        out[near] = 1 - out[near]
        out[~near] = np.where(outer < 0, 2 - tail, tail)
    else:
        out[~near] = np.copysign(1 - tail, outer)
    return out.reshape(x.shape)


def erf(x: Array) -> Array:
    """Return 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x, computed in float64."""
    return _by_parts(x.astype(np.float64), complement=False).astype(x.dtype)


def erfc(x: Array) -> Array:
    """Return 1 - erf(x), computed in float64; it keeps its relative accuracy for large x too."""
    return _by_parts(x.astype(np.float64), complement=True).astype(x.dtype)


def gelu(x: Array) -> Array:
    """Return x times the standard normal distribution function of x, computed in float64."""
    wide = x.astype(np.float64)
    return (wide * _distribution(wide)).astype(x.dtype)


def gelu_slope(g: Array, x: Array) -> Array:
    """Return g times the derivative of gelu: the distribution function plus x times the density."""
    wide = x.astype(np.float64)
    density = np.exp(-0.5 * np.square(np.clip(wide, -50, 50))) / (2 * pi) ** 0.5
    return (g * (_distribution(wide) + wide * density)).astype(x.dtype)


def _distribution(x: Array) -> Array:
    return 0.5 * _by_parts(x * -(0.5**0.5), complement=True)


def erfcx(x: Array) -> Array:
    """Return e^(x^2) erfc(x) of float64 numbers, without underflow."""
    flat = x.reshape(-1)
    size = np.abs(flat)
    out = np.exp(np.square(flat)) * _by_parts(flat, complement=True)
    large = size > 0.46875
    scaled = _scaled_tail(size[large])
    out[large] = np.where(flat[large] < 0, 2 / _exp_minus_square(np.minimum(size[large], 30)) - scaled, scaled)
    return out.reshape(x.shape)
