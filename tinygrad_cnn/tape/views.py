"""Views: tensors that show the memory of another tensor, their base, so that a write in place reaches all of them.

A view refers to its base, the tensor that is no view itself. The base refers to its views weakly.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from tinygrad_cnn.tape.grad_mode import _mode
from tinygrad_cnn.tape.record import Operation, Variable
from tinygrad_cnn.tape.writes import owner_of

MADE_UNDER_NO_GRAD = "was made under no_grad()"
ONE_OF_SEVERAL = "is one of the results of {name}, which makes several views at once"
MADE_IN_FUNCTION = "was returned by a custom Function and shows an input's memory"


def note_view(result: Any, source: Variable, refusal: str | None = None) -> Any:
    """Return a new tensor, noted as a view of the source's base if it shows the same memory."""
    if result._base is None and owner_of(result.array) is owner_of(source.array):
        base = result._base = source if source._base is None else source._base
        result._refusal = refusal or (source._refusal if _mode.recording else MADE_UNDER_NO_GRAD)
        base._views = base._views or set()
        base._views.add(weakref.ref(result, base._views.discard))
    return result


def base_of(tensor: Variable) -> Variable:
    """Return the base of a view, or the tensor itself if it is no view."""
    return tensor if tensor._base is None else tensor._base


def views_of(base: Variable) -> list[Variable]:
    """Return the live views of a base."""
    return [view for ref in (base._views or set()).copy() if (view := ref()) is not None]


def one_of_several(name: str, views: tuple[Any, ...]) -> tuple[Any, ...]:
    """Note that views were made by one call: as in PyTorch, they refuse to be written to in place."""
    for view in views:
        if isinstance(view, Variable) and view._base is not None and _mode.recording:
            view._refusal = ONE_OF_SEVERAL.format(name=name)
    return views


class ViewOperation(Operation):
    """An operation whose result is a view of its first input, where it shows the same memory."""

    def __call__(self, *inputs: Any, **constants: Any) -> Any:
        result = Operation.__call__(self, *inputs, **constants)  # super() takes twice as long
        return note_view(result, inputs[0]) if isinstance(inputs[0], Variable) else result


def view_operation(**derivatives: Callable[..., Any]) -> Callable[[Callable[..., Any]], ViewOperation]:
    """Turn a function of arrays into an operation whose results are views, given its derivatives."""
    return lambda forward: ViewOperation(forward, derivatives)
