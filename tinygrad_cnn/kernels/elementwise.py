"""Products with a number or an array, and the logistic function, in memory that is used again."""

from __future__ import annotations

from math import inf

import numpy as np

from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.dispatch import numpy_kernel
from tinygrad_cnn.kernels.memory import empty, empty_like
from tinygrad_cnn.kernels.thresholds import POOLED_FROM_BYTES
from tinygrad_cnn.typing import Array


def scaled(array: Array, factor: float | Array) -> Array:
    """Return array * factor, of the array's shape and type, in memory that the caller may write to."""
    return array * factor if array.nbytes < POOLED_FROM_BYTES else scaled_large(array, factor)


@numpy_kernel(np.multiply, compiled_from=inf)
def scaled_large(array: Array, factor: float | Array) -> Array:
    """Return array * factor, in memory from the pool."""
    return np.multiply(array, factor, out=empty(array.shape, array.dtype))


def scaled_sum(array: Array, factor: float | Array, other: Array) -> Array:
    """Return factor * array + other, which the caller may write to. A large result lies in memory from the pool."""
    out = scaled(array, factor)
    out += other
    return out


_NEARLY_ONE = {"e": 11.0, "f": 88.0, "d": 709.0}
"""The largest whole number whose exponential does not overflow; the logistic function of it is 1."""


@numpy_kernel(reference.sigmoid)
def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + e^-x) as e^x / (1 + e^x), with e^x bounded so that it does not overflow."""
    high = _NEARLY_ONE[x.dtype.char]
    if x.nbytes < POOLED_FROM_BYTES:
        e = np.exp(np.minimum(x, high))
        return e / (1 + e)
    e = empty_like(x)
    np.exp(x.clip(-np.inf, high, out=e), out=e)
    return np.divide(e, e + 1, out=e)
