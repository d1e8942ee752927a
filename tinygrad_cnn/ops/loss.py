"""Two operations for losses (binary cross-entropy, softplus), more exact than a composition of others."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.ops.broadcast import elementwise
from tinygrad_cnn.ops.elementwise import clamp, log, sigmoid
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array

__all__: list[str] = []

_LEAST = 1e-44  # in float32 it is above 0, and its logarithm below -100


def _clamped_log(x: Any) -> Any:
    return clamp(log(clamp(x, _LEAST)), -100.0)


# The derivative of a clamped logarithm is 0, so a wrong probability of exactly 0 or 1 would have no gradient. As in
# PyTorch, only the values are clamped; the derivative is that of the formula, with a divisor of at least 1e-12.
@elementwise(
    input=lambda g, input, target: g * ((input - target) / clamp(input * (1 - input), 1e-12)),
    target=lambda g, input: g * (_clamped_log(1 - input) - _clamped_log(input)),
)
def _binary_cross_entropy(input: Array, target: Array) -> Array:
    return (target - 1) * _clamped_log(1 - input) - target * _clamped_log(input)


@operation(input=lambda g, input: g * sigmoid(input))
def _log_one_plus_exp(input: Array) -> Array:
    """log(1 + e^input), without overflow."""
    return np.maximum(input, 0) + np.log1p(np.exp(-np.abs(input)))
