"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from tinygrad_cnn.kernels.elementwise import scaled
from tinygrad_cnn.optim.optimizer import Group
from tinygrad_cnn.optim.per_parameter import PerParameter, average_square, buffer, next_step
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array


class Adadelta(PerParameter):
    """Steps in the parameter's own units: p -= lr d with d = sqrt(u + eps) / sqrt(v + eps) g.

    v and u are running means of the squares of the gradients and of the steps d, with decay rate ``rho``. (Zeiler,
    "Adadelta: an adaptive learning rate method", 2012, algorithm 1.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> weight = nn.Parameter([1.0])
    >>> optimizer = tg.optim.Adadelta([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight.item() < 1
    True
    """

    _state_names: ClassVar = {"step": True, "square_avg": True, "acc_delta": True}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults, implementation)

    def _check(self, group: Group) -> None:
        self._want_finite(group, 0, "lr", "rho", "eps", "weight_decay")
        if group["rho"] > 1:
            raise ValueError(f"Adadelta: rho is {group['rho']}; wanted a number from 0 to 1")

    def _update_one(self, p: Tensor, direction: Array, state: dict[str, Any], lr: float, group: Group) -> None:
        rho, eps = float(group["rho"]), float(group["eps"])
        next_step(state)
        square, steps = buffer(p, state, "square_avg"), buffer(p, state, "acc_delta")
        average_square(square, direction, 1 - rho)
        delta = np.sqrt(steps + eps)
        delta /= np.sqrt(square + eps)
        delta *= direction
        average_square(steps, delta, 1 - rho)
        p.array -= scaled(delta, lr)
