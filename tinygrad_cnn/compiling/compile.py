"""`compile`: of a function it makes a function, of a module a module, as PyTorch's does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from types import MethodType
from typing import Any, TypeVar, overload

from tinygrad_cnn.compiling.compiled import compiled_function
from tinygrad_cnn.nn import Module

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@overload
def compile(function: Decorated, **options: Any) -> Decorated: ...
@overload
def compile(function: None = None, **options: Any) -> Callable[[Decorated], Decorated]: ...
def compile(function: Any = None, **options: Any) -> Any:
    """Return a function that computes what the given one does, faster from its third call on.

    The first call with arguments of given shapes and types is captured as a *program*: the calls of operations and
    derivatives that it consists of, and its effects (`backward`, an optimizer's step, dropout). The second call is
    held against the program. From then on the program runs, without the tape and without the function's Python.
    What cannot be a program runs as it is, after a warning that names the reason. Give it a whole training step,
    or a model: results can be differentiated (once), and their backward pass is a program, too. Of a module, a
    module is returned, as in PyTorch. ``options``, such as PyTorch's ``mode``, have no effect.

    >>> import tinygrad_cnn as tg
    >>> model = tg.nn.Linear(2, 1)
    >>> optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
    >>> @tg.compile
    ... def step(inputs, targets):
    ...     optimizer.zero_grad()
    ...     loss = tg.nn.functional.mse_loss(model(inputs), targets)
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> losses = [step(tg.ones(4, 2), tg.zeros(4, 1)).item() for _ in range(10)]
    >>> losses[-1] < losses[0] / 10, len(step.programs)
    (True, 1)
    """
    if function is None:
        return compile
    return OptimizedModule(function) if isinstance(function, Module) else compiled_function(function)


class OptimizedModule(Module):
    """What `compile` makes of a module: it has the module as ``_orig_mod``, with whose names its state begins.

    All other attributes are those of the module.
    """

    _orig_mod: Module

    def __init__(self, module: Module) -> None:
        vars(self).update(_registry={}, _call=compiled_function(module))
        super().__setattr__("_orig_mod", module)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module, as a program where there is one."""
        return self._call(*args, **kwargs)

    def explain(self) -> str:
        """Return the programs as text, or why there are none."""
        text: str = self._call.explain()
        return text

    @property
    def training(self) -> bool:
        """Whether the module is in training mode."""
        return self._orig_mod.training

    @training.setter
    def training(self, mode: bool) -> None:
        self._orig_mod.training = mode

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_orig_mod"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(type(self), name):
            super().__setattr__(name, value)
        else:
            setattr(self._orig_mod, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._orig_mod, name)

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *dir(self._orig_mod)]

    def __len__(self) -> int:
        return len(self._orig_mod)

    def __bool__(self) -> bool:
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        return OptimizedModule, (self._orig_mod,)


class CompiledForward:
    """The forward of a module after ``module.compile()``. A copy of the module has programs of its own."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._call = compiled_function(MethodType(type(module).forward, module))
        self.explain = self._call.explain

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledForward:
        return CompiledForward(deepcopy(self._module, memo))

    def __reduce__(self) -> tuple[Any, ...]:
        return CompiledForward, (self._module,)


Module._compiled_forward = CompiledForward
