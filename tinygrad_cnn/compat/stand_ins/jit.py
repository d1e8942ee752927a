"""``torch.jit`` for modules that ask whether they are being compiled: they are not."""

from __future__ import annotations

from typing import Any


def is_scripting() -> bool:
    """Return False: there is no TorchScript."""
    return False


def is_tracing() -> bool:
    """Return False: there is no TorchScript."""
    return False


def ignore(function: Any = None, **_: Any) -> Any:
    """Return the function itself."""
    return function if callable(function) else lambda f: f


unused = export = ignore
