"""Schedules: how the learning rate changes from step to step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import cos, pi
from typing import Any, NamedTuple

from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.optim.optimizer import Optimizer


class LRScheduler:
    """The base of schedules: subclasses define `get_lr`, the learning rates of the groups at ``last_epoch``.

    ``last_epoch`` counts steps. The first is taken when the schedule is made, and is number 0.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__}: wanted an optimizer, got {type(optimizer).__name__}")
        self.optimizer = optimizer
        self.last_epoch = last_epoch
        self._last_lr: list[float] = []
        self.step()

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group at step ``last_epoch``: subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__}: get_lr() is not defined")

    def step(self) -> None:
        """Go to the next step, and set the learning rates of the optimizer."""
        self.last_epoch += 1
        self._last_lr = self.get_lr()
        for group, lr in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = lr

    def get_last_lr(self) -> list[float]:
        """Return the learning rates that the last step set."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer, which keeps the current rates in a state of its own."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state of the same kind of schedule."""
        own = self.state_dict().keys()
        if state_dict.keys() != own:
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: missing {sorted(own - state_dict.keys())}, "
                f"unexpected {sorted(state_dict.keys() - own)}"
            )
        self.__dict__.update(state_dict)


class _Phase(NamedTuple):
    """Up to which step a phase lasts, and between what it moves: 0 initial, 1 highest, 2 lowest rate."""

    end: float
    rates: tuple[int, int]
    momenta: tuple[int, int]  # 0 lowest, 1 highest


def _cos(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2 * (1 + cos(pi * part))


def _linear(start: float, end: float, part: float) -> float:
    return start + (end - start) * part


_ANNEAL: dict[str, Callable[[float, float, float], float]] = {"cos": _cos, "linear": _linear}


class OneCycleLR(LRScheduler):
    """One cycle of the learning rate: from max_lr / div_factor up to max_lr, then down far below where it began.

    The momentum goes the opposite way. Call ``step`` after each batch, ``total_steps`` times at most (or epochs x
    steps_per_epoch). Smith & Topin, "Super-Convergence" (2017); as PyTorch has it, except that after the last step
    the rate stays where it is, where PyTorch's goes past its end.

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
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"OneCycleLR: wanted an optimizer, got {type(optimizer).__name__}")
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        if anneal_strategy not in _ANNEAL:
            raise ValueError(f"OneCycleLR: anneal_strategy is {anneal_strategy!r}; wanted cos or linear")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start is {pct_start!r}; wanted a number from 0 to 1")
        if not (div_factor > 0 and final_div_factor > 0):
            raise ValueError(f"OneCycleLR: wanted factors above 0, got {div_factor!r} and {final_div_factor!r}")
        if cycle_momentum and "momentum" not in optimizer.defaults:
            raise ValueError("OneCycleLR: cycle_momentum wants an optimizer that has a momentum")
        self.pct_start = pct_start
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self.three_phase = three_phase
        self.rates = [
            (high / div_factor, high, high / div_factor / final_div_factor)
            for high in _per_group("max_lr", max_lr, optimizer)
        ]
        base = _per_group("base_momentum", base_momentum, optimizer)
        self.momenta = list(zip(base, _per_group("max_momentum", max_momentum, optimizer), strict=True))
        super().__init__(optimizer)

    def _phases(self) -> list[_Phase]:
        peak, last = self.pct_start * self.total_steps - 1, self.total_steps - 1
        if self.three_phase:
            down = 2 * self.pct_start * self.total_steps - 2
            return [_Phase(peak, (0, 1), (1, 0)), _Phase(down, (1, 0), (0, 1)), _Phase(last, (0, 2), (1, 1))]
        return [_Phase(peak, (0, 1), (1, 0)), _Phase(last, (1, 2), (0, 1))]

    def _now(self) -> tuple[_Phase, float]:
        """Return the phase of this step, and which part of it is over."""
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

    def step(self) -> None:
        """Go to the next step, and set the learning rates and momenta of the optimizer."""
        if self.last_epoch >= self.total_steps:
            raise ValueError(f"OneCycleLR: all {self.total_steps} steps of the schedule have been taken")
        super().step()
        if self.cycle_momentum:
            phase, part = self._now()
            anneal = _ANNEAL[self.anneal_strategy]
            for group, momenta in zip(self.optimizer.param_groups, self.momenta, strict=True):
                group["momentum"] = anneal(momenta[phase.momenta[0]], momenta[phase.momenta[1]], part)


def _total(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is not None:
        return whole("OneCycleLR", "total_steps", total_steps, 1)
    if epochs is None or steps_per_epoch is None:
        raise ValueError("OneCycleLR: wanted total_steps, or both epochs and steps_per_epoch")
    return whole("OneCycleLR", "epochs", epochs, 1) * whole("OneCycleLR", "steps_per_epoch", steps_per_epoch, 1)


def _per_group(name: str, value: float | Sequence[float], optimizer: Optimizer) -> list[float]:
    """Return one value for each group of parameters."""
    groups = len(optimizer.param_groups)
    values = list(value) if isinstance(value, Sequence) else [value] * groups
    if len(values) != groups:
        raise ValueError(f"OneCycleLR: {name} has {len(values)} values for {groups} groups of parameters")
    return [float(v) for v in values]
