"""Products with a number or an array, in memory that is used again."""

from __future__ import annotations

from math import inf

import numpy as np

from tinygrad_cnn.kernels.dispatch import numpy_kernel
from tinygrad_cnn.kernels.memory import empty
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
