"""Finds where a training step first gave numbers that are not finite: repeats it and watches every operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

import numpy as np

from tinygrad_cnn.nn import Module
from tinygrad_cnn.tape.backward import grad
from tinygrad_cnn.tape.record import Variable
from tinygrad_cnn.tape.watch import (
    Call,
    Derived,
    Line,
    calling_line,
    line_of,
    record_lines,
    watch,
    watch_derivatives,
)
from tinygrad_cnn.tensor import Tensor

LARGE = 1e6
"""Numbers above this size come from training that diverges, not from data or the edge of a function's domain."""


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Return whether no tensor holds a NaN or an infinity. A finite sum of squares shows it fast."""
    arrays = [tensor.array for tensor in tensors]
    return isfinite(sum([float(np.vdot(a, a)) for a in arrays])) or all(np.isfinite(a).all() for a in arrays)


class _FirstNonfinite(Exception):
    """Describes the first operation that gave numbers that are not finite; it ends the repeated step."""


def first_nonfinite(model: Module, loss: Callable[..., Tensor], inputs: Tensor, targets: Tensor) -> str:
    """Repeat a step, and return where its first number that is not finite came up, with the likely cause.

    The caller has restored the random generator's state, so the step draws the same numbers. No gradient changes.
    """
    batch = [("the batch of inputs", inputs), ("the batch of targets", targets)]
    for name, tensor in [*batch, *model.state_dict().items()]:
        finite = np.isfinite(tensor.array)
        if not finite.all():
            return f"{name} holds a NaN or an infinity, {_origin(name, finite)}"
    try:
        with np.errstate(all="ignore"):
            with record_lines(), watch(_raise_if_nonfinite):
                result = loss(model(inputs), targets)
            for node in result.node.ancestors() if result.node is not None else ():
                watch_derivatives(node, _raise_if_gradient_nonfinite)
            grad(result, [p for p in model.parameters() if p.requires_grad], allow_unused=True)
    except _FirstNonfinite as first:
        return str(first)
    return (
        "repeated, the step gave finite numbers: a callback changed the gradient, or something that is no part of "
        "the model's state had changed"
    )


def _origin(name: str, finite: Any) -> str:
    """Return which samples of a batch, or which update of a weight, brought the numbers in."""
    if name.startswith("the batch"):
        samples = np.flatnonzero(~finite.reshape(len(finite), -1).all(1))
        return f"in {len(samples)} of {len(finite)} samples (the first is number {samples[0]}): mend the data"
    return "from an earlier step's update, or as it was loaded: lower the learning rate, or clip the gradient"


def _raise_if_nonfinite(call: Call) -> None:
    results = [result.array for result in call.results if isinstance(result, Variable)]
    if not all(np.isfinite(array).all() for array in results):
        given = [value.array for value in call.inputs if isinstance(value, Variable)]
        raise _FirstNonfinite(_described(call.operation.name, given, calling_line()))


def _raise_if_gradient_nonfinite(derived: Derived) -> None:
    node = derived.node
    if derived.value is not None and not np.isfinite(derived.value).all():
        kept = [v for v in (node.kept or {}).values() if isinstance(v, np.ndarray) and v.dtype.kind == "f"]
        raise _FirstNonfinite(
            _described(f"the derivative of {node.operation.name}", [derived.given, *kept], line_of(node))
        )


def _described(operation: str, given: list[Any], line: Line | None) -> str:
    given = [array for array in given if array.dtype.kind == "f" and array.size]
    ranges = " and ".join(f"{a.min():.3g} to {a.max():.3g}" for a in given) or "no numbers"
    place = f" ({line.short})" if line else ""
    if any(np.abs(a).max() > LARGE for a in given):
        cause = "training diverges: lower the learning rate, or clip the gradient"
    else:
        cause = "it has no finite value there: keep what it is given away from that (eps=..., clamp, a safe form)"
    return f"the first operation concerned is {operation}{place}, given {ranges}. Likely cause: {cause}"
