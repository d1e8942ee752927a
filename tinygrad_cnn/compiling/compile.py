"""`compile`: of a function it makes a function, of a module a module, as PyTorch's does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import partial
from types import MethodType
from typing import Any, TypedDict, TypeVar, Unpack, overload

from tinygrad_cnn.compiling.compiled import compiled_function
from tinygrad_cnn.nn import Module

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


MODES = "default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune"
BACKENDS = "inductor", "eager", "aot_eager", "cudagraphs", "onnxrt", "openxla", "tvm"
"""Names of PyTorch's, which change nothing here: a program computes the same with each."""


class Options(TypedDict, total=False):
    """Arguments of `compile`."""

    fullgraph: bool
    dynamic: bool | None
    backend: str | None
    mode: str | None
    options: dict[str, Any] | None
    disable: bool


@overload
def compile(model: Decorated, **options: Unpack[Options]) -> Decorated: ...
@overload
def compile(model: None = None, **options: Unpack[Options]) -> Callable[[Decorated], Decorated]: ...
def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | None = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """Return a function that computes what the given one does, faster from its third call on.

    The first call with arguments of given shapes and types is captured as a *program*: the calls of operations and
    derivatives that it consists of, and its effects (`backward`, an optimizer's step, dropout). The second call is
    held against the program. From then on the program runs, without the tape and without the function's Python.
    What cannot be a program runs as it is, after a warning that names the reason; with ``fullgraph=True``,
    RuntimeError names it. Give it a whole training step, or a model: results can be differentiated (once), and
    their backward pass is a program, too. Of a module, a module is returned, as in PyTorch. With ``disable=True``
    the function is returned as it is. PyTorch's other arguments (``dynamic``, ``backend``, ``mode``, ``options``)
    change nothing: there is a program for each shape, and one way to run it.

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
    if backend is not None and backend not in BACKENDS:
        raise ValueError(f"compile: there is no backend {backend!r}; wanted one of {', '.join(BACKENDS)}")
    if mode is not None and mode not in MODES:
        raise RuntimeError(f"compile: there is no mode {mode!r}; wanted one of {', '.join(MODES)}")
    if mode is not None and options is not None:
        raise RuntimeError("compile: both mode and options were given; wanted one of them")
    if model is None:
        return partial(compile, fullgraph=fullgraph, disable=disable)
    if not callable(model):
        raise TypeError(f"compile: wanted a function or a module, got {type(model).__name__}")
    if disable:
        return model
    return OptimizedModule(model, fullgraph) if isinstance(model, Module) else compiled_function(model, fullgraph)


class OptimizedModule(Module):
    """What `compile` makes of a module: it has the module as ``_orig_mod``, with whose names its state begins.

    All other attributes are those of the module.
    """

    _orig_mod: Module

    def __init__(self, module: Module, fullgraph: bool = False) -> None:
        vars(self).update(_registry={}, _call=compiled_function(module, fullgraph), _fullgraph=fullgraph)
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
        return OptimizedModule, (self._orig_mod, self._fullgraph)


class CompiledForward:
    """The forward of a module after ``module.compile()``. A copy of the module has programs of its own."""

    def __init__(self, module: Module, options: Options) -> None:
        self._module, self._options = module, options
        self._call: Any = compile(MethodType(type(module).forward, module), **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)

    def explain(self) -> str:
        """Return the programs as text, or why there are none."""
        text: str = self._call.explain()
        return text

    def __deepcopy__(self, memo: dict[int, Any]) -> CompiledForward:
        return CompiledForward(deepcopy(self._module, memo), self._options)

    def __reduce__(self) -> tuple[Any, ...]:
        return CompiledForward, (self._module, self._options)


Module._compiled_forward = CompiledForward
