"""Schedules made of other schedules: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.optim.lr_scheduler.base import LRScheduler
from tinygrad_cnn.optim.lr_scheduler.plateau import ReduceLROnPlateau
from tinygrad_cnn.optim.optimizer import Optimizer


class _OfSeveralLR(LRScheduler):
    """A schedule whose state holds those of several schedules of one optimizer."""

    _held_outside = frozenset({"optimizer", "_schedulers"})

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], last_epoch: int) -> None:
        name = type(self).__name__
        self._schedulers = list(schedulers)
        for i, schedule in enumerate(self._schedulers):
            if not isinstance(schedule, LRScheduler) or isinstance(schedule, ReduceLROnPlateau):
                raise TypeError(
                    f"{name}: schedule {i} is a {type(schedule).__name__}; wanted one that needs no metric"
                )
            if schedule.optimizer is not optimizer:
                raise ValueError(f"{name}: schedule {i} is of another optimizer")
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return the state, with those of the schedules."""
        return {**super().state_dict(), "_schedulers": [schedule.state_dict() for schedule in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state of as many schedules of the same kinds. On error nothing has changed."""
        super().load_state_dict(state_dict)
        for schedule, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            schedule.load_state_dict(state)

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        name = f"{type(self).__name__}.load_state_dict"
        super()._check_state(state_dict)
        if not isinstance(state_dict["_schedulers"], (list, tuple)):
            raise ValueError(f"{name}: _schedulers is no list of states")
        given, wanted = len(state_dict["_schedulers"]), len(self._schedulers)
        if given != wanted:
            raise ValueError(f"{name}: the state is of {given} schedules; wanted {wanted}")
        for schedule, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            schedule._check_state(state)


class SequentialLR(_OfSeveralLR):
    """Follow several schedules one after the other. All must be schedules of the given optimizer.

    Schedule i + 1 takes over at step ``milestones[i]``, and starts at its own step 0 from the initial rates.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        self._milestones = [whole("SequentialLR", "a milestone", m, 0) for m in milestones]
        if len(self._milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: got {len(schedulers)} schedules and {len(self._milestones)} milestones; "
                "wanted one milestone between each schedule and the next"
            )
        if any(a > b for a, b in pairwise(self._milestones)):
            raise ValueError(f"SequentialLR: milestones are {self._milestones}; wanted them in ascending order")
        super().__init__(optimizer, schedulers, last_epoch)

    def _go_to(self, epoch: int) -> None:
        number = bisect_right(self._milestones, epoch)
        schedule = self._schedulers[number]
        start = self._milestones[number - 1] if number else 0
        if epoch == 0:
            self._set_rates(self.base_lrs)  # undoes the first steps that the schedules took when they were made
        if epoch == start:
            schedule._restart()
        else:
            schedule._go_to(epoch - start)
        self.last_epoch = epoch
        self._last_lr = schedule.get_last_lr()


class ChainedScheduler(_OfSeveralLR):
    """Follow several schedules at once: each step is a step of all of them, one after the other.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> optimizer = tg.optim.SGD([tg.nn.Parameter([1.0])], lr=1.0)
    >>> schedule = ChainedScheduler([ConstantLR(optimizer, 0.5, total_iters=1), ExponentialLR(optimizer, 0.9)])
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if not schedulers:
            raise ValueError("ChainedScheduler: wanted at least one schedule")
        own = getattr(schedulers[0], "optimizer", None) if optimizer is None else optimizer
        super().__init__(own, schedulers, -1)  # type: ignore[arg-type]

    def get_lr(self) -> list[float]:
        """Return the rates of the groups as they are: the schedules set them."""
        return self._rates()

    def _go_to(self, epoch: int) -> None:
        for schedule in self._schedulers if epoch else []:
            schedule._go_to(schedule.last_epoch + 1)
        super()._go_to(epoch)
