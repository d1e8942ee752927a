"""Rprop: steps whose lengths follow the signs of the gradient alone."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tinygrad_cnn.optim.optimizer import Group
from tinygrad_cnn.optim.options import numbers_of
from tinygrad_cnn.optim.per_parameter import PerParameter, buffer, next_step
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array


class Rprop(PerParameter):
    """Go against the sign of each gradient by a length of its own, which starts at ``lr``.

    The length is multiplied by ``etas[1]`` if the sign is the last step's, by ``etas[0]`` if it has changed, and
    the parameter then rests for a step; ``step_sizes`` are its bounds. For whole data sets, not for batches.
    (Riedmiller & Braun, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm", 1993.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> weight = nn.Parameter([1.0])
    >>> optimizer = tg.optim.Rprop([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight.item() < 1
    True
    """

    _state_names: ClassVar = {"step": True, "prev": True, "step_size": True}

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        maximize: bool = False,
        **implementation: Any,
    ) -> None:
        defaults = {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize}
        super().__init__(params, defaults, implementation)

    def _check(self, group: Group) -> None:
        self._want_finite(group, 0, "lr")
        etas, bounds = numbers_of(group["etas"], 2), numbers_of(group["step_sizes"], 2)
        if etas is None or not 0 < etas[0] < 1 < etas[1]:
            raise ValueError(f"Rprop: etas is {group['etas']!r}; wanted a number from 0 to 1 and one above 1")
        if bounds is None or not bounds[0] <= bounds[1]:
            raise ValueError(f"Rprop: step_sizes is {group['step_sizes']!r}; wanted two numbers in ascending order")

    def _update_one(self, p: Tensor, direction: Array, state: dict[str, Any], lr: float, group: Group) -> None:
        next_step(state)
        before, lengths = buffer(p, state, "prev"), buffer(p, state, "step_size", lr)
        agreement = np.sign(direction * before)
        slower, faster = map(float, group["etas"])
        lengths *= np.where(agreement > 0, faster, np.where(agreement < 0, slower, 1)).astype(lengths.dtype)
        np.clip(lengths, *map(float, group["step_sizes"]), out=lengths)
        before[...] = np.where(agreement < 0, 0, direction)
        p.array -= np.sign(before) * lengths
