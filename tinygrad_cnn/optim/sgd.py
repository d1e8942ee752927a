"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import inf
from typing import Any

import numpy as np

from tinygrad_cnn.kernels import memory
from tinygrad_cnn.optim.optimizer import Group, Optimizer
from tinygrad_cnn.tape import Array, mark_written, wrap
from tinygrad_cnn.tensor import Tensor


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted: p -= lr v, where v = momentum v + (1 - dampening) g.

    The first v is g itself; with ``nesterov``, p -= lr (g + momentum v). Weight decay adds weight_decay p to g, and
    ``maximize`` goes up instead of down. After Sutskever et al., "On the importance of initialization and momentum
    in deep learning" (2013), in PyTorch's form, where lr multiplies v.

    >>> import tinygrad_cnn as tg
    >>> x = tg.tensor([1.0], requires_grad=True)
    >>> optimizer = tg.optim.SGD([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.detach()
    tensor([0.8000])
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Group],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        self._check(defaults)
        super().__init__(params, defaults)

    def _check(self, group: Group) -> None:
        self._want_finite(group, 0, "lr", "momentum", "weight_decay")
        self._want_finite(group, -inf, "dampening")
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ValueError("SGD: nesterov wants a momentum above 0 and a dampening of 0")

    def _update(self, group: Group) -> None:
        dtype = None
        for p in group["params"]:
            if p._grad is None:
                continue
            array, direction = p.array, p._grad.array
            if array.dtype is not dtype:
                dtype = array.dtype
                lr, weight_decay = (_constant(float(group[name]), dtype) for name in ("lr", "weight_decay"))
            if group["maximize"]:
                direction = -direction
            if group["weight_decay"]:
                decayed = _product(array, weight_decay)
                decayed += direction
                direction = decayed
            if group["momentum"]:
                direction = self._with_momentum(p, direction, group)
            array -= _product(direction, lr)
            mark_written(array, "SGD.step")

    def _with_momentum(self, p: Tensor, direction: Array, group: Group) -> Array:
        momentum = _constant(float(group["momentum"]), direction.dtype)
        state = self.state.setdefault(p, {})
        if state.get("momentum_buffer") is None:
            buffer = np.empty_like(p.array)
            buffer[...] = direction
            state["momentum_buffer"] = wrap(p, buffer)
        else:
            buffer = state["momentum_buffer"].array
            buffer *= momentum
            damping = float(group["dampening"])
            buffer += _product(direction, _constant(1 - damping, direction.dtype)) if damping else direction
        if not group["nesterov"]:
            return buffer
        ahead = _product(buffer, momentum)
        ahead += direction
        return ahead


@lru_cache(maxsize=64)
def _constant(value: float, dtype: np.dtype[Any]) -> Array:
    """Return a number as a 0-d array: small arrays are multiplied by one in half the time that a number takes."""
    return np.array(value, dtype)


def _product(array: Array, factor: Array) -> Array:
    """Return a product, if large in memory that is used again: mapping fresh pages would cost more than it does."""
    if array.nbytes < memory.SMALLEST:
        product: Array = array * factor
        return product
    return np.multiply(array, factor, out=memory.empty(array.shape, array.dtype))
