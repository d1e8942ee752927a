"""What the losses need beside the rest of the calculus: two formulas that a composite would compute worse."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.ops.broadcast import elementwise
from tinygrad_cnn.ops.elementwise import clamp, log, sigmoid
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array

__all__: list[str] = []

_LEAST = 1e-44  # its logarithm is below -100, and it is more than 0 in float32


def _clamped_log(x: Any) -> Any:
    return clamp(log(clamp(x, _LEAST)), -100.0)


# A clamped logarithm has slope 0, and a probability of 0 or 1 that is wrong would learn nothing: as in PyTorch,
# the values are clamped, and the derivative is that of the formula, over no less than 1e-12.
@elementwise(
    input=lambda g, input, target: g * ((input - target) / clamp(input * (1 - input), 1e-12)),
    target=lambda g, input: g * (_clamped_log(1 - input) - _clamped_log(input)),
)
def _binary_cross_entropy(input: Array, target: Array) -> Array:
    return (target - 1) * _clamped_log(1 - input) - target * _clamped_log(input)


@operation(input=lambda g, input: g * sigmoid(input))
def _log_one_plus_exp(input: Array) -> Array:
    """log(1 + e^input), which does not overflow."""
    return np.maximum(input, 0) + np.log1p(np.exp(-np.abs(input)))
