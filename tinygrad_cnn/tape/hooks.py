"""Hooks: functions of a user's own that see gradients on their way, and may be taken away again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class RemovableHandle:
    """What registering a hook returns: ``remove`` takes the hook away, and so does leaving a ``with`` block."""

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks, self._hook = hooks, hook
        hooks.append(hook)

    def remove(self) -> None:
        """Take the hook away; the second time, do nothing."""
        place = next((i for i, hook in enumerate(self._hooks) if hook is self._hook), None)
        if place is not None:
            del self._hooks[place]
        self._hooks = []

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class GradientHooks:
    """The hooks of one tensor."""

    __slots__ = ("after", "on_gradient")

    def __init__(self) -> None:
        self.on_gradient: list[Callable[[Any], Any]] = []
        """Called with the gradient once it is complete; each may return another gradient in its place."""
        self.after: list[Callable[[Any], None]] = []
        """Called last: of a leaf with the leaf, when ``.grad`` holds the sum; else with the final gradient."""
