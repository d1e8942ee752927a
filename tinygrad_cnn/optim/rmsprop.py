"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

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


class RMSprop(PerParameter):
    """Divide the gradient by the root of a running mean of its square: p -= lr g / (sqrt(v) + eps).

    ``centered`` takes the square of the gradient's own running mean off v (Graves, 2013); ``momentum`` adds up the
    steps as they decay. (Hinton, "Neural networks for machine learning", lecture 6e, 2012.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> weight = nn.Parameter([1.0])
    >>> optimizer = tg.optim.RMSprop([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight.item() < 1
    True
    """

    _state_names: ClassVar = {"step": True, "square_avg": True, "grad_avg": False, "momentum_buffer": False}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "maximize": maximize,
        }
        super().__init__(params, defaults, implementation)

    def _check(self, group: Group) -> None:
        self._want_finite(group, 0, "lr", "alpha", "eps", "weight_decay", "momentum")

    def _update_one(self, p: Tensor, direction: Array, state: dict[str, Any], lr: float, group: Group) -> None:
        share, eps, momentum = (float(group[name]) for name in ("alpha", "eps", "momentum"))
        next_step(state)
        square = buffer(p, state, "square_avg")
        average_square(square, direction, 1 - share)
        if group["centered"]:
            mean = buffer(p, state, "grad_avg")
            average(mean, direction, 1 - share)
            square = square - scaled(mean, mean)
        divisor = root(square, eps)
        if momentum:
            moving = buffer(p, state, "momentum_buffer")
            moving *= momentum
            moving += np.divide(direction, divisor, out=divisor)
            p.array -= scaled(moving, lr)
        else:
            step_along(p.array, direction, lr, divisor)
