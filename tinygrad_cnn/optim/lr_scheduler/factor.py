"""Schedules that multiply the initial rate by a function of the step."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from math import cos, pi
from numbers import Real

from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.optim.lr_scheduler.base import LRScheduler, number, per_group
from tinygrad_cnn.optim.optimizer import Optimizer


def cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2 * (1 + cos(pi * part))


def linear(start: float, end: float, part: float) -> float:
    return start + (end - start) * part


class _FactorLR(LRScheduler):
    """A schedule whose rate is the initial one times a factor that depends on the step alone.

    A step multiplies the present rate by the change of the factor. So several schedules of one optimizer multiply,
    and a rate that was set by hand keeps its proportion. Only the part above ``eta_min`` is scaled.
    """

    eta_min = 0.0

    def _factor(self, epoch: int) -> float:
        raise NotImplementedError

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group at step ``last_epoch``."""
        before = self._factor(self.last_epoch - 1) if self.last_epoch else 1.0
        now, low = self._factor(self.last_epoch), self.eta_min
        if now == before:
            return self._rates()
        if before == 0:
            return [lr + (base - low) * now for lr, base in zip(self._rates(), self.base_lrs, strict=True)]
        return [low + (lr - low) * (now / before) for lr in self._rates()]

    def get_closed_form_lr(self) -> list[float]:
        """Return the learning rates at step ``last_epoch`` whatever the rates are now."""
        now, low = self._factor(self.last_epoch), self.eta_min
        return [low + (base - low) * now for base in self.base_lrs]


class _GammaLR(LRScheduler):
    """A schedule that multiplies the rate by gamma at some steps: `_times(step)` times in all up to a step."""

    gamma: float

    def _times(self, epoch: int) -> int:
        raise NotImplementedError

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group at step ``last_epoch``."""
        before = self._times(self.last_epoch - 1) if self.last_epoch else 0
        change = self.gamma ** (self._times(self.last_epoch) - before)
        return [lr * change for lr in self._rates()]

    def get_closed_form_lr(self) -> list[float]:
        """Return the learning rates at step ``last_epoch`` whatever the rates are now."""
        return [base * self.gamma ** self._times(self.last_epoch) for base in self.base_lrs]


class StepLR(_GammaLR):
    """Multiply the rate by gamma every ``step_size`` steps.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> optimizer = tg.optim.SGD([nn.Parameter([1.0])], lr=0.8)
    >>> schedule = tg.optim.lr_scheduler.StepLR(optimizer, step_size=2)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(schedule.get_last_lr()[0], 4))
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [0.8, 0.8, 0.08, 0.08]
    """

    def __init__(self, optimizer: Optimizer, step_size: float, gamma: float = 0.1, last_epoch: int = -1) -> None:
        if float(step_size) != int(step_size):
            raise ValueError(f"StepLR: step_size is {step_size}; wanted a whole number")
        self.step_size = whole("StepLR", "step_size", int(step_size), 1)
        self.gamma = number("StepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def _times(self, epoch: int) -> int:
        return epoch // self.step_size


class MultiStepLR(_GammaLR):
    """Multiply the rate by gamma at each of the milestones; one that is given twice counts twice.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> optimizer = tg.optim.SGD([nn.Parameter([1.0])], lr=0.8)
    >>> schedule = tg.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 2])
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(schedule.get_last_lr()[0], 4))
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [0.8, 0.08, 0.008, 0.008]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = sorted(whole("MultiStepLR", "a milestone", m, 0) for m in milestones)
        self.gamma = number("MultiStepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def _times(self, epoch: int) -> int:
        return bisect_right(self.milestones, epoch)


class ExponentialLR(_GammaLR):
    """Multiply the rate by gamma at every step.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> optimizer = tg.optim.SGD([nn.Parameter([1.0])], lr=0.8)
    >>> schedule = tg.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(schedule.get_last_lr()[0], 4))
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [0.8, 0.4, 0.2, 0.1]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = number("ExponentialLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def _times(self, epoch: int) -> int:
        return epoch


class ConstantLR(_FactorLR):
    """Multiply the rate by ``factor`` for ``total_iters`` steps, and no longer after them.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> optimizer = tg.optim.SGD([nn.Parameter([1.0])], lr=0.8)
    >>> schedule = tg.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(schedule.get_last_lr()[0], 4))
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [0.4, 0.4, 0.8, 0.8]
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        self.factor = number("ConstantLR", "factor", factor, 1.0)
        self.total_iters = whole("ConstantLR", "total_iters", total_iters, 1)
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return self.factor if epoch < self.total_iters else 1.0


