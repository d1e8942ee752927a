"""Adam, and with weight decay that is no part of the gradient, AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any, ClassVar

import numpy as np

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


class Adam(PerParameter):
    """Steps of even length along each coordinate: p -= lr m' / (sqrt(v') + eps).

    m and v are running means of the gradient and of its square, with decay rates ``betas``; m' and v' are corrected
    for their start at 0. With ``amsgrad``, v' is the largest so far (Reddi et al., 2018). Weight decay adds
    weight_decay p to the gradient or, if decoupled, takes lr weight_decay p off the parameter. (Kingma & Ba, "Adam:
    a method for stochastic optimization", 2015, algorithm 1.)

    >>> import tinygrad_cnn as tg
    >>> x = tg.tensor([1.0], requires_grad=True)
    >>> optimizer = tg.optim.Adam([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.detach()
    tensor([0.9000])
    """

    _accepted = ("foreach", "capturable", "differentiable", "fused")
    _state_names: ClassVar = {"step": True, "exp_avg": True, "exp_avg_sq": True, "max_exp_avg_sq": False}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults, implementation)

    def _check(self, group: Group) -> None:
        self._want_finite(group, 0, "lr", "eps", "weight_decay")
        self._check_betas(group)

    def _update_one(self, p: Tensor, direction: Array, state: dict[str, Any], lr: float, group: Group) -> None:
        beta1, beta2 = map(float, group["betas"])
        step = next_step(state)
        mean, square = buffer(p, state, "exp_avg"), buffer(p, state, "exp_avg_sq")
        average(mean, direction, 1 - beta1)
        average_square(square, direction, 1 - beta2)
        if group["amsgrad"]:
            largest = buffer(p, state, "max_exp_avg_sq")
            square = np.maximum(largest, square, out=largest)
        correction = sqrt(1 - beta2**step)  # of sqrt(v), multiplied into numbers instead of dividing an array
        divisor = root(square, float(group["eps"]) * correction)
        step_along(p.array, mean, lr * correction / (1 - beta1**step), divisor)


class AdamW(Adam):
    """`Adam` with decoupled weight decay (Loshchilov & Hutter, "Decoupled weight decay regularization", 2019).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> weight = nn.Parameter([1.0])
    >>> optimizer = tg.optim.AdamW([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight.item() < 1
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
            **implementation,
        )

    def _check(self, group: Group) -> None:
        super()._check(group)
        if not group["decoupled_weight_decay"]:
            raise ValueError(
                "AdamW: decoupled_weight_decay is False, so the options or the state are of another kind of "
                "optimizer: Adam; wanted True"
            )
