"""Compares one derivative of one call of an operation with central differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.support.dtypes import float64
from tinygrad_cnn.tape.backward import grad
from tinygrad_cnn.tape.grad_mode import enable_grad, no_grad
from tinygrad_cnn.tape.watch import Call
from tinygrad_cnn.tensor import Tensor


def deviation(call: Call, index: int) -> float:
    """Return the difference between the derivative for an input and central differences, relative to its norm.

    Both are computed in float64, along a random direction that changes about a thousand entries, for random weights
    of the results. The values are moved slightly towards their mean, away from kinks at ties, such as zeros after a
    relu. Because a kink may still be hit by chance, the best of three attempts counts.
    """
    return min(_deviation(call, index, np.random.default_rng(seed)) for seed in range(3))


def _deviation(call: Call, index: int, rng: np.random.Generator) -> float:
    values = [_nearby(array_of(value), rng) for value in call.inputs]
    constants = {key: float64 if _is_float(value) else value for key, value in call.constants.items()}
    x = values[index]
    if not x.size:
        return 0.0
    direction = rng.standard_normal(x.shape) * (rng.random(x.shape) * x.size < 1000)
    step = 1e-7 * (float(np.sqrt(np.mean(np.square(x)))) or 1.0)

    def results(by: float, recorded: bool = False) -> tuple[Tensor, list[Tensor]]:
        at = Tensor(x + by * direction, requires_grad=recorded)
        out = call.operation(*values[:index], at, *values[index + 1 :], **constants)
        return at, [o for o in (out if isinstance(out, tuple) else (out,)) if o.dtype.kind == "f"]

    with enable_grad():
        at, outs = results(0.0, recorded=True)
        weights = [rng.standard_normal(out.shape) for out in outs]
        (found,) = grad(outs, at, [Tensor(w) for w in weights], allow_unused=True)
    gradient = np.zeros_like(x) if found is None else found.array
    with no_grad():
        ahead, behind = results(step)[1], results(-step)[1]
    analytic = float(np.sum(gradient * direction))
    slopes = ((a.array - b.array) / (2 * step) for a, b in zip(ahead, behind, strict=True))
    numeric = sum(float(np.sum(w * slope)) for w, slope in zip(weights, slopes, strict=True))
    norm = float(np.linalg.norm(gradient[direction != 0]))
    return abs(analytic - numeric) / (norm or abs(numeric) or 1.0)


def _is_float(value: Any) -> bool:
    return isinstance(value, np.dtype) and value.kind == "f"


def _nearby(value: Any, rng: np.random.Generator) -> Any:
    """Return numbers in float64, each moved towards their mean by up to a hundredth of the distance."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or not value.size:
        return value
    exact = value.astype(np.float64)
    return exact + 0.01 * rng.random(exact.shape) * (exact.mean() - exact)
