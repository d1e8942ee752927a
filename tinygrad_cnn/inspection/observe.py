"""Observes the outputs of a model's layers, without changing the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tinygrad_cnn.inspection.flops import multiply_adds
from tinygrad_cnn.nn import Module
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tape.watch import Call, watch
from tinygrad_cnn.tensor import Tensor


class LayerCall(NamedTuple):
    """One call of a layer."""

    name: str
    module: Module
    output: Any
    multiply_adds: int  # of its operations that are not in an inner layer


def observe(model: Module, *inputs: Tensor) -> list[LayerCall]:
    """Run the model once, under no_grad and in evaluation mode, and return the calls of its layers in order.

    Layers are the modules without submodules, and those that have parameters of their own. Operations between them
    are not observed. The model is restored afterwards, also if it raises.
    """
    calls: list[LayerCall] = []
    counts = [0]  # of each running layer, the innermost last

    def count(call: Call) -> None:
        counts[-1] += multiply_adds(call)

    with no_grad(), in_evaluation_mode(model), _watched(model, calls, counts), watch(count):
        model(*inputs)
    return calls


@contextmanager
def in_evaluation_mode(model: Module) -> Iterator[None]:
    """Put a model into evaluation mode for a block, and restore the mode of each module afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _watched(model: Module, calls: list[LayerCall], counts: list[int]) -> Iterator[None]:
    before: list[tuple[Module, Callable[..., Any] | None]] = []
    try:
        for name, module in model.named_modules():
            if not any(module.children()) or any(True for _ in module.parameters(recurse=False)):
                before.append((module, module.__dict__.get("forward")))
                module.__dict__["forward"] = _noting(name, module, module.forward, calls, counts)
        yield
    finally:
        for module, forward in before:
            del module.__dict__["forward"]
            if forward is not None:
                module.__dict__["forward"] = forward


def _noting(
    name: str, module: Module, forward: Callable[..., Any], calls: list[LayerCall], counts: list[int]
) -> Callable[..., Any]:
    def noting(*args: Any, **kwargs: Any) -> Any:
        counts.append(0)
        output = forward(*args, **kwargs)
        calls.append(LayerCall(name, module, output, counts.pop()))
        return output

    return noting
