"""Averaged stochastic gradient descent."""

from __future__ import annotations

from math import inf
from typing import Any, ClassVar

from tinygrad_cnn.kernels.elementwise import scaled
from tinygrad_cnn.optim.optimizer import Group
from tinygrad_cnn.optim.per_parameter import PerParameter, average, buffer, next_step
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array


class ASGD(PerParameter):
    """Gradient descent with a falling rate, and the mean of the parameters since step ``t0`` in the state, "ax".

    p = (1 - lambd eta) p - eta g, with eta = lr / (1 + lambd lr t)^alpha. (Polyak & Juditsky, "Acceleration of
    stochastic approximation by averaging", 1992.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> weight = nn.Parameter([1.0])
    >>> optimizer = tg.optim.ASGD([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight.item() < 1
    True
    """

    _state_names: ClassVar = {"step": True, "eta": True, "mu": True, "ax": True}

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, implementation)

    def _check(self, group: Group) -> None:
        self._want_finite(group, 0, "lr", "weight_decay")
        self._want_finite(group, -inf, "lambd", "alpha", "t0")

    def _update_one(self, p: Tensor, direction: Array, state: dict[str, Any], lr: float, group: Group) -> None:
        lambd, alpha, t0 = (float(group[name]) for name in ("lambd", "alpha", "t0"))
        step = next_step(state)
        eta, mu = float(state.get("eta", lr)), float(state.get("mu", 1.0))
        array, mean = p.array, buffer(p, state, "ax")
        array *= 1 - lambd * eta
        array -= scaled(direction, eta)
        average(mean, array, mu)
        state["eta"] = lr / (1 + lambd * lr * step) ** alpha
        state["mu"] = 1 / max(1.0, step - t0)
