"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from tinygrad_cnn.kernels.elementwise import scaled
from tinygrad_cnn.optim.optimizer import Group
from tinygrad_cnn.optim.per_parameter import PerParameter, buffer, next_step, root, step_along
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array


class Adagrad(PerParameter):
    """Divide the gradient by the root of the sum of all its squares: p -= lr g / (sqrt(s) + eps).

    s starts at ``initial_accumulator_value``, and the rate of step t is lr / (1 + (t - 1) lr_decay). (Duchi et al.,
    "Adaptive subgradient methods for online learning and stochastic optimization", 2011.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> weight = nn.Parameter([1.0])
    >>> optimizer = tg.optim.Adagrad([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight.item() < 1
    True
    """

    _accepted = ("foreach", "differentiable", "fused")
    _state_names: ClassVar = {"step": True, "sum": True}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
            "maximize": maximize,
        }
        super().__init__(params, defaults, implementation)

    def _check(self, group: Group) -> None:
        self._want_finite(group, 0, "lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")

    def _update_one(self, p: Tensor, direction: Array, state: dict[str, Any], lr: float, group: Group) -> None:
        step = next_step(state)
        total = buffer(p, state, "sum", float(group["initial_accumulator_value"]))
        total += scaled(direction, direction)
        rate = lr / (1 + (step - 1) * float(group["lr_decay"]))
        step_along(p.array, direction, rate, root(total, float(group["eps"])))
