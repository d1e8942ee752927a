"""PyTorch's old constructors, ``torch.Tensor(2, 3)`` and ``torch.FloatTensor([1, 2])``, and its ``torch.Size``.

They are classes without instances of their own: what they make are plain tensors, and ``isinstance`` asks whether a
tensor has their type of numbers.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from tinygrad_cnn.creation import from_array
from tinygrad_cnn.support import dtypes
from tinygrad_cnn.support.arrays import own_array
from tinygrad_cnn.support.devices import want_cpu
from tinygrad_cnn.tensor import Tensor as RealTensor


class Size(tuple[int, ...]):
    """A shape as PyTorch's ``torch.Size``. Shapes are tuples here, but for scripts run by the command.

    >>> Size([2, 3]).numel()
    6
    """

    __slots__ = ()

    def numel(self) -> int:
        """Return the number of elements of a tensor of this shape."""
        return prod(self)

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"


class OldTensorType(type):
    """The class of `Tensor`, `FloatTensor` and the like. ``dtype`` is None for `Tensor`: the default type."""

    dtype: Any

    def __call__(cls, *data: Any, device: Any = None, **options: Any) -> Any:
        if cls.__dict__.get("__module__") != __name__:  # a script's own subclass of Tensor
            return super().__call__(*data, **options)
        want_cpu(cls.__name__, device)
        if options:
            raise TypeError(f"{cls.__name__}: got {', '.join(options)}; wanted torch.tensor, which takes options")
        dtype = cls.dtype or dtypes.default_dtype()
        return from_array(_old_array(cls.__name__, data, dtype))

    def __instancecheck__(cls, value: Any) -> bool:
        if cls.__dict__.get("__module__") != __name__:
            return super().__instancecheck__(value)
        return isinstance(value, RealTensor) and (cls.dtype is None or cls.dtype == value.dtype)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, RealTensor) if cls is Tensor else super().__subclasscheck__(kind)

    def __eq__(cls, other: object) -> bool:
        return other is cls or (cls is Tensor and other is RealTensor)

    def __hash__(cls) -> int:
        return hash(RealTensor) if cls is Tensor else super().__hash__()

    def __setattr__(cls, name: str, value: Any) -> None:
        if cls is Tensor:  # a method that a script adds is for all tensors
            setattr(RealTensor, name, value)
        else:
            super().__setattr__(name, value)


def _old_array(name: str, data: tuple[Any, ...], dtype: np.dtype[Any]) -> Any:
    """Return what an old constructor makes: numbers uninitialised of the sizes, or a copy of the one argument."""
    if not data:
        return np.empty(0, dtype)
    (given, *others) = data
    if isinstance(given, Size) and not others:
        return np.empty(given, dtype)
    if isinstance(given, RealTensor) and not others:
        if given.dtype != dtype and name != "Tensor":
            raise TypeError(f"{name}: wanted a tensor of {dtype}, got one of {given.dtype}; use tensor.to(dtype)")
        return given.array
    if isinstance(given, (list, tuple, range, np.ndarray)) and not others:
        array = given if isinstance(given, np.ndarray) else RealTensor(list(given)).array
        return _converted(name, own_array(name, array), dtype)
    return np.empty([_length(name, size) for size in data], dtype)


def _converted(name: str, array: Any, dtype: np.dtype[Any]) -> Any:
    """Return a copy in another type: fractions are cut off, as in PyTorch, and overflow is an error."""
    if dtype.kind in "iu" and array.size:
        limits = np.iinfo(dtype)
        if not (limits.min <= array.min() and array.max() <= limits.max):
            raise ValueError(f"{name}: wanted numbers from {limits.min} to {limits.max}, got others")
    return array.astype(dtype)


def _length(name: str, size: Any) -> int:
    try:
        return size.__index__()
    except (AttributeError, TypeError):
        raise TypeError(f"{name}: wanted sizes or a sequence of numbers, got {size!r}") from None


class Tensor(RealTensor, metaclass=OldTensorType):
    """PyTorch's ``torch.Tensor``: makes float32 numbers of lists, and uninitialised ones of sizes.

    >>> Tensor([1, 2])
    tensor([1., 2.])
    >>> Tensor(2, 3).shape
    (2, 3)
    """

    __slots__ = ()
    dtype = None  # type: ignore[assignment]


def _old_type(name: str, dtype: np.dtype[Any]) -> Any:
    return OldTensorType(name, (RealTensor,), {"__slots__": (), "__module__": __name__, "dtype": dtype})


TENSOR_TYPES = {name: _old_type(name, dtype) for name, dtype in dtypes.TENSOR_TYPES.items()}
