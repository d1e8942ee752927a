"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any, ClassVar

import numpy as np

from tinygrad_cnn.kernels.elementwise import scaled, scaled_sum
from tinygrad_cnn.optim.optimizer import Group, Optimizer
from tinygrad_cnn.optim.options import accepted_options
from tinygrad_cnn.tape.record import make_tensor
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array


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

    _state_names: ClassVar = {"momentum_buffer": False}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            **accepted_options(type(self), ("foreach", "differentiable", "fused"), implementation),
        }
        self._check(defaults)
        super().__init__(params, defaults)

    def _check(self, group: Group) -> None:
        self._want_finite(group, 0, "lr", "momentum", "weight_decay")
        self._want_finite(group, -inf, "dampening")
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ValueError("SGD: nesterov wants a momentum above 0 and a dampening of 0")

    def _update(self, group: Group) -> None:
        lr, weight_decay, momentum = (float(group[name]) for name in ("lr", "weight_decay", "momentum"))
        maximize, nesterov = group["maximize"], group["nesterov"]
        dtype = None
        for p in group["params"]:
            if (gradient := p._grad) is None:
                continue
            array, direction = p.array, gradient.array
            if array.dtype is not dtype:  # small arrays are multiplied by a 0-d array in half the time of a number
                dtype = array.dtype
                rate, decay, keep = (np.array(value, dtype) for value in (lr, weight_decay, momentum))
            if maximize:
                direction = -direction
            if weight_decay:
                direction = scaled_sum(array, decay, direction)
            if momentum:
                buffer = self._buffer(p, direction, keep, group)
                direction = scaled_sum(buffer, keep, direction) if nesterov else buffer
            array -= scaled(direction, rate)

    def _buffer(self, p: Tensor, direction: Array, keep: Array, group: Group) -> Array:
        """Return the momentum buffer of a parameter, with the direction added to what it keeps."""
        state = self.state.setdefault(p, {})
        if (before := state.get("momentum_buffer")) is None:
            first = np.empty_like(p.array)
            first[...] = direction
            state["momentum_buffer"] = make_tensor(p, first)
            return first
        buffer: Array = before.array
        buffer *= keep
        damping = float(group["dampening"])
        buffer += scaled(direction, 1 - damping) if damping else direction
        return buffer
