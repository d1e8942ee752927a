"""Elementwise functions of float32 by compiled loops, each one pass over memory as it lies.

The loops are plain: LLVM makes vectors of them, as there is no branch, and all that is read is read in any case.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from tinygrad_cnn.kernels.compiled.batch_innermost import flat_as_it_lies
from tinygrad_cnn.kernels.compiled.thread_pool import INLINE, band_count, compile_band, parallel_for
from tinygrad_cnn.kernels.gaussian import DENSITY, ERF, ERFCX, TAIL
from tinygrad_cnn.kernels.memory import empty_like
from tinygrad_cnn.kernels.thresholds import COMPILED_ELEMENTWISE_COST
from tinygrad_cnn.typing import Array

NO_PLAN, NO_CONSTANTS = np.zeros(1, np.int64), np.zeros(1, np.float32)

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


@compile_band
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


@compile_band
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


@compile_band
def gelu_band(plan, x, _, __, out, first, last, band):
    for i in range(first, last):
        wide = types.float64(x[i])
        out[i] = x[i] * _distribution(x[i], exp(-0.5 * wide * wide))


@compile_band
def gelu_slope_band(plan, g, x, _, out, first, last, band):
    for i in range(first, last):
        wide = types.float64(x[i])
        bell = exp(-0.5 * wide * wide)
        out[i] = g[i] * (_distribution(x[i], bell) + f32(DENSITY) * x[i] * bell)


# --- sigmoid, and what is linear in parts ---


@compile_band
def sigmoid_band(plan, x, _, __, out, first, last, band):
    for i in range(first, last):
        e = exp(types.float64(x[i]))
        out[i] = e / (f32(1) + e)


@compile_band
def leaky_band(plan, x, gate, slope, out, first, last, band):
    s = slope[0]
    for i in range(first, last):
        a = x[i]
        b = a * s
        out[i] = a if gate[i] > 0 else b


@compile_band
def where_between_band(plan, x, gate, bounds, out, first, last, band):
    low, high = bounds[0], bounds[1]
    for i in range(first, last):
        a, y = x[i], gate[i]
        out[i] = a if (y >= low) & (y <= high) else f32(0)


@compile_band
def where_outside_band(plan, x, gate, bounds, out, first, last, band):
    low, high = bounds[0], bounds[1]
    for i in range(first, last):
        a, y = x[i], gate[i]
        out[i] = f32(0) if (y >= low) & (y <= high) else a


@compile_band
def hardswish_band(plan, x, _, __, out, first, last, band):
    for i in range(first, last):
        a = x[i]
        b = a + f32(3)
        b = f32(0) if b < 0 else b
        b = f32(6) if b > 6 else b
        out[i] = a * b / f32(6)


@compile_band
def hardswish_slope_band(plan, g, x, _, out, first, last, band):
    for i in range(first, last):
        a = x[i]
        slope = a * f32(1 / 3) + f32(0.5)
        slope = f32(0) if a <= -3 else slope
        out[i] = g[i] * (f32(1) if a >= 3 else slope)


@lru_cache(maxsize=256)
def _constants(*numbers: float) -> Array:
    return np.array(numbers, np.float32)


def _elementwise(band: int, x: Array, other: Array, constants: Array = NO_CONSTANTS) -> Array | None:
    """Run a band on the numbers of two arrays as they lie; None if they do not lie alike, or with gaps."""
    line = flat_as_it_lies(x)
    if line is None or other.strides != x.strides or other.dtype != x.dtype:
        return None
    out = empty_like(x)
    count = band_count(x.size, COMPILED_ELEMENTWISE_COST * x.size)
    parallel_for(band, NO_PLAN, (line, other.ravel("K"), constants, out.ravel("K")), x.size, count)
    return out


def erf(x: Array) -> Array | None:
    """Return the error function."""
    return _elementwise(erf_band, x, x)


def erfc(x: Array) -> Array | None:
    """Return 1 - erf(x), exact also where it is small."""
    return _elementwise(erfc_band, x, x)


def gelu(x: Array) -> Array | None:
    """Return x times the standard normal distribution function of x."""
    return _elementwise(gelu_band, x, x)


def gelu_slope(g: Array, x: Array) -> Array | None:
    """Return g times the derivative of gelu."""
    return _elementwise(gelu_slope_band, g, x)


def sigmoid(x: Array) -> Array | None:
    """Return 1 / (1 + e^-x)."""
    return _elementwise(sigmoid_band, x, x)


def leaky(values: Array, gate: Array, slope: float) -> Array | None:
    """Return values where the gate is above 0, else slope * values."""
    return _elementwise(leaky_band, values, gate, _constants(slope))


def where_between(values: Array, gate: Array, low: float, high: float, inside: bool) -> Array | None:
    """Return values where the gate is (or is not) from low to high, else 0."""
    return _elementwise(where_between_band if inside else where_outside_band, values, gate, _constants(low, high))


def hardswish(x: Array) -> Array | None:
    """Return x times x + 3, limited to 0 and 6, over 6."""
    return _elementwise(hardswish_band, x, x)


def hardswish_slope(g: Array, x: Array) -> Array | None:
    """Return g times the derivative of hardswish."""
    return _elementwise(hardswish_slope_band, g, x)
