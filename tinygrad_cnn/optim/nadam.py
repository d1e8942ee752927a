"""NAdam: Adam with Nesterov's look ahead."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any, ClassVar

from tinygrad_cnn.optim.optimizer import Group
from tinygrad_cnn.optim.per_parameter import (
    PerParameter,
    average,
    average_square,
    buffer,
    next_step,
    root,
    step_along,
)
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array


class NAdam(PerParameter):
    """`Adam` that steps along a mixture of the next mean and the gradient.

    The momentum of step t is mu = beta1 (1 - 0.96^(t momentum_decay) / 2), and stands in the mixture and in the
    correction for the start. (Dozat, "Incorporating Nesterov momentum into Adam", 2016.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> weight = nn.Parameter([1.0])
    >>> optimizer = tg.optim.NAdam([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight.item() < 1
    True
    """

    _state_names: ClassVar = {"step": True, "mu_product": True, "exp_avg": True, "exp_avg_sq": True}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, implementation)

    def _check(self, group: Group) -> None:
        self._want_finite(group, 0, "lr", "eps", "weight_decay", "momentum_decay")
        self._check_betas(group)

    def _update_one(self, p: Tensor, direction: Array, state: dict[str, Any], lr: float, group: Group) -> None:
        beta1, beta2 = map(float, group["betas"])
        step, eps = next_step(state), float(group["eps"])
        now, ahead = (beta1 * (1 - 0.5 * 0.96 ** (t * float(group["momentum_decay"]))) for t in (step, step + 1))
        state["mu_product"] = product = float(state.get("mu_product", 1.0)) * now
        mean, square = buffer(p, state, "exp_avg"), buffer(p, state, "exp_avg_sq")
        average(mean, direction, 1 - beta1)
        average_square(square, direction, 1 - beta2)
        correction = sqrt(1 - beta2**step)
        size = lr * correction
        step_along(p.array, direction, size * (1 - now) / (1 - product), root(square, eps * correction))
        step_along(p.array, mean, size * ahead / (1 - product * ahead), root(square, eps * correction))
