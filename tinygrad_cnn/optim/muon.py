"""Muon: momentum whose matrix is brought near the closest orthogonal one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import sqrt
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from tinygrad_cnn.kernels.elementwise import scaled
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.optim.optimizer import Group
from tinygrad_cnn.optim.per_parameter import PerParameter, average, buffer
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

ADJUSTMENTS: dict[str | None, Callable[[int, int], float]] = {
    None: lambda rows, columns: sqrt(max(1, rows / columns)),
    "original": lambda rows, columns: sqrt(max(1, rows / columns)),
    "match_rms_adamw": lambda rows, columns: 0.2 * sqrt(max(rows, columns)),
}


class Muon(PerParameter):
    """Momentum for the weights of hidden layers, which are matrices, with all singular values brought near 1.

    A Newton-Schulz iteration of ``ns_steps`` steps does that; weight decay is decoupled, and the rate is multiplied
    by sqrt(max(1, rows / columns)) or, with ``adjust_lr_fn="match_rms_adamw"``, by 0.2 sqrt(max(rows, columns)).
    Parameters of other than two dimensions are for another optimizer. Unlike PyTorch, which iterates in bfloat16,
    this computes in the parameter's own type. (Jordan et al., "Muon: an optimizer for hidden layers in neural
    networks", 2024.)
    """

    _state_names: ClassVar = {"momentum_buffer": True}
    _accepted = ()
    _decoupled: ClassVar[bool] = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults, {})

    def _check(self, group: Group) -> None:
        self._want_finite(group, 0, "lr", "weight_decay", "momentum", "eps", "ns_steps")
        whole("Muon", "ns_steps", group["ns_steps"], 0)
        coefficients = group["ns_coefficients"]
        numbers = isinstance(coefficients, Sequence) and all(isinstance(value, Real) for value in coefficients)
        if not numbers or len(coefficients) != 3:
            raise ValueError(f"Muon: ns_coefficients is {coefficients!r}; wanted three numbers")
        if group["adjust_lr_fn"] not in list(ADJUSTMENTS):
            known = ", ".join(map(repr, ADJUSTMENTS))
            raise ValueError(f"Muon: adjust_lr_fn {group['adjust_lr_fn']!r} is unknown; wanted one of {known}")
        for p in group.get("params", ()):
            if p.ndim != 2:
                raise ValueError(f"Muon: a parameter has shape {p.shape}; wanted matrices, others are for AdamW")

    def _update_one(self, p: Tensor, direction: Array, state: dict[str, Any], lr: float, group: Group) -> None:
        momentum = float(group["momentum"])
        moving = buffer(p, state, "momentum_buffer")
        average(moving, direction, 1 - momentum)
        if group["nesterov"]:
            direction = scaled(direction, 1 - momentum)
            direction += scaled(moving, momentum)
        else:
            direction = moving
        direction = orthogonalized(direction, group["ns_coefficients"], int(group["ns_steps"]), float(group["eps"]))
        p.array -= scaled(direction, lr * ADJUSTMENTS[group["adjust_lr_fn"]](*p.shape))


def orthogonalized(matrix: Array, coefficients: Iterable[float], steps: int, eps: float) -> Array:
    """Return a matrix of the same singular vectors, with the singular values near 1, by a quintic iteration.

    With X of norm 1, a step is X = a X + (b A + c A A) X where A = X X^T.
    """
    a, b, c = map(float, coefficients)
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x: Array = wide / max(float(np.linalg.norm(np.asarray(wide, np.float64))), eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x if wide is matrix else x.T
