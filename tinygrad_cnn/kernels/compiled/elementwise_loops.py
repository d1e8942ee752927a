"""The compiled loops of elementwise functions.

The loops are plain: LLVM makes vectors of them, as there is no branch, and all that is read is read in any case.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from tinygrad_cnn.kernels.compiled.exports import BAND, INLINE, exported
from tinygrad_cnn.kernels.gaussian import DENSITY, ERF, ERFCX, TAIL

f32 = types.float32


@intrinsic
def _power_of_two(typing: Any, exponent: Any) -> Any:
    """Return 2^exponent as float32, from an int32 between -127 (which gives 0) and 127."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        biased = builder.add(arguments[0], ir.Constant(arguments[0].type, 127))
        return builder.bitcast(builder.shl(biased, ir.Constant(biased.type, 23)), ir.FloatType())

    return types.float32(types.int32), write


@njit(**INLINE)
def exp(x):
    """Return e^x of a float64 between -88 and 88, or of the nearer of both, as float32; that of NaN is NaN."""
    c = x if x > -88.0 else -88.0
    c = c if c < 88.0 else 88.0
    n = np.floor(c * 1.4426950408889634 + 0.5)
    r = f32(c - n * 0.6931471805599453)  # in float64, so that no digit is lost
    p = f32(1.394465139780e-03) + r * f32(1.979035583901e-04)
    p = f32(4.166629505401e-02) + r * (f32(8.333497014611e-03) + r * p)
    p = f32(5.000000067654e-01) + r * (f32(1.666666586933e-01) + r * p)
    e = (f32(1) + (r + r * r * p)) * _power_of_two(types.int32(n))
    return e if x == x else f32(np.nan)


# --- the error function and GELU ---


@njit(**INLINE)
def _scaled_tail(ratio, y):
    """Return the ratio of two polynomials, of degrees 4 and 5, at y."""
    (a0, a1, a2, a3, a4), (b0, b1, b2, b3, b4, b5) = ratio
    above = f32(a0) + y * (f32(a1) + y * (f32(a2) + y * (f32(a3) + y * f32(a4))))
    return above / (f32(b0) + y * (f32(b1) + y * (f32(b2) + y * (f32(b3) + y * (f32(b4) + y * f32(b5))))))


@exported(BAND)
def erf_band(plan, x, _, __, out, first, last, band):
    """Compute x p(x^2) / q(x^2) in float64, so that it is rounded once."""
    (a0, a1, a2, a3, a4, a5), (b0, b1, b2, b3, b4, b5) = ERF
    for i in range(first, last):
        y = types.float64(x[i])
        y = 3.9300 if y > 3.93 else y
        y = -3.93 if y < -3.93 else y
        t = y * y
        above = a0 + t * (a1 + t * (a2 + t * (a3 + t * (a4 + t * a5))))
        out[i] = y * above / (b0 + t * (b1 + t * (b2 + t * (b3 + t * (b4 + t * b5)))))


@exported(BAND)
def erfc_band(plan, x, _, __, out, first, last, band):
    for i in range(first, last):
        wide, y = types.float64(x[i]), abs(x[i])
        tail = exp(-wide * wide) * _scaled_tail(ERFCX, min(y, f32(11)))
        out[i] = f32(2) - tail if x[i] < 0 else tail


@njit(**INLINE)
def _distribution(x, bell):
    """Return the normal distribution function, given the density times sqrt(2 pi)."""
    tail = bell * _scaled_tail(TAIL, min(abs(x), f32(20)))
    return f32(1) - tail if x > 0 else tail


@exported(BAND)
def gelu_band(plan, x, _, __, out, first, last, band):
    for i in range(first, last):
        wide = types.float64(x[i])
        out[i] = x[i] * _distribution(x[i], exp(-0.5 * wide * wide))


@exported(BAND)
def gelu_slope_band(plan, g, x, _, out, first, last, band):
    for i in range(first, last):
        wide = types.float64(x[i])
        bell = exp(-0.5 * wide * wide)
        out[i] = g[i] * (_distribution(x[i], bell) + f32(DENSITY) * x[i] * bell)


# --- sigmoid, and what is linear in parts ---


@exported(BAND)
def sigmoid_band(plan, x, _, __, out, first, last, band):
    for i in range(first, last):
        e = exp(types.float64(x[i]))
        out[i] = e / (f32(1) + e)


@exported(BAND)
def leaky_band(plan, x, gate, slope, out, first, last, band):
    s = slope[0]
    for i in range(first, last):
        a = x[i]
        b = a * s
        out[i] = a if gate[i] > 0 else b


@exported(BAND)
def where_between_band(plan, x, gate, bounds, out, first, last, band):
    low, high = bounds[0], bounds[1]
    for i in range(first, last):
        a, y = x[i], gate[i]
        out[i] = a if (y >= low) & (y <= high) else f32(0)


@exported(BAND)
def where_outside_band(plan, x, gate, bounds, out, first, last, band):
    low, high = bounds[0], bounds[1]
    for i in range(first, last):
        a, y = x[i], gate[i]
        out[i] = f32(0) if (y >= low) & (y <= high) else a


@exported(BAND)
def hardswish_band(plan, x, _, __, out, first, last, band):
    for i in range(first, last):
        a = x[i]
        b = a + f32(3)
        b = f32(0) if b < 0 else b
        b = f32(6) if b > 6 else b
        out[i] = a * b / f32(6)


@exported(BAND)
def hardswish_slope_band(plan, g, x, _, out, first, last, band):
    for i in range(first, last):
        a = x[i]
        slope = a * f32(1 / 3) + f32(0.5)
        slope = f32(0) if a <= -3 else slope
        out[i] = g[i] * (f32(1) if a >= 3 else slope)