class LinearLR(_FactorLR):
    """Multiply the rate by a factor that goes from start_factor to end_factor in ``total_iters`` equal steps.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> optimizer = tg.optim.SGD([nn.Parameter([1.0])], lr=0.8)
    >>> schedule = tg.optim.lr_scheduler.LinearLR(optimizer, total_iters=2)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(schedule.get_last_lr()[0], 4))
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [0.2667, 0.5333, 0.8, 0.8]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor = number("LinearLR", "start_factor", start_factor, 1.0)
        if self.start_factor == 0:
            raise ValueError("LinearLR: start_factor is 0; wanted a number above 0")
        self.end_factor = number("LinearLR", "end_factor", end_factor, 1.0)
        self.total_iters = whole("LinearLR", "total_iters", total_iters, 1)
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return linear(self.start_factor, self.end_factor, min(epoch / self.total_iters, 1.0))


class PolynomialLR(_FactorLR):
    """Let the rate fall to 0 in ``total_iters`` steps: its factor is (1 - step / total_iters)^power.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> optimizer = tg.optim.SGD([nn.Parameter([1.0])], lr=0.8)
    >>> schedule = tg.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(schedule.get_last_lr()[0], 4))
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [0.8, 0.6, 0.4, 0.2]
    """

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters = whole("PolynomialLR", "total_iters", total_iters, 1)
        self.power = number("PolynomialLR", "power", power)
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return (1.0 - min(epoch / self.total_iters, 1.0)) ** self.power


class CosineAnnealingLR(_FactorLR):
    """Let the rate fall to ``eta_min`` in ``T_max`` steps along half a cosine wave, then rise again, and so on.

    Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017), without the restarts.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> optimizer = tg.optim.SGD([nn.Parameter([1.0])], lr=0.8)
    >>> schedule = tg.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(schedule.get_last_lr()[0], 4))
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [0.8, 0.6828, 0.4, 0.1172]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = whole("CosineAnnealingLR", "T_max", T_max, 1)
        self.eta_min = number("CosineAnnealingLR", "eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return cosine(1.0, 0.0, epoch / self.T_max)


class _OfFunctionsLR(LRScheduler):
    """A schedule by functions of the step, one for all groups or one for each. The state does not hold them."""

    _held_outside = frozenset({"optimizer", "lr_lambdas"})

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        name = type(self).__name__
        self.lr_lambdas = per_group(name, "lr_lambda", lr_lambda, optimizer)
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"{name}: lr_lambda is {function!r}; wanted a function of the step")
        super().__init__(optimizer, last_epoch)

    def _factors(self) -> list[float]:
        factors = [function(self.last_epoch) for function in self.lr_lambdas]
        for factor in factors:
            if not isinstance(factor, Real):
                name = f"{type(self).__name__}: lr_lambda({self.last_epoch})"
                raise TypeError(f"{name} returned {factor!r:.60}; wanted a number")
        return [float(factor) for factor in factors]


class LambdaLR(_OfFunctionsLR):
    """Set the rate to the initial one times a function of the step, or each group's by a function of its own.

    The state does not hold the functions: give them anew to resume.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> optimizer = tg.optim.SGD([nn.Parameter([1.0])], lr=0.8)
    >>> schedule = tg.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(schedule.get_last_lr()[0], 4))
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [0.8, 0.4, 0.2, 0.1]
    """

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group at step ``last_epoch``."""
        return [base * factor for base, factor in zip(self.base_lrs, self._factors(), strict=True)]


class MultiplicativeLR(_OfFunctionsLR):
    """Multiply the rate at each step but the first by a function of the step. The state does not hold it.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> optimizer = tg.optim.SGD([nn.Parameter([1.0])], lr=0.8)
    >>> schedule = tg.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(schedule.get_last_lr()[0], 4))
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [0.8, 0.4, 0.2, 0.1]
    """

    def _restart(self) -> None:
        self._go_to(0)  # from the present rates, as in PyTorch

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group at step ``last_epoch``."""
        if not self.last_epoch:
            return self._rates()
        return [lr * factor for lr, factor in zip(self._rates(), self._factors(), strict=True)]
