"""The rectified linear unit (ReLU) and its derivative: each keeps the layout of the array that decides."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.dispatch import numpy_kernel
from tinygrad_cnn.kernels.memory import empty_like
from tinygrad_cnn.kernels.thresholds import RELU_PLAIN_BELOW
from tinygrad_cnn.kernels.where import bits
from tinygrad_cnn.typing import Array


@numpy_kernel(reference.relu, compiled_from=RELU_PLAIN_BELOW)
def relu(x: Array) -> Array:
    """Return x where it is positive (or NaN), else 0."""
    if x.size < RELU_PLAIN_BELOW:
        return np.maximum(x, 0)
    out = empty_like(x)
    out.fill(0)
    return np.maximum(x, out, out=out)  # NumPy compares two arrays three times as fast as an array and a number


@numpy_kernel(reference.where_nonzero, compiled_from=RELU_PLAIN_BELOW)
def where_nonzero(values: Array, mask: Array) -> Array:
    """Return values where another array of the same shape is not 0 (or is NaN), else 0."""
    if mask.size < RELU_PLAIN_BELOW:
        return np.where(mask != 0, values, np.zeros((), values.dtype))
    out = empty_like(mask)
    np.multiply(bits(values), mask != 0, out=bits(out))
    return out
