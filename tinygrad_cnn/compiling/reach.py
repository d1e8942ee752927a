"""What a function can read besides its arguments: tensors, modules, and values that decide what it does.

A program is right only as long as these are what they were when it was captured. So each place in which one was
found is kept, with what was there, and looked at before each run.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from tinygrad_cnn.nn import Module
from tinygrad_cnn.optim import Optimizer
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tape.capture import array_of
from tinygrad_cnn.tape.watch import is_of_package
from tinygrad_cnn.tensor import Tensor

_PLAIN = (int, float, bool, str, bytes, complex, type(None))
_MOST_PLACES = 1000


class Reach:
    """The places that a function reads from, found by following its code, closure and the objects in them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.tensors: dict[int, Tensor] = {}
        self.modules: list[Module] = []
        self.codes: set[CodeType] = set()  # of the user's functions
        self.machines: list[Any] = []  # objects of this package that effects change: optimizers, schedules
        self.refusal: str | None = None
        self._names: list[tuple[dict[str, Any], str, Any]] = []  # a namespace, a name in it, and what was there
        self._cells: list[tuple[Any, Any]] = []
        self._sequences: list[tuple[Any, tuple[Any, ...]]] = []
        self._seen: set[int] = set()
        self._kept: list[Any] = []  # what `_seen` has the ids of
        self._look(function)
        self._modules = self._of_modules()

    def is_unchanged(self) -> bool:
        """Return whether every place still holds what was there; attributes of modules are not looked at."""
        for namespace, name, value in self._names:
            if namespace.get(name, self) is not value:
                return False
        for cell, value in self._cells:
            if cell.cell_contents is not value:
                return False
        return all(tuple(sequence) == items for sequence, items in self._sequences)

    def modules_are_unchanged(self) -> bool:
        """Return whether the attributes of all modules are what they were."""
        return self._of_modules() == self._modules

    def outside(self) -> Any:
        """Return what only effects may change: random generators, options, gradients, the arrays of tensors."""
        legacy: Any = np.random.get_state()  # noqa: NPY002 (watched, not used)
        return (
            str(default_generator().bit_generator.state),
            (legacy[1].tobytes(), legacy[2], random.getstate()),
            [(id(t._grad), id(array_of(t)), t._requires_grad) for t in self.tensors.values()],
            [_options(machine) for machine in self.machines],
        )

    # --- following ---

    def _look(self, value: Any) -> None:
        if isinstance(value, (*_PLAIN, ModuleType, type)) or id(value) in self._seen:
            return
        self._seen.add(id(value))
        self._kept.append(value)
        if len(self._seen) > _MOST_PLACES:
            self.refusal = f"the function can read from more than {_MOST_PLACES} objects"
            return
        if isinstance(value, Tensor):
            self.tensors[id(value)] = value
        elif isinstance(value, Module):
            self._look_at_module(value)
        elif isinstance(value, Optimizer):
            self._look_at_optimizer(value)
        elif isinstance(value, MethodType):
            self._look(value.__self__)
            self._look(value.__func__)
        elif isinstance(value, functools.partial):
            for item in (value.func, value.args, value.keywords):
                self._look(item)
        elif isinstance(value, FunctionType):
            self._look_at_function(value)
        elif isinstance(value, (list, tuple)):
            if isinstance(value, list):
                self._sequences.append((value, tuple(value)))
            for item in value:
                self._look(item)
        elif isinstance(value, dict):
            self._look_at_names(value, list(value))
        elif type(value).__module__.startswith("tinygrad_cnn."):
            self.machines.append(value)
        elif type(value).__module__.partition(".")[0] not in ("numpy", "builtins"):
            self._look_at_object(value)

    def _look_at_names(self, namespace: dict[str, Any], names: list[str]) -> None:
        for name in names:
            if name in namespace:
                found = namespace[name]
                if not isinstance(found, ModuleType):
                    self._names.append((namespace, name, found))
                self._look(found)

    def _look_at_function(self, function: FunctionType) -> None:
        if is_of_package(function.__code__):
            return
        for cell in function.__closure__ or ():
            try:
                found = cell.cell_contents
            except ValueError:  # not assigned yet
                continue
            self._cells.append((cell, found))
            self._look(found)
        for code in codes_in(function.__code__):
            self.codes.add(code)
            self._look_at_names(function.__globals__, [n for n in code.co_names if n in function.__globals__])
        for item in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._look(item)
        if wrapped := getattr(function, "__wrapped__", None):
            self._look(wrapped)

    def _look_at_object(self, value: Any) -> None:
        for kind in type(value).__mro__:
            for method in vars(kind).values():
                if isinstance(method, FunctionType):
                    self._look(method)
        if hasattr(value, "__dict__"):
            self._look_at_names(vars(value), list(vars(value)))

    def _look_at_optimizer(self, optimizer: Optimizer) -> None:
        self.machines.append(optimizer)
        if optimizer._hooks is not None:
            self.refusal = "an optimizer has hooks"
        self._names.append((vars(optimizer), "_hooks", self))  # absent, which `is_unchanged` takes for self
        for group in optimizer.param_groups:
            self._look(group["params"])

    def _look_at_module(self, module: Module) -> None:
        self.modules.append(module)
        if module._hooks is not None:
            self.refusal = f"a {type(module).__name__} has hooks"
        for kind in type(module).__mro__:
            if not kind.__module__.startswith("tinygrad_cnn."):
                for method in vars(kind).values():
                    if isinstance(method, FunctionType):
                        self._look(method)
        for item in list(vars(module).values()):
            self._look(item)

    def _of_modules(self) -> list[dict[str, Any]]:
        """Return the attributes of all modules; containers by what is in them."""
        return [
            {
                k: tuple(v) if isinstance(v, (list, set)) else _Is(v)
                for k, v in vars(module).items()
                if k != "_registry"
            }
            for module in self.modules
        ]


class _Is:
    """An attribute, equal to another if both are the same object, or equal numbers or texts."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Is):
            return False
        if self.value is other.value:
            return True
        return (
            type(self.value) is type(other.value)
            and isinstance(self.value, (*_PLAIN, tuple))
            and bool(self.value == other.value)
        )

    __hash__ = None  # type: ignore[assignment]


def _options(machine: Any) -> list[dict[str, Any]]:
    """Return the plain values that an object holds and, of an optimizer, those of its groups."""
    held = [getattr(machine, "__dict__", {}), *getattr(machine, "param_groups", ())]
    return [{k: v for k, v in values.items() if isinstance(v, (*_PLAIN, tuple))} for values in held]


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """Yield a function's code and that of the functions that it defines."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_in(constant)
