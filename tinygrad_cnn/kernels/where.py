"""One array where a condition holds, another where it does not: without branches.

NumPy's where copies number by number, and on a random mask the processor guesses every other branch wrong. Here the
numbers' bits are multiplied by the mask, which takes a tenth of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.kernels.memory import empty, empty_like
from tinygrad_cnn.typing import Array

MANY = 10_000  # numbers, from which on two products and a sum of bits are quicker than branches


def where(condition: Array, a: Any, b: Any) -> Array:
    """Return a where the condition holds, else b: arrays, of which one may be a number; the shapes broadcast."""
    if _is_zero(b) and _has_bits(a):
        return _kept(a, np.asarray(condition, bool))
    if _is_zero(a) and _has_bits(b):
        return _kept(b, np.logical_not(condition))
    if np.size(condition) >= MANY and _has_bits(a) and _has_bits(b) and a.dtype == b.dtype:
        out, other = _kept(a, np.asarray(condition, bool)), _kept(b, np.logical_not(condition))
        if out.shape == other.shape:
            np.bitwise_or(bits(out), bits(other), out=bits(out))
            return out
    return np.where(condition, a, b)


def _kept(values: Array, condition: Array) -> Array:
    """Return values where a condition holds, else 0."""
    same = values.shape == condition.shape
    out = empty_like(values) if same else empty(np.broadcast(values, condition).shape, values.dtype)
    np.multiply(bits(values), condition, out=bits(out))
    return out


def bits(values: Array) -> Array:
    """Return a view of numbers as whole ones of the same bits."""
    return values.view(f"i{values.dtype.itemsize}")


def _is_zero(value: Any) -> bool:
    return type(value) in (int, float) and value == 0


def _has_bits(values: Any) -> bool:
    return hasattr(values, "dtype") and values.dtype.kind == "f"
