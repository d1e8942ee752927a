"""Standardisation to mean 0 and variance 1: the core of batch, layer, group and instance normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.kernels import sums
from tinygrad_cnn.ops.broadcast import half_in_float32
from tinygrad_cnn.ops.reduce import mean, var
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array, T


@half_in_float32
def _standardize_back(g: Any, input: Any, out: Any, dim: tuple[int, ...], eps: float) -> Any:
    """Return g, projected so that mean and variance stay constant, divided by the standard deviation."""
    scale = (var(input, dim, correction=0, keepdim=True) + eps) ** -0.5
    return scale * (g - mean(g, dim, keepdim=True) - out * mean(g * out, dim, keepdim=True))


# One operation: its derivative is much cheaper than those of its parts, and exact where their terms cancel.
@operation(input=lambda g, input, out, dim, eps: _standardize_back(g, input, out, dim, eps))
def _standardize(input: Array, *, dim: tuple[int, ...], eps: float) -> Array:
    wide = sums.widened(input)
    centred = wide - sums.mean(wide, dim, keepdims=True)
    centred /= np.sqrt(sums.mean(np.square(centred), dim, keepdims=True) + eps)
    return centred.astype(input.dtype, copy=False)


def standardize(input: T, dim: tuple[int, ...], eps: float) -> T:
    """Return (x - mean) / sqrt(variance + eps) over the given dimensions, with the variance divided by n."""
    return _standardize(input, dim=dim, eps=float(eps))
