"""The schedule that follows other schedules one after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.optim.lr_scheduler.base import LRScheduler
from tinygrad_cnn.optim.lr_scheduler.plateau import ReduceLROnPlateau
from tinygrad_cnn.optim.optimizer import Optimizer


class SequentialLR(LRScheduler):
    """Follow several schedules one after the other. All must be schedules of the given optimizer.

    Schedule i + 1 takes over at step ``milestones[i]``, and starts at its own step 0 from the initial rates.
    """

    _held_outside = frozenset({"optimizer", "_schedulers"})

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        self._schedulers = list(schedulers)
        self._milestones = [whole("SequentialLR", "a milestone", m, 0) for m in milestones]
        for i, schedule in enumerate(self._schedulers):
            if not isinstance(schedule, LRScheduler) or isinstance(schedule, ReduceLROnPlateau):
                raise TypeError(
                    f"SequentialLR: schedule {i} is a {type(schedule).__name__}; wanted one that needs no metric"
                )
            if schedule.optimizer is not optimizer:
                raise ValueError(f"SequentialLR: schedule {i} is of another optimizer")
        if len(self._milestones) != len(self._schedulers) - 1:
            raise ValueError(
                f"SequentialLR: got {len(self._schedulers)} schedules and {len(self._milestones)} milestones; "
                "wanted one milestone between each schedule and the next"
            )
        if any(a > b for a, b in pairwise(self._milestones)):
            raise ValueError(f"SequentialLR: milestones are {self._milestones}; wanted them in ascending order")
        super().__init__(optimizer, last_epoch)

    def _go_to(self, epoch: int) -> None:
        number = bisect_right(self._milestones, epoch)
        schedule = self._schedulers[number]
        start = self._milestones[number - 1] if number else 0
        if epoch == start:
            schedule._restart()
        else:
            schedule._go_to(epoch - start)
        self.last_epoch = epoch
        self._last_lr = schedule.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Return the state, with those of the schedules."""
        return {**super().state_dict(), "_schedulers": [schedule.state_dict() for schedule in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state of as many schedules of the same kinds. On error nothing has changed."""
        super().load_state_dict(state_dict)
        for schedule, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            schedule.load_state_dict(state)

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        super()._check_state(state_dict)
        if not isinstance(state_dict["_schedulers"], (list, tuple)):
            raise ValueError("SequentialLR.load_state_dict: _schedulers is no list of states")
        given, wanted = len(state_dict["_schedulers"]), len(self._schedulers)
        if given != wanted:
            raise ValueError(f"SequentialLR.load_state_dict: the state is of {given} schedules; wanted {wanted}")
        for schedule, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            schedule._check_state(state)
