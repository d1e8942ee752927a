"""Elementwise functions of float32 by compiled loops, each one pass over memory as it lies.

Many models need none of them, so their loops are compiled when one is first called.
"""

from __future__ import annotations

import warnings
from functools import cache, lru_cache

import numpy as np

from tinygrad_cnn.kernels.compiled.batch_innermost import flat_as_it_lies
from tinygrad_cnn.kernels.compiled.machine_code import address
from tinygrad_cnn.kernels.compiled.thread_pool import band_count, parallel_for
from tinygrad_cnn.kernels.memory import empty_like
from tinygrad_cnn.kernels.thresholds import COMPILED_ELEMENTWISE_COST
from tinygrad_cnn.typing import Array

NO_PLAN, NO_CONSTANTS = np.zeros(1, np.int64), np.zeros(1, np.float32)


@lru_cache(maxsize=256)
def _constants(*numbers: float) -> Array:
    return np.array(numbers, np.float32)


@cache
def _band(name: str) -> int | None:
    """Return the address of a band, or None if it cannot be compiled."""
    try:
        return address("elementwise_loops", name)
    except ImportError as error:
        warnings.warn(f"NumPy kernels run instead of compiled elementwise functions: {error}", stacklevel=2)
        return None


def _elementwise(name: str, x: Array, other: Array, constants: Array = NO_CONSTANTS) -> Array | None:
    """Run a band on the numbers of two arrays as they lie; None if they do not lie alike, or with gaps."""
    line, band = flat_as_it_lies(x), _band(name)
    if line is None or band is None or other.strides != x.strides or other.dtype != x.dtype:
        return None
    out = empty_like(x)
    count = band_count(x.size, COMPILED_ELEMENTWISE_COST * x.size)
    parallel_for(band, NO_PLAN, (line, other.ravel("K"), constants, out.ravel("K")), x.size, count)
    return out


def erf(x: Array) -> Array | None:
    """Return the error function."""
    return _elementwise("erf_band", x, x)


def erfc(x: Array) -> Array | None:
    """Return 1 - erf(x), exact also where it is small."""
    return _elementwise("erfc_band", x, x)


def gelu(x: Array) -> Array | None:
    """Return x times the standard normal distribution function of x."""
    return _elementwise("gelu_band", x, x)


def gelu_slope(g: Array, x: Array) -> Array | None:
    """Return g times the derivative of gelu."""
    return _elementwise("gelu_slope_band", g, x)


def sigmoid(x: Array) -> Array | None:
    """Return 1 / (1 + e^-x)."""
    return _elementwise("sigmoid_band", x, x)


def leaky(values: Array, gate: Array, slope: float) -> Array | None:
    """Return values where the gate is above 0, else slope * values."""
    return _elementwise("leaky_band", values, gate, _constants(slope))


def where_between(values: Array, gate: Array, low: float, high: float, inside: bool) -> Array | None:
    """Return values where the gate is (or is not) from low to high, else 0."""
    return _elementwise(
        "where_between_band" if inside else "where_outside_band", values, gate, _constants(low, high)
    )


def hardswish(x: Array) -> Array | None:
    """Return x times x + 3, limited to 0 and 6, over 6."""
    return _elementwise("hardswish_band", x, x)


def hardswish_slope(g: Array, x: Array) -> Array | None:
    """Return g times the derivative of hardswish."""
    return _elementwise("hardswish_slope_band", g, x)
