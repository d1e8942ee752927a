"""Hooks of optimizers: functions called before and after each step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Hook = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]


class StepHooks:
    """The hooks of one optimizer, in the order in which they were registered."""

    def __init__(self) -> None:
        self.before: list[Hook] = []
        self.after: list[Hook] = []

    def attach(self, optimizer: Any) -> None:
        """Have ``optimizer.step`` call the hooks: only an optimizer that has hooks pays for them."""
        if "step" in vars(optimizer):
            return
        step = optimizer.step

        def step_with_hooks(*args: Any, **kwargs: Any) -> Any:
            for hook in tuple(self.before):
                changed = hook(optimizer, args, kwargs)
                if changed is not None:
                    args, kwargs = changed
            result = step(*args, **kwargs)
            for hook in tuple(self.after):
                hook(optimizer, args, kwargs)
            return result

        optimizer.step = step_with_hooks
