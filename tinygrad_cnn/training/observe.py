"""Watching what the layers of a model put out, without changing the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tinygrad_cnn.autograd import no_grad
from tinygrad_cnn.nn import Module
from tinygrad_cnn.tensor import Tensor


class Seen(NamedTuple):
    """One call of a layer."""

    name: str
    module: Module
    output: Any


def observe(model: Module, input: Tensor) -> list[Seen]:
    """Run the model once, unrecorded and in evaluation mode, and return the calls of its layers, in order.

    Layers are the modules without modules of their own, and those that hold parameters themselves. Operations
    between them are not seen. The model is afterwards as it was, also if it raises.
    """
    calls: list[Seen] = []
    with no_grad(), _in_evaluation_mode(model), _watched(model, calls):
        model(input)
    return calls


@contextmanager
def _in_evaluation_mode(model: Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _watched(model: Module, calls: list[Seen]) -> Iterator[None]:
    before: list[tuple[Module, dict[str, Any]]] = []
    try:
        for name, module in model.named_modules():
            if not any(module.children()) or any(True for _ in module.parameters(recurse=False)):
                own = {key: module.__dict__[key] for key in ("forward",) if key in module.__dict__}
                before.append((module, own))
                module.__dict__["forward"] = _noting(name, module, module.forward, calls)
        yield
    finally:
        for module, own in before:
            del module.__dict__["forward"]
            module.__dict__.update(own)


def _noting(name: str, module: Module, forward: Callable[..., Any], calls: list[Seen]) -> Callable[..., Any]:
    def noting(*args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        calls.append(Seen(name, module, output))
        return output

    return noting
