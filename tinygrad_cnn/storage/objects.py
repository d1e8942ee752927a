"""Objects in files, such as whole modules: the name of the class and the attributes, and never any code.

A class is found by its name among those that the caller declares safe (`add_safe_globals`), this package's own,
and, if the caller trusts the file (``weights_only=False``), those of modules that are imported already. Nothing is
imported for a file, and no constructor runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

OBJECTS: list[type] = []
"""Classes whose instances files may hold: modules register theirs."""

_safe: list[Any] = []


def add_safe_globals(safe_globals: Sequence[Any]) -> None:
    """Let `load` make modules of these classes, although it reads weights only."""
    _safe.extend(safe_globals)


def clear_safe_globals() -> None:
    """Forget what `add_safe_globals` was given."""
    _safe.clear()


def get_safe_globals() -> list[Any]:
    """Return what `add_safe_globals` was given."""
    return list(_safe)


@contextmanager
def safe_globals(safe_globals: Sequence[Any]) -> Iterator[None]:
    """Let `load` make modules of these classes in a block."""
    before = get_safe_globals()
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _safe[:] = before


def name_of(value: Any) -> str | None:
    """Return the name of a class or function in its module, or None if it cannot be found again by that."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if module is None or name is None or _at(module, name) is not value:
        return None
    return f"{module}:{name}"


def find_class(name: str, bases: tuple[type, ...], trusted: bool) -> Any:
    """Return the class of a name, a subclass of one of these. Raises ValueError if it is not declared safe."""
    module, _, path = name.partition(":")
    found = next((value for value in _safe if name_of(value) == name), None)
    if found is None and not trusted and not _is_ours(module):
        raise ValueError(
            f"it holds an object of {module}.{path}; if you trust the file, pass weights_only=False, or declare "
            f"the class safe: torch.serialization.add_safe_globals([{path}])"
        )
    found = _at(module, path) if found is None else found
    if not (isinstance(found, type) and issubclass(found, bases)):
        raise ValueError(
            f"it holds an object of {module}.{path}, which is not here: define or import it before load"
        )
    return found


def find_function(name: str) -> Any:
    """Return a function or layer of this package by name: the activation that a module has as an attribute."""
    module, _, path = name.partition(":")
    found = _at(module, path)
    if not (_is_ours(module) and callable(found)):
        raise ValueError(f"it holds {module}.{path}, which is no function of this package")
    return found


def _is_ours(module: str) -> bool:
    """Return whether a module is one of the layers and operations of this package, which only compute."""
    package = __name__.partition(".")[0]
    return module.startswith(tuple(f"{package}.{room}" for room in ("models.", "nn.", "ops.", "tensor")))


def _at(module: str, path: str) -> Any:
    value: Any = sys.modules.get(module)
    for part in path.split("."):
        value = getattr(value, part, None)
    return value


def make(kind: type) -> Any:
    """Return an instance of a class without attributes: no code of the class runs."""
    return object.__new__(kind)
