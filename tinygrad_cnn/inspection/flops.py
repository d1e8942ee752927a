"""Counts of floating-point operations (FLOPs) of calls of recorded operations."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from tinygrad_cnn.tape.watch import Call

# Operations that sum products: the number of multiply-adds of a call.
_MULTIPLY_ADDS: dict[str, Callable[[Call], int]] = {
    "matmul": lambda call: _size(call.result) * np.shape(call.inputs[0])[-1],
    "linear": lambda call: _size(call.result) * np.shape(call.inputs[1])[-1],
    "conv2d": lambda call: _size(call.result) * prod(np.shape(call.inputs[1])[1:]),
    "conv2d_input": lambda call: _size(call.inputs[0]) * prod(np.shape(call.inputs[1])[1:]),
    "conv2d_weight": lambda call: _size(call.inputs[0]) * prod(np.shape(call.result)[1:]),
}

_MOVES = set(
    "broadcast_to cast cat diagonal flip im2col index permute put reshape roll tile undiagonal unindex "
    "windows".split()
)


def _size(value: Any) -> int:
    return sum(map(_size, value)) if isinstance(value, tuple) else prod(np.shape(value))


def multiply_adds(call: Call) -> int:
    """Return the multiply-adds of a matrix product or a convolution, and 0 for other operations."""
    count = _MULTIPLY_ADDS.get(call.operation.name)
    return 0 if count is None else count(call)


def flops(call: Call) -> int:
    """Return the floating-point operations of a call: exact for sums of products, else one for each element.

    A multiply-add counts as two. Pooling counts each element of each window, operations that only move numbers
    count none, and an elementwise function counts one for each element, whatever its cost.
    """
    name = call.operation.name
    if name in _MULTIPLY_ADDS:
        bias = call.inputs[2] if len(call.inputs) > 2 else None
        return 2 * multiply_adds(call) + (0 if bias is None else _size(call.result))
    if name in _MOVES:
        return 0
    if "window" in call.constants:
        taps: int = prod(call.constants["window"].kernel)
        return _size(call.result) * taps
    return max(map(_size, (call.result, *call.inputs)))


def derivative_flops(call: Call, index: int) -> int:
    """Return the operations of the derivative for one input; for a factor of a product, as many as the product."""
    name = call.operation.name
    if name in _MULTIPLY_ADDS and index < 2:
        return 2 * multiply_adds(call)
    return 0 if name in _MOVES else max(map(_size, (call.result, call.inputs[index])))
