"""Adamax: Adam with the largest gradient in the place of the mean square."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tinygrad_cnn.optim.optimizer import Group
from tinygrad_cnn.optim.per_parameter import PerParameter, average, buffer, next_step, step_along
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array


class Adamax(PerParameter):
    """`Adam` in the infinity norm: p -= lr m' / u, where u = max(beta2 u, |g| + eps).

    m' is the running mean of the gradient, corrected for its start at 0. (Kingma & Ba, "Adam: a method for
    stochastic optimization", 2015, algorithm 2.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> weight = nn.Parameter([1.0])
    >>> optimizer = tg.optim.Adamax([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight.item() < 1
    True
    """

    _state_names: ClassVar = {"step": True, "exp_avg": True, "exp_inf": True}

    def __init__(
        self,
        params: Any,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults, implementation)

    def _check(self, group: Group) -> None:
        self._want_finite(group, 0, "lr", "eps", "weight_decay")
        self._check_betas(group)

    def _update_one(self, p: Tensor, direction: Array, state: dict[str, Any], lr: float, group: Group) -> None:
        beta1, beta2 = map(float, group["betas"])
        step = next_step(state)
        mean, largest = buffer(p, state, "exp_avg"), buffer(p, state, "exp_inf")
        average(mean, direction, 1 - beta1)
        largest *= beta2
        np.maximum(largest, np.abs(direction) + float(group["eps"]), out=largest)
        step_along(p.array, mean, lr / (1 - beta1**step), largest.copy())
