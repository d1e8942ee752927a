"""``torch.autograd.Variable`` of old scripts, and names of ``torch.autograd`` that have no effect here."""

from __future__ import annotations

from typing import Any

from tinygrad_cnn.autograd.function import Function
from tinygrad_cnn.tape.anomaly import detect_anomaly, set_detect_anomaly
from tinygrad_cnn.tensor import Tensor

__all__ = ["Function", "InplaceFunction", "Variable", "detect_anomaly", "once_differentiable", "set_detect_anomaly"]

InplaceFunction = Function


class _VariableType(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, Tensor)


class Variable(metaclass=_VariableType):
    """PyTorch's old wrapper of tensors: ``Variable(x)`` is a tensor that shares the memory of x.

    It is a leaf, as PyTorch's is. ``volatile`` has no effect, as there: what it stood for is ``torch.no_grad()``.

    >>> import tinygrad_cnn as tg
    >>> Variable(tg.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data: Any = None, requires_grad: bool = False, volatile: bool | None = None) -> Any:
        if data is not None and not isinstance(data, Tensor):
            raise TypeError(f"Variable: wanted a tensor, got {type(data).__name__}")
        if volatile and requires_grad:
            raise RuntimeError("Variable: volatile and requires_grad exclude each other")
        return (Tensor([]) if data is None else data.detach()).requires_grad_(requires_grad)


def once_differentiable(function: Any) -> Any:
    """Return the function itself."""
    return function
