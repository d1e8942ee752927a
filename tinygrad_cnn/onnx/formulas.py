"""Formulas of several ONNX operators for operations that have none of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.onnx.batch import Ref
from tinygrad_cnn.onnx.graph import Graph


def between(b: Graph, input: Any, gate: Any, low: float, high: float, inside: bool) -> Ref:
    """input where the gate is (or is not) from low to high, else 0."""
    reached = b("GreaterOrEqual", gate, b.cast(low, gate.dtype), dtype=np.bool_)
    within = b("And", reached, b("LessOrEqual", gate, b.cast(high, gate.dtype), dtype=np.bool_), dtype=np.bool_)
    parts = [input, b.cast(0, input.dtype)]
    return b("Where", within, *(parts if inside else parts[::-1]), dtype=input.dtype)


def gelu(b: Graph, input: Any) -> Ref:
    """input times the normal distribution function of input."""
    share = b("Add", b("Erf", b("Mul", input, b.cast(0.5**0.5, input.dtype))), b.cast(1, input.dtype))
    return b("Mul", b("Mul", input, b.cast(0.5, input.dtype)), share)


def leaky(b: Graph, input: Any, gate: Any, slope: float) -> Ref:
    """input where the gate is above 0, else slope * input."""
    above = b("Greater", gate, b.cast(0, gate.dtype), dtype=np.bool_)
    return b("Where", above, input, b("Mul", input, b.cast(slope, input.dtype)), dtype=input.dtype)


def exponential_below_zero(b: Graph, input: Any, alpha: float, scale: float) -> Ref:
    """input where it is positive, else alpha * (e^(scale * input) - 1)."""
    low = b("Mul", b("Min", input, b.cast(0, input.dtype)), b.cast(scale, input.dtype))
    curve = b("Mul", b("Sub", b("Exp", low), b.cast(1, input.dtype)), b.cast(alpha, input.dtype))
    return b("Add", b("Relu", input), curve)


def huber(b: Graph, input: Any, delta: float) -> Ref:
    """Huber's loss of a difference."""
    distance = b("Abs", input)
    near = b("Min", distance, b.cast(delta, input.dtype))
    return b("Mul", near, b("Sub", distance, b("Mul", near, b.cast(0.5, input.dtype))))


def running_product(b: Graph, input: Any, dim: int) -> Ref:
    """Multiply each number by those at distances 1, 2, 4, ... before it; before the first there are ones."""
    x, length, step = b.ref(input), input.shape[dim], 1
    if not isinstance(length, int):
        raise ValueError("along the batch")
    while step < length:
        margin = [0] * 2 * len(input.shape)
        margin[dim] = step
        padded = b("Pad", x, b.integers(margin), b.cast(1, x.dtype))
        x = b("Mul", x, b("Slice", padded, *map(b.integers, ([0], [length], [dim]))))
        step *= 2
    return x
