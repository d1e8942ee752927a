"""Parameter: a tensor of a module that training updates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygrad_cnn.tensor import Tensor


class Parameter(Tensor):
    """A tensor that a `Module` registers when it is assigned as an attribute, and that optimizers update.

    It shares the memory of a tensor, and copies arrays and lists. Results of operations on it are plain tensors.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.Parameter([1.0, 2.0])
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        super().__init__([] if data is None or isinstance(data, Tensor) else data)
        if isinstance(data, Tensor):
            self.array = data.array
        self.requires_grad = requires_grad

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


def clear_gradients(tensors: Iterable[Tensor], set_to_none: bool) -> None:
    """Set the gradients of tensors to None, or to 0 in place."""
    for tensor in tensors:
        if tensor._grad is not None:
            tensor._grad = None if set_to_none else tensor._grad.detach().zero_()
