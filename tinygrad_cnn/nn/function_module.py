"""Modules that apply a function: the base of activations, losses and pooling layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.tape.grad_mode import is_grad_enabled
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.tensor import Tensor


class FunctionModule(Module):
    """A module that calls a function. Subclasses name the function, and `_set` its keyword arguments."""

    function: ClassVar[Callable[..., Any]]
    _settings: tuple[str, ...] = ()

    def _set(self, **settings: Any) -> None:
        """Keep arguments of the function as attributes, which may be changed later."""
        self._settings += tuple(settings)
        for name, value in settings.items():
            setattr(self, name, value)

    def _call(self, *inputs: Any, **more: Any) -> Any:
        return self.function(*inputs, **{name: getattr(self, name) for name in self._settings}, **more)

    def extra_repr(self) -> str:
        """Return the arguments as name=value."""
        return by_name(self, *self._settings)


class UnaryFunctionModule(FunctionModule):
    """A module that calls a function of one tensor."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function to the input."""
        result: Tensor = self._call(input)
        return result


def by_name(module: Module, *names: str) -> str:
    """Return attributes as text for a repr: ``p=0.5, inplace=False``."""
    return ", ".join(f"{name}={getattr(module, name)!r}" for name in names)


def warn_of_training_mode(module: Module) -> None:
    """Warn if a layer such as dropout is called in training mode while nothing is recorded."""
    if not is_grad_enabled():
        name = type(module).__name__
        warn_user(
            f"{name}: called in training mode under no_grad(); to evaluate a model, call its eval() first. If "
            f"this is intended: warnings.filterwarnings('ignore', '{name}: called in training mode')"
        )
