"""Mean 0 and variance 1: what batch, layer, group and instance normalisation have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.ops.reduce import mean, var
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array, T


def _standardize_back(g: Any, input: Any, out: Any, dim: tuple[int, ...], eps: float) -> Any:
    """Return g without what would move the mean or the variance, over the standard deviation."""
    scale = (var(input, dim, correction=0, keepdim=True) + eps) ** -0.5
    return scale * (g - mean(g, dim, keepdim=True) - out * mean(g * out, dim, keepdim=True))


# Recorded, for its derivative is far less work than that of its parts, and exact where their terms cancel.
@operation(input=_standardize_back)
def _standardize(input: Array, *, dim: tuple[int, ...], eps: float) -> Array:
    centred = input - input.mean(axis=dim, keepdims=True)
    centred /= np.sqrt(np.square(centred).mean(axis=dim, keepdims=True) + eps)
    return centred


def standardize(input: T, dim: tuple[int, ...], eps: float) -> T:
    """Return (x - mean) / sqrt(variance + eps), both over the given dimensions, the variance without correction."""
    return _standardize(input, dim=dim, eps=float(eps))
