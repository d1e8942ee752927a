"""The types of compiled functions, and which of them are called from outside their file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types

INT = types.int64
POINTER = types.CPointer(types.float32)
PLAN = types.CPointer(INT)

BAND = types.void(PLAN, POINTER, POINTER, POINTER, POINTER, INT, INT, INT)
"""The signature of a compiled band: a plan, three inputs, an output; the band's first row, last row and number."""

INLINE: dict[str, Any] = {"nogil": True, "error_model": "numpy", "forceinline": True}
"""For functions that a band calls. A tile that is an argument goes through memory, unless the call is inlined."""

EXPORTS: dict[str, dict[str, tuple[Any, Callable[..., Any]]]] = {}
"""The signature and the function, by module and name. `build.py` compiles those of a module."""


def exported(signature: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Export the decorated function."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        EXPORTS.setdefault(function.__module__, {})[function.__name__] = signature, function
        return function

    return register
