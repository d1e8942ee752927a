"""Watching what the layers of a model put out, without changing the model."""

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
    multiply_adds: int  # of the operations in it that are in no layer below


def observe(model: Module, *inputs: Tensor) -> list[LayerCall]:
    """Run the model once, unrecorded and in evaluation mode, and return the calls of its layers, in order.

    Layers are the modules without modules of their own, and those that hold parameters themselves. Operations
    between them are not seen. The model is afterwards as it was, also if it raises.
    """
    calls: list[LayerCall] = []
    counts = [0]  # those of each layer that is being called, the innermost last

    def count(call: Call) -> None:
        counts[-1] += multiply_adds(call)

    with no_grad(), in_evaluation_mode(model), _watched(model, calls, counts), watch(count):
        model(*inputs)
    return calls


@contextmanager
def in_evaluation_mode(model: Module) -> Iterator[None]:
    """Have a model in evaluation mode within a block, and each module afterwards in the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _watched(model: Module, calls: list[LayerCall], counts: list[int]) -> Iterator[None]:
    before: list[tuple[Module, dict[str, Any]]] = []
    try:
        for name, module in model.named_modules():
            if not any(module.children()) or any(True for _ in module.parameters(recurse=False)):
                own = {key: module.__dict__[key] for key in ("forward",) if key in module.__dict__}
                before.append((module, own))
                module.__dict__["forward"] = _noting(name, module, module.forward, calls, counts)
        yield
    finally:
        for module, own in before:
            del module.__dict__["forward"]
            module.__dict__.update(own)


def _noting(
    name: str, module: Module, forward: Callable[..., Any], calls: list[LayerCall], counts: list[int]
) -> Callable[..., Any]:
    def noting(*args: Any, **kwargs: Any) -> Any:
        counts.append(0)
        output = forward(*args, **kwargs)
        calls.append(LayerCall(name, module, output, counts.pop()))
        return output

    return noting
