"""What the functions that make tensors share: leaves, their types, and how a program calls the functions again."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from tinygrad_cnn.support.devices import want_cpu
from tinygrad_cnn.support.dtypes import as_dtype, default_dtype
from tinygrad_cnn.tape.capture import effect, is_value
from tinygrad_cnn.tape.grad_mode import _mode
from tinygrad_cnn.tape.record import make_tensor
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def shaped(function: Decorated) -> Decorated:
    """Have a program call a function again each time. Its shape must not depend on the numbers of a tensor."""
    made = effect(function)

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        if _mode.capture is not None and any(map(is_value, (*arguments, *options.values()))):
            _mode.capture.refuse(f"the shape of what {function.__name__} returns depends on numbers of a tensor")
        return made(*arguments, **options)

    return call  # type: ignore[return-value]


def from_array(array: Array, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Return a leaf that holds an array, without copying."""
    want_cpu("device", device)
    result = make_tensor(Tensor, array)
    result.requires_grad = requires_grad
    return result


def chosen_dtype(dtype: Any) -> np.dtype[Any]:
    """Return the given dtype, or the default dtype for None."""
    return default_dtype() if dtype is None else as_dtype(dtype)


def number_dtype(name: str, dtype: Any) -> np.dtype[Any]:
    """Return the chosen dtype, and refuse bool: it holds no counting numbers."""
    wanted = chosen_dtype(dtype)
    if wanted.kind == "b":
        raise TypeError(f"{name}: wanted a type of numbers, got bool")
    return wanted


def fraction_dtype(name: str, dtype: Any) -> np.dtype[Any]:
    """Return the chosen dtype, and refuse integers: numbers between 0 and 1 would all be 0."""
    wanted = chosen_dtype(dtype)
    if wanted.kind != "f":
        raise TypeError(f"{name}: wanted a floating-point type, got {wanted}")
    return wanted
