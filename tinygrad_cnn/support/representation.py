"""``repr`` of objects that are made by a call: the call, with what is too long for one line shortened."""

from __future__ import annotations

import inspect
from typing import Any

_MOST = 60  # characters of a value, at most


def call_text(instance: Any, *facts: str, without: tuple[str, ...] = ()) -> str:
    """Return an instance as the call that makes it, after other facts; arguments at their defaults are left out.

    An argument is shown if the instance has an attribute of its name.

    >>> class Point:
    ...     def __init__(self, x, y=0, *, label=None):
    ...         self.x, self.y, self.label = x, y, label
    >>> call_text(Point(1, label="north"), "a fact")
    "Point(a fact, x=1, label='north')"
    """
    shown = [*facts]
    for name, parameter in inspect.signature(type(instance).__init__).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value = vars(instance).get(name, parameter.default)
        if name not in without and value is not parameter.default and not _equal(value, parameter.default):
            shown.append(f"{name}={value_text(value)}")
    return f"{type(instance).__name__}({', '.join(shown)})"


def value_text(value: Any) -> str:
    """Return a value for a ``repr``: as it is if it is short, a tensor by its shape, a function by its name."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"<{type(value).__name__} of shape {shape}>"
    if inspect.isroutine(value) or isinstance(value, type):
        return str(getattr(value, "__qualname__", type(value).__name__))
    if isinstance(value, (list, tuple, dict, set)) and len(repr(value)) > _MOST:
        return f"<{type(value).__name__} of {len(value)}>"
    text = repr(value)
    return text if len(text) <= 2 * _MOST and "\n" not in text else f"<{type(value).__name__}>"


def length_text(instance: Any, what: str) -> list[str]:
    """Return a list with the length of something, as ``10 samples``; an empty one if it has no length."""
    try:
        count = len(instance)
    except Exception:  # repr must not fail, whatever the subclass of a user does
        return []
    return [f"{count:,} {what}"]


def _equal(value: Any, default: Any) -> bool:
    return type(value) is type(default) and not hasattr(value, "shape") and bool(value == default)
