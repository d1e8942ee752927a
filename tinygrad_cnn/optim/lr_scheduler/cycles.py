"""Schedules that rise and fall again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import floor, log
from numbers import Real
from typing import Any

from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.optim.lr_scheduler.base import LRScheduler, number, per_group
from tinygrad_cnn.optim.lr_scheduler.factor import cosine
from tinygrad_cnn.optim.optimizer import Optimizer
from tinygrad_cnn.tape.capture import effect

_SCALES: dict[str, tuple[Callable[[float, float], float], str]] = {
    "triangular": (lambda gamma, x: 1.0, "cycle"),
    "triangular2": (lambda gamma, x: 1 / 2.0 ** (x - 1), "cycle"),
    "exp_range": (lambda gamma, x: gamma**x, "iterations"),
}
"""By mode: the factor of the height of a cycle, and whether it depends on the cycle or on the step."""


class CyclicLR(LRScheduler):
    """Go from ``base_lr`` to ``max_lr`` in ``step_size_up`` steps and back in ``step_size_down``, again and again.

    Mode "triangular2" halves the height with each cycle, "exp_range" multiplies it by gamma at each step, and
    ``scale_fn`` by any function of the cycle's number or, with ``scale_mode="iterations"``, of the step. With
    ``cycle_momentum`` the momentum, or the first beta, goes the other way, from max_momentum to base_momentum.
    (Smith, "Cyclical learning rates for training neural networks", 2017.)
    """

    _held_outside = frozenset({"optimizer", "scale_fn"})

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        name = "CyclicLR"
        if mode not in _SCALES and scale_fn is None:
            raise ValueError(f"{name}: mode is {mode!r}; wanted one of {', '.join(_SCALES)}, or a scale_fn")
        if scale_mode not in ("cycle", "iterations"):
            raise ValueError(f"{name}: scale_mode is {scale_mode!r}; wanted cycle or iterations")
        if cycle_momentum and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError(f"{name}: cycle_momentum wants an optimizer that has a momentum, or betas")
        low = [number(name, "base_lr", lr) for lr in per_group(name, "base_lr", base_lr, optimizer)]
        self.max_lrs = [number(name, "max_lr", lr) for lr in per_group(name, "max_lr", max_lr, optimizer)]
        self.base_momentums = [float(m) for m in per_group(name, "base_momentum", base_momentum, optimizer)]
        self.max_momentums = [float(m) for m in per_group(name, "max_momentum", max_momentum, optimizer)]
        up = whole(name, "step_size_up", step_size_up, 1)
        self.total_size = up + (up if step_size_down is None else whole(name, "step_size_down", step_size_down, 1))
        self.step_ratio = up / self.total_size
        self.mode, self.cycle_momentum = mode, cycle_momentum
        self.gamma = number(name, "gamma", gamma)
        self.scale_fn = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else _SCALES[mode][1]
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, low, strict=True):
                group["initial_lr"] = lr
        super().__init__(optimizer, last_epoch)
        self.base_lrs = low

    def _height(self) -> float:
        """Return how far up the cycle this step is, from 0 to 1 times the scale."""
        cycle = floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        at = cycle if self.scale_mode == "cycle" else self.last_epoch
        return height * (self.scale_fn(at) if self.scale_fn else _SCALES[self.mode][0](self.gamma, at))

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group at step ``last_epoch``."""
        height = self._height()
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def _set_rates(self, rates: list[float]) -> None:
        super()._set_rates(rates)
        if not self.cycle_momentum:
            return
        height = self._height()
        bounds = zip(self.base_momentums, self.max_momentums, strict=True)
        for group, (low, high) in zip(self.optimizer.param_groups, bounds, strict=True):
            momentum = high - (high - low) * height
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum


class CosineAnnealingWarmRestarts(LRScheduler):
    """Let the rate fall to ``eta_min`` along half a cosine wave in T_0 steps, then start again from the top.

    Each wave takes ``T_mult`` times as many steps as the one before it. ``step(epoch)`` goes to any epoch, also
    to a fraction of one, such as ``epoch + batch / batches``. (Loshchilov & Hutter, "SGDR: Stochastic Gradient
    Descent with Warm Restarts", 2017.)
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        name = "CosineAnnealingWarmRestarts"
        self.T_0 = self.T_i = whole(name, "T_0", T_0, 1)
        self.T_mult = whole(name, "T_mult", T_mult, 1)
        self.eta_min = number(name, "eta_min", eta_min)
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)
        if last_epoch != -1:
            self.step(self.last_epoch)

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group at the present part of the wave."""
        return [cosine(base, self.eta_min, self.T_cur / self.T_i) for base in self.base_lrs]

    @effect
    def step(self, epoch: float | None = None) -> None:
        """Go to the next step, or to any epoch or fraction of one, and set the learning rates of the optimizer."""
        if epoch is None:
            super().step()
            return
        if not isinstance(epoch, Real) or not epoch >= 0:
            raise ValueError(f"CosineAnnealingWarmRestarts: epoch is {epoch!r}; wanted a number of at least 0")
        waves = self._waves_before(float(epoch))
        self.T_i = self.T_0 * self.T_mult**waves
        self.T_cur = epoch - self._start_of(waves)
        self.last_epoch = floor(epoch)
        self._set_rates(self.get_lr())

    def _go_to(self, epoch: int) -> None:
        self.T_cur = 0 if epoch == 0 else self.T_cur + 1
        if epoch == 0:
            self.T_i = self.T_0
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult
        super()._go_to(epoch)

    def _waves_before(self, epoch: float) -> int:
        if self.T_mult == 1:
            return int(epoch // self.T_0)
        return int(log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))

    def _start_of(self, wave: int) -> Any:
        if self.T_mult == 1:
            return self.T_0 * wave
        return self.T_0 * (self.T_mult**wave - 1) / (self.T_mult - 1)
