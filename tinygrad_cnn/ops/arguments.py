"""Checks of arguments, and their conversion to the one form that operations work with."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from tinygrad_cnn.kernels.geometry import Window
from tinygrad_cnn.support.arrays import plain_array
from tinygrad_cnn.tape.record import Variable

Result = TypeVar("Result")


def array_of(value: Any) -> Any:
    """Return the array of a tensor, the plain array of an array's subclass, and anything else unchanged."""
    if isinstance(value, Variable):
        return value.array
    return value if type(value) is np.ndarray else plain_array("array", value)


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return a sequence as a tuple, and a single value, which may be a tensor of one integer, as a tuple of one."""
    if type(value) is int:  # a quick answer for the usual case
        return (value,)
    is_number = isinstance(value, Variable) and not value.ndim
    return tuple(value) if isinstance(value, Iterable) and not is_number else (value,)


def is_whole(value: Any) -> bool:
    """Return whether a value is an integer, or a tensor of one integer."""
    return isinstance(value, (int, np.integer)) or (
        isinstance(value, Variable) and value.dtype.kind in "iu" and value.array.size == 1
    )


def one_dim(name: str, dim: int, ndim: int) -> int:
    """Return a dimension counted from the front; a 0-d tensor has dimension 0, as in PyTorch."""
    bound = max(ndim, 1)
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise TypeError(f"{name}: dim is {dim!r}; wanted an integer")
    index = operator.index(dim)
    if not -bound <= index < bound:
        raise IndexError(f"{name}: dim {dim} is out of range for a tensor of {ndim} dimensions")
    return index % bound


def many_dims(name: str, dim: int | Iterable[int] | None, ndim: int) -> tuple[int, ...]:
    """Return dimensions counted from the front, in ascending order; None and () mean all of them."""
    if dim is None:
        return tuple(range(ndim))
    dims = [one_dim(name, d, ndim) for d in as_tuple(dim)]
    if len(set(dims)) < len(dims):
        raise ValueError(f"{name}: a dimension appears twice in {dim}")
    return tuple(sorted(dims if ndim else [])) if dims else tuple(range(ndim))


def pair(name: str, argument: str, value: int | Iterable[int], least: int) -> tuple[int, int]:
    """Return two integers of at least ``least`` from one integer, for both, or from a pair."""
    if type(value) is int and value >= least:  # the fast path for the usual case
        return value, value
    if type(value) is tuple and len(value) == 2 and type(value[0]) is type(value[1]) is int and min(value) >= least:
        return value
    values = as_tuple(value)
    values = values * 2 if len(values) == 1 else values
    if len(values) != 2 or not all(is_whole(v) and v >= least for v in values):
        raise ValueError(f"{name}: {argument} is {value!r}; wanted one or two integers of at least {least}")
    return int(values[0]), int(values[1])


def images_missing(shape: tuple[int, ...]) -> str:
    """Return how an image or a batch of images without channels gets them, for the end of an error message."""
    if len(shape) == 2:
        return "; an image without channels becomes a batch of one by input.reshape(1, 1, *input.shape)"
    return "; pixels in rows become images by input.reshape(N, C, H, W)" if len(shape) < 2 else ""


def too_small(window: Window, shape: tuple[int, ...]) -> str:
    """Return the message about an input that is smaller than the window that moves over it."""
    padded = tuple(n + 2 * p for n, p in zip(shape[2:], window.padding, strict=True))
    sizes = f"reaches over {window.span}, is larger than the padded input, {padded}"
    return f"the kernel, which {sizes}: wanted a smaller kernel, or more padding"


def single(name: str, argument: str, value: int | Iterable[int], least: int) -> int:
    """Return an integer of at least ``least`` that was given as such or in a sequence of one."""
    values = as_tuple(value)
    if len(values) != 1:
        raise ValueError(f"{name}: {argument} is {value!r}; wanted one integer of at least {least}")
    return whole(name, argument, values[0], least)


def sizes(name: str, given: tuple[Any, ...]) -> tuple[int, ...]:
    """Return a shape that was given as one sequence or as several integers."""
    shape = given if len(given) != 1 or type(given[0]) is int else as_tuple(given[0])
    if set(map(type, shape)) <= {int}:  # a quick answer for the usual case
        return shape
    try:
        return tuple(operator.index(n) for n in shape)
    except TypeError:
        raise TypeError(f"{name}: the shape is {shape!r}; wanted integers") from None


def lengths(name: str, given: tuple[Any, ...]) -> tuple[int, ...]:
    """Return a shape without negative lengths that was given as one sequence or as several integers."""
    shape = sizes(name, given)
    if min(shape, default=0) < 0:
        raise ValueError(f"{name}: the shape {shape} has a negative length")
    return shape


def one_or_several(function: Callable[..., Result]) -> Callable[..., Result]:
    """Let a function of (input, sequence of integers) also take the integers as several arguments, or by name."""

    @wraps(function)
    def call(input: Any, *several: Any, **named: Any) -> Result:
        if not named:
            return function(input, sizes(function.__name__, several))
        return function(input, *several, **{key: sizes(function.__name__, (n,)) for key, n in named.items()})

    return call


def want_same_dtype(name: str, **tensors: Any) -> None:
    """Refuse tensors of different types, in operations that do not convert them, as in PyTorch."""
    first = None
    for value in tensors.values():
        if value is None:
            continue
        found = value.dtype
        if first is None:
            first = found
        elif found is not first and found != first:
            raise TypeError(_different_dtypes(name, {key: v.dtype for key, v in tensors.items() if v is not None}))


def _different_dtypes(name: str, dtypes: dict[str, Any]) -> str:
    listed = ", ".join(f"{key} is {dtype}" for key, dtype in dtypes.items())
    mend = "NumPy's arrays are float64: convert the data with .float(), or the model with .double()"
    wide = set(map(str, dtypes.values())) == {"float32", "float64"}
    return f"{name}: {listed}; wanted one type ({mend if wide else 'convert with .to(dtype)'})"


def want_float(name: str, value: Any) -> None:
    """Refuse integers and booleans where only floating-point numbers make sense."""
    if value.dtype.kind != "f":
        raise TypeError(f"{name}: wanted floating-point numbers, got {value.dtype}")


def whole(name: str, argument: str, value: int, least: int) -> int:
    """Return an integer of at least ``least``."""
    if isinstance(value, bool) or not is_whole(value) or value < least:
        raise ValueError(f"{name}: {argument} is {value!r}; wanted an integer of at least {least}")
    return int(value)
