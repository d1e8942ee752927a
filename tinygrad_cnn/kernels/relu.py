"""What is positive, and its derivative: each keeps the layout of the array that decides."""

from __future__ import annotations

from functools import partial

import numpy as np

from tinygrad_cnn.kernels.dispatch import compiled_if_large
from tinygrad_cnn.kernels.memory import empty_like
from tinygrad_cnn.kernels.where import bits
from tinygrad_cnn.typing import Array

FEW = 2048
"""Numbers below which the plainest call is the quickest: what it costs is to be called."""


@partial(compiled_if_large, smallest=FEW)
def relu(x: Array) -> Array:
    """Return x where it is positive (or NaN), else 0."""
    if x.size < FEW:
        return np.maximum(x, 0)
    out = empty_like(x)
    out.fill(0)
    return np.maximum(x, out, out=out)  # NumPy compares two arrays three times as fast as an array and a number


@partial(compiled_if_large, smallest=FEW)
def where_nonzero(values: Array, mask: Array) -> Array:
    """Return values where another array of the same shape is not 0 (or is NaN), else 0."""
    if mask.size < FEW:
        return np.where(mask != 0, values, np.zeros((), values.dtype))
    out = empty_like(mask)
    np.multiply(bits(values), mask != 0, out=bits(out))
    return out
