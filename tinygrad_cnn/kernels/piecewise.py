"""Functions that are linear in parts, and their derivatives: numbers that a gate lets through, or multiplies."""

from __future__ import annotations

from math import inf

import numpy as np

from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.dispatch import numpy_kernel
from tinygrad_cnn.kernels.memory import empty_like
from tinygrad_cnn.kernels.relu import relu
from tinygrad_cnn.kernels.where import bits, where
from tinygrad_cnn.typing import Array


@numpy_kernel(reference.leaky)
def leaky(values: Array, gate: Array, slope: float) -> Array:
    """Return values where the gate, an array of the same shape, is above 0, else slope * values."""
    out = empty_like(values)
    if values is gate and 0 < slope <= 1:
        np.multiply(values, slope, out=out)
        return np.maximum(values, out, out=out)
    if not 0 <= slope <= 1:
        return where(gate > 0, values, np.multiply(values, slope, out=out))
    np.copyto(out, gate > 0)  # 0 or 1
    out.clip(slope, 1, out=out)
    out *= values
    return out


@numpy_kernel(reference.where_between)
def where_between(values: Array, gate: Array, low: float, high: float, inside: bool) -> Array:
    """Return values where the gate, of the same shape, is (or is not) from low to high, else 0; NaN is outside."""
    out, mask = empty_like(values), np.empty_like(gate, bool)
    np.greater_equal(gate, low, out=mask)
    mask &= gate <= high
    if not inside:
        np.logical_not(mask, out=mask)
    np.multiply(bits(values), mask, out=bits(out))
    return out


@numpy_kernel(reference.hardswish)
def hardswish(x: Array) -> Array:
    """Return x times x + 3, limited to 0 and 6, over 6."""
    out = np.add(x, 3, out=empty_like(x))
    out.clip(0, 6, out=out)
    out *= x
    out /= 6
    return out


@numpy_kernel(reference.hardswish_slope)
def hardswish_slope(g: Array, x: Array) -> Array:
    """Return g times the derivative of `hardswish`: x / 3 + 1 / 2 between -3 and 3, and 0 and 1 beyond."""
    limited, slope = x.clip(-3, 3, out=empty_like(x)), empty_like(x)
    np.copyto(slope, np.abs(limited) < 3)  # 1 between the ends, else 0
    slope += 1
    slope *= limited
    slope *= 1 / 6
    slope += 0.5
    slope *= g
    return slope


@numpy_kernel(reference.log_one_plus_exp, compiled_from=inf)
def log_one_plus_exp(x: Array) -> Array:
    """Return log(1 + e^x), without overflow."""
    out = np.abs(x, out=empty_like(x))
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    out += relu(x)
    return out
