"""RAdam: Adam whose first steps are rectified."""

from __future__ import annotations

from math import sqrt
from typing import Any, ClassVar

from tinygrad_cnn.kernels.elementwise import scaled
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


class RAdam(PerParameter):
    """`Adam` with its step multiplied by a factor that grows as the mean square becomes certain.

    While there are too few gradients to tell their variance (rho of at most 5), the step goes along the mean alone.
    (Liu et al., "On the variance of the adaptive learning rate and beyond", 2020, algorithm 2.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> weight = nn.Parameter([1.0])
    >>> optimizer = tg.optim.RAdam([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight.item() < 1
    True
    """

    _state_names: ClassVar = {"step": True, "exp_avg": True, "exp_avg_sq": True}

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
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
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, implementation)

    def _check(self, group: Group) -> None:
        self._want_finite(group, 0, "lr", "eps", "weight_decay")
        self._check_betas(group)
        if "amsgrad" in group:
            raise ValueError(
                "RAdam: amsgrad is an option of Adam, so the options or the state are of another kind of "
                "optimizer: Adam; wanted none"
            )

    def _update_one(self, p: Tensor, direction: Array, state: dict[str, Any], lr: float, group: Group) -> None:
        beta1, beta2 = map(float, group["betas"])
        step = next_step(state)
        mean, square = buffer(p, state, "exp_avg"), buffer(p, state, "exp_avg_sq")
        average(mean, direction, 1 - beta1)
        average_square(square, direction, 1 - beta2)
        size = lr / (1 - beta1**step)
        certain = 1 - beta2**step
        most = 2 / (1 - beta2) - 1
        rho = most - 2 * step * beta2**step / certain
        if rho <= 5:
            p.array -= scaled(mean, size)
            return
        rectified = sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
        step_along(p.array, mean, size * rectified * sqrt(certain), root(square, float(group["eps"])))
