"""Gradient hooks: functions that users register on a tensor, and can remove."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class RemovableHandle:
    """The result of registering a hook, to remove it: with ``remove``, or by leaving a ``with`` block."""

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks, self._hook = hooks, hook
        hooks.append(hook)

    def remove(self) -> None:
        """Remove the hook; do nothing if it was removed already."""
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

    __slots__ = ("__weakref__", "after", "on_gradient")

    def __init__(self) -> None:
        self.on_gradient: list[Callable[[Any], Any]] = []
        """Called with the complete gradient; each may return another gradient to replace it."""
        self.after: list[Callable[[Any], None]] = []
        """Called last: with the leaf itself once ``.grad`` is updated, or with the final gradient of a non-leaf."""
