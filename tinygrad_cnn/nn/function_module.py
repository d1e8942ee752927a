"""Functions as modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.tape.grad_mode import is_grad_enabled
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.tensor import Tensor


class Shell(Module):
    """A function as a module: subclasses name the function, and `_set` the arguments that it is called with."""

    function: ClassVar[Callable[..., Any]]
    _settings: tuple[str, ...] = ()

    def _set(self, **settings: Any) -> None:
        """Make attributes of arguments, which may be changed later."""
        self._settings += tuple(settings)
        for name, value in settings.items():
            setattr(self, name, value)

    def _call(self, *inputs: Any, **more: Any) -> Any:
        return self.function(*inputs, **{name: getattr(self, name) for name in self._settings}, **more)

    def extra_repr(self) -> str:
        """Return the arguments by name."""
        return by_name(self, *self._settings)


class UnaryShell(Shell):
    """A function of one tensor as a module."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the function of the input."""
        result: Tensor = self._call(input)
        return result


def by_name(module: Module, *names: str) -> str:
    """Return attributes as a repr shows them: ``p=0.5, inplace=False``."""
    return ", ".join(f"{name}={getattr(module, name)!r}" for name in names)


def warn_of_training_mode(module: Module) -> None:
    """Warn if a layer that acts otherwise in evaluation mode is in training mode while nothing is recorded."""
    if not is_grad_enabled():
        name = type(module).__name__
        warn_user(
            f"{name}: called in training mode under no_grad(); to evaluate a model, call its eval() first. If "
            f"it is meant: warnings.filterwarnings('ignore', '{name}: called in training mode')"
        )
