"""Hooks of modules: functions called before and after forward, and with the gradients of a backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_cnn.autograd.function import Function
from tinygrad_cnn.tape.grad_mode import is_grad_enabled
from tinygrad_cnn.tape.hooks import RemovableHandle
from tinygrad_cnn.tensor import Tensor

Gradients = tuple[Tensor | None, ...]


class ModuleHooks:
    """The hooks of one module, in the order in which they were registered."""

    def __init__(self) -> None:
        self.before: list[tuple[Callable[..., Any], bool]] = []  # each with whether it takes keyword arguments
        self.after: list[tuple[Callable[..., Any], bool]] = []
        self.backward: list[Callable[..., Any]] = []

    def call(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the forward of a module and all its hooks, and return the result."""
        for hook, with_kwargs in tuple(self.before):
            changed = hook(module, args, kwargs) if with_kwargs else hook(module, args)
            if changed is not None and with_kwargs:
                args, kwargs = changed
            elif changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        watch = _GradientWatch(module, tuple(self.backward)) if self.backward and is_grad_enabled() else None
        if watch is not None:
            args = watch.inputs(args)
        result = module.forward(*args, **kwargs)
        for hook, with_kwargs in tuple(self.after):
            changed = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
            result = result if changed is None else changed
        return result if watch is None else watch.outputs(result)


def register(hooks: list[Any], hook: Any, *more: Any) -> RemovableHandle:
    """Add a hook to a list, and return a handle that removes it."""
    if not callable(hook):
        raise TypeError(f"register hook: wanted a function, got {type(hook).__name__}")
    return RemovableHandle(hooks, (hook, *more) if more else hook)


class _GradientWatch:
    """Collects the gradients of one call of a module, and calls its backward hooks with them."""

    def __init__(self, module: Any, hooks: Sequence[Callable[..., Any]]) -> None:
        self.module, self.hooks = module, hooks
        self.places: list[int] = []  # the positions of arguments with gradients
        self.count = 0
        self.grad_output: Gradients | None = None  # until the backward pass has gone through the module

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.count = len(args)
        self.places = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]
        if not self.places:
            return args
        passed = dict(
            zip(self.places, _Identity.apply(self._at_inputs, *(args[i] for i in self.places)), strict=True)
        )
        return tuple(passed.get(i, a) for i, a in enumerate(args))

    def outputs(self, result: Any) -> Any:
        several = result if isinstance(result, tuple) else (result,)
        if not all(isinstance(r, Tensor) for r in several):
            raise TypeError(
                f"{type(self.module).__name__}: with backward hooks forward must return a tensor or a tuple of them"
            )
        passed = _Identity.apply(self._at_outputs, *several)
        return passed if isinstance(result, tuple) else passed[0]

    def _at_outputs(self, grads: Gradients) -> Gradients:
        self.grad_output = grads
        if not self.places:
            self._call_hooks((None,) * self.count)
        return grads

    def _at_inputs(self, grads: Gradients) -> Gradients:
        if self.grad_output is None:  # in a double backward, which reaches the inputs by another way
            return grads
        found = dict(zip(self.places, grads, strict=True))
        changed = self._call_hooks(tuple(found.get(i) for i in range(self.count)))
        return tuple(changed[i] for i in self.places)

    def _call_hooks(self, grad_input: Gradients) -> Gradients:
        for hook in self.hooks:
            changed = hook(self.module, grad_input, self.grad_output)
            if changed is not None:
                grad_input = changed if isinstance(changed, tuple) else (changed,)
            if len(grad_input) != self.count:
                raise RuntimeError(
                    f"{type(self.module).__name__}: a backward hook returned {len(grad_input)} gradients; "
                    f"wanted {self.count}, one for each argument of forward"
                )
        self.grad_output = None
        return grad_input


class _Identity(Function):
    """Return tensors unchanged; in the backward pass, apply a function to all their gradients together."""

    @staticmethod
    def forward(ctx: Any, through: Callable[[Gradients], Gradients], *tensors: Tensor) -> Any:
        ctx.through = through
        return tuple(tensor.detach() for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return (None, *ctx.through(grads))
