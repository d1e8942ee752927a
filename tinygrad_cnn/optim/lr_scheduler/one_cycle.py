"""The one-cycle schedule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.optim.lr_scheduler.base import LRScheduler, number, per_group
from tinygrad_cnn.optim.lr_scheduler.factor import cosine, linear
from tinygrad_cnn.optim.optimizer import Optimizer


class _Phase(NamedTuple):
    """The last step of a phase, and between which rates it moves: 0 is the initial, 1 the highest, 2 the lowest."""

    end: float
    rates: tuple[int, int]
    momenta: tuple[int, int]  # 0 lowest, 1 highest


_ANNEAL: dict[str, Callable[[float, float, float], float]] = {"cos": cosine, "linear": linear}


class OneCycleLR(LRScheduler):
    """One cycle of the learning rate: from max_lr / div_factor up to max_lr, then down far below where it began.

    The momentum, or the first of betas, goes the opposite way. Call ``step`` after each batch, ``total_steps``
    times at most (or epochs x steps_per_epoch). Smith & Topin, "Super-Convergence" (2017); as PyTorch has it, but
    after the last step the rate stays where it is, where PyTorch's goes past its end.

    Raises ValueError for steps past the end.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"OneCycleLR: wanted an optimizer, got {type(optimizer).__name__}")
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        if anneal_strategy not in _ANNEAL:
            raise ValueError(f"OneCycleLR: anneal_strategy is {anneal_strategy!r}; wanted cos or linear")
        self.pct_start = number("OneCycleLR", "pct_start", pct_start, 1.0)
        factors = [number("OneCycleLR", "a factor", factor) for factor in (div_factor, final_div_factor)]
        if 0 in factors:
            raise ValueError(f"OneCycleLR: wanted factors above 0, got {div_factor!r} and {final_div_factor!r}")
        if cycle_momentum and not optimizer.defaults.keys() & {"momentum", "betas"}:
            raise ValueError("OneCycleLR: cycle_momentum wants an optimizer that has a momentum, or betas")
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self.three_phase = three_phase
        self.rates = [
            (high / div_factor, high, high / div_factor / final_div_factor)
            for high in _numbers("max_lr", max_lr, optimizer)
        ]
        low = _numbers("base_momentum", base_momentum, optimizer)
        high = _numbers("max_momentum", max_momentum, optimizer)
        self.momenta = list(zip(low, high, strict=True))
        super().__init__(optimizer, last_epoch)

    def _phases(self) -> list[_Phase]:
        peak, last = self.pct_start * self.total_steps - 1, self.total_steps - 1
        if self.three_phase:
            down = 2 * self.pct_start * self.total_steps - 2
            return [_Phase(peak, (0, 1), (1, 0)), _Phase(down, (1, 0), (0, 1)), _Phase(last, (0, 2), (1, 1))]
        return [_Phase(peak, (0, 1), (1, 0)), _Phase(last, (1, 2), (0, 1))]

    def _now(self) -> tuple[_Phase, float]:
        """Return the phase of this step, and the fraction of it that is over."""
        start = 0.0
        phases = self._phases()
        for phase in phases:
            if self.last_epoch <= phase.end or phase is phases[-1]:
                break
            start = phase.end
        length = phase.end - start
        return phase, min((self.last_epoch - start) / length, 1.0) if length else 1.0

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group at step ``last_epoch``."""
        phase, part = self._now()
        anneal = _ANNEAL[self.anneal_strategy]
        return [anneal(rates[phase.rates[0]], rates[phase.rates[1]], part) for rates in self.rates]

    def _go_to(self, epoch: int) -> None:
        if epoch > self.total_steps:
            raise ValueError(f"OneCycleLR: all {self.total_steps} steps of the schedule have been taken")
        super()._go_to(epoch)
        if self.cycle_momentum:
            phase, part = self._now()
            anneal = _ANNEAL[self.anneal_strategy]
            for group, momenta in zip(self.optimizer.param_groups, self.momenta, strict=True):
                momentum = anneal(momenta[phase.momenta[0]], momenta[phase.momenta[1]], part)
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum


def _numbers(argument: str, value: Any, optimizer: Optimizer) -> list[float]:
    return [number("OneCycleLR", argument, v) for v in per_group("OneCycleLR", argument, value, optimizer)]


def _total(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is not None:
        return whole("OneCycleLR", "total_steps", total_steps, 1)
    if epochs is None or steps_per_epoch is None:
        raise ValueError("OneCycleLR: wanted total_steps, or both epochs and steps_per_epoch")
    return whole("OneCycleLR", "epochs", epochs, 1) * whole("OneCycleLR", "steps_per_epoch", steps_per_epoch, 1)
