"""The base of optimizers that update each parameter by itself, from running averages of its gradients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from tinygrad_cnn.kernels import memory
from tinygrad_cnn.kernels.elementwise import scaled, scaled_sum
from tinygrad_cnn.optim.optimizer import Group, Optimizer
from tinygrad_cnn.optim.options import accepted_options, numbers_of
from tinygrad_cnn.tape.record import make_tensor
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array


class PerParameter(Optimizer):
    """Applies ``maximize`` and weight decay; subclasses define `_update_one`, the formula itself."""

    _decoupled: ClassVar[bool] = (
        False  # whether weight decay is applied to the parameter, not added to the gradient
    )

    _decays_itself: ClassVar[bool] = False  # whether `_update_one` applies weight decay
    _accepted: ClassVar[tuple[str, ...]] = ("foreach", "capturable", "differentiable")
    """Those of PyTorch's options of implementation that its optimizer of this name has."""

    def __init__(self, params: Iterable[Any], defaults: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        defaults = {**defaults, **accepted_options(type(self), self._accepted, given)}
        self._check(defaults)
        super().__init__(params, defaults)

    def _check_betas(self, group: Group) -> None:
        betas = group["betas"]
        numbers = numbers_of(betas, 2)
        if numbers is None or not all(0 <= beta < 1 for beta in numbers):
            raise ValueError(f"{type(self).__name__}: betas is {betas!r}; wanted two numbers from 0 to less than 1")

    def _update(self, group: Group) -> None:
        lr = float(group["lr"])
        decay = 0.0 if self._decays_itself else float(group.get("weight_decay", 0))
        for p in group["params"]:
            if p._grad is None:
                continue
            array, direction = p.array, p._grad.array
            if group.get("maximize"):
                direction = -direction
            if decay and (self._decoupled or group.get("decoupled_weight_decay")):
                array *= 1 - lr * decay
            elif decay:
                direction = scaled_sum(array, decay, direction)
            self._update_one(p, direction, self.state.setdefault(p, {}), lr, group)

    def _update_one(self, p: Tensor, direction: Array, state: dict[str, Any], lr: float, group: Group) -> None:
        """Change the values of a parameter, given its gradient and its state."""
        raise NotImplementedError(f"{type(self).__name__}: _update_one() is not defined")


def buffer(p: Tensor, state: dict[str, Any], name: str, start: float = 0.0) -> Array:
    """Return an array of the state, of the parameter's shape; it is made when it is first asked for."""
    if name not in state:
        state[name] = make_tensor(p, np.full_like(p.array, start))
    array: Array = state[name].array
    return array


def next_step(state: dict[str, Any]) -> int:
    """Count a step, and return its number; the first is 1."""
    state["step"] = int(state.get("step", 0)) + 1
    return state["step"]


def average(mean: Array, value: Array, share: float) -> None:
    """Move a running mean towards a value, in place: mean += share (value - mean)."""
    mean *= 1 - share
    mean += scaled(value, share)


def average_square(mean: Array, value: Array, share: float) -> None:
    """Move a running mean of squares towards the square of a value, in place."""
    mean *= 1 - share
    square = scaled(value, value)
    square *= share
    mean += square


def root(array: Array, eps: float) -> Array:
    """Return sqrt(array) + eps."""
    result = np.sqrt(array, out=memory.empty(array.shape, array.dtype))
    result += eps
    return result


def step_along(array: Array, direction: Array, size: float, divisor: Array) -> None:
    """Subtract size * direction / divisor in place; the divisor is overwritten."""
    np.divide(direction, divisor, out=divisor)
    divisor *= size
    array -= divisor
