"""What all schedules share: steps, rates, and their state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from math import inf, isfinite
from numbers import Real
from typing import Any

from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.optim.optimizer import Optimizer
from tinygrad_cnn.optim.options import number_of
from tinygrad_cnn.support.representation import call_text
from tinygrad_cnn.tape.capture import effect
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.tensor import Tensor


class LRScheduler:
    """The base of schedules: subclasses define `get_lr`, the learning rates of the groups at ``last_epoch``.

    ``last_epoch`` counts steps. Step 0 is taken when the schedule is made. A ``last_epoch`` given as an argument is
    the step that an earlier schedule of the optimizer had reached: this one then starts at the step after it, and
    leaves the rates as they are.
    """

    _held_outside = frozenset({"optimizer"})  # attributes that are no part of the state

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        name = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{name}: wanted an optimizer, got {type(optimizer).__name__}")
        self.last_epoch = whole(name, "last_epoch", last_epoch, -1)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", number_of(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{name}: last_epoch is {last_epoch}, but group {i} of the optimizer has no initial_lr; wanted "
                    "the state of an optimizer that had a schedule, or a last_epoch of -1"
                )
        self.optimizer = optimizer
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self._last_lr = self._rates()
        if last_epoch == -1:
            self._go_to(0)
        else:
            self.last_epoch += 1

    def __repr__(self) -> str:
        rates = ", ".join(f"{rate:.4g}" for rate in self._last_lr)
        return call_text(self, type(self.optimizer).__name__, f"lr {rates}", without=("optimizer",))

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group at step ``last_epoch``: subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__}: get_lr() is not defined")

    def get_closed_form_lr(self) -> list[float]:
        """Return the learning rates at step ``last_epoch`` whatever the rates are now, for a step out of turn."""
        return self.get_lr()

    @effect
    def step(self, epoch: int | None = None) -> None:
        """Go to the next step, or to the one that is given, and set the learning rates of the optimizer.

        Warns if the optimizer has not stepped before the first: the schedule's first rate would never be used.
        """
        if epoch is not None:
            self.last_epoch = whole(type(self).__name__, "epoch", epoch, 0)
            self._set_rates(self.get_closed_form_lr())
            return
        knows = type(self.optimizer).step is Optimizer.step
        if knows and self.last_epoch == 0 and not self.optimizer.has_stepped:
            warn_user(
                f"{type(self).__name__}: step() before the optimizer's first step() skips the first rate of the "
                "schedule; wanted optimizer.step() first, then scheduler.step()"
            )
        self._go_to(self.last_epoch + 1)

    def _go_to(self, epoch: int) -> None:
        self.last_epoch = epoch
        self._set_rates(self.get_lr())

    def _set_rates(self, rates: list[float]) -> None:
        """Set the rates of the groups; one that is a tensor stays that tensor."""
        self._last_lr = rates
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].array[...] = lr
            else:
                group["lr"] = lr

    def _restart(self) -> None:
        """Go to step 0 from the initial rates, whatever the rates are now."""
        self._set_rates(self.base_lrs)
        self._go_to(0)

    def _rates(self) -> list[float]:
        return [number_of(group["lr"]) for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[float]:
        """Return the learning rates that the last step set."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """Return everything but functions and the optimizer, which keeps the rates in a state of its own."""
        return {key: deepcopy(value) for key, value in self.__dict__.items() if key not in self._held_outside}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state of the same kind of schedule. On error nothing has changed."""
        self._check_state(state_dict)
        self.__dict__.update(deepcopy({k: v for k, v in state_dict.items() if k not in self._held_outside}))

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        name = f"{type(self).__name__}.load_state_dict"
        if not isinstance(state_dict, Mapping):
            raise ValueError(f"{name}: wanted what state_dict() returned, got a {type(state_dict).__name__}")
        state = self.state_dict()
        own = state.keys()
        if state_dict.keys() != own:
            missing, unexpected = (
                sorted(map(str, keys)) for keys in (own - state_dict.keys(), state_dict.keys() - own)
            )
            raise ValueError(f"{name}: missing {missing}, unexpected {unexpected}")
        for key, value in state_dict.items():
            if not _of_same_kind(state[key], value):
                raise ValueError(f"{name}: {key} is {value!r:.60}; wanted something like {state[key]!r:.60}")
        given, wanted = len(state_dict["base_lrs"]), len(self.optimizer.param_groups)
        if given != wanted:
            raise ValueError(f"{name}: the state is of {given} groups of parameters, the optimizer has {wanted}")


def _of_same_kind(own: Any, given: Any) -> bool:
    """Return whether two values of a state are both numbers, or lists of the same, or of one type."""
    if own is None or given is None:
        return True
    if isinstance(own, (list, tuple)):
        return isinstance(given, (list, tuple)) and all(_of_same_kind(own[0], v) for v in given if own)
    if isinstance(own, Real) and not isinstance(own, bool):
        return isinstance(given, Real) and not isinstance(given, bool)
    return type(own) is type(given)


def per_group(name: str, argument: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """Return one value for each group of parameters, from as many or from one for all."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{name}: wanted an optimizer, got {type(optimizer).__name__}")
    groups = len(optimizer.param_groups)
    values = list(value) if isinstance(value, Sequence) else [value] * groups
    if len(values) != groups:
        raise ValueError(f"{name}: {argument} has {len(values)} values for {groups} groups of parameters")
    return values


def number(name: str, argument: str, value: float, most: float = inf) -> float:
    """Return a finite number of at least 0."""
    if not (isinstance(value, Real) and isfinite(value) and 0 <= float(value) <= most):
        limits = "of at least 0" if most == inf else f"from 0 to {most:g}"
        raise ValueError(f"{name}: {argument} is {value!r}; wanted a finite number {limits}")
    return float(value)
