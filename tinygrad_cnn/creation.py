"""Functions that make tensors. Shapes are given as one sequence or as several numbers, as in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.dtypes import as_dtype, default_dtype
from tinygrad_cnn.ops.arguments import sizes
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tape import Array
from tinygrad_cnn.tensor import Scalar, Tensor


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor with a copy of the data: lists and numbers as float32, int64 or bool, arrays in their type.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([[1.5, 2.0]])
    tensor([[1.5000, 2.0000]])
    """
    return Tensor(data, dtype, requires_grad)


def from_numpy(array: Array) -> Tensor:
    """Return a tensor that shares its memory with an array."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: wanted an array, got {type(array).__name__}")
    return _around(array)


def as_tensor(data: Any, dtype: Any = None) -> Tensor:
    """Return a tensor of the data, copying only where it must."""
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray) and (dtype is None or as_dtype(dtype) == data.dtype):
        return from_numpy(data)
    return Tensor(data, dtype)


def zeros(*size: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros."""
    return _around(np.zeros(_shape("zeros", size), _dtype(dtype)), requires_grad)


def ones(*size: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones."""
    return _around(np.ones(_shape("ones", size), _dtype(dtype)), requires_grad)


def full(size: Any, fill_value: Scalar, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor with one value everywhere."""
    filled = np.full(_shape("full", (size,)), fill_value, dtype and as_dtype(dtype))
    return _around(filled if dtype or filled.dtype.kind != "f" else filled.astype(default_dtype()), requires_grad)


def empty(*size: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of whatever was in the memory."""
    return _around(np.empty(_shape("empty", size), _dtype(dtype)), requires_grad)


def eye(n: int, m: int | None = None, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a matrix with ones on the diagonal."""
    return _around(np.eye(n, m, dtype=_dtype(dtype)), requires_grad)


def arange(*bounds: Scalar, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return evenly spaced numbers from start to before end: ``arange([start,] end[, step])``.

    >>> import tinygrad_cnn as tg
    >>> tg.arange(1, 7, 2)
    tensor([1, 3, 5])
    """
    if not 1 <= len(bounds) <= 3 or (len(bounds) == 3 and bounds[2] == 0):
        raise ValueError(f"arange: wanted ([start,] end[, step]) with a step other than 0, got {bounds}")
    array = np.arange(*bounds)
    return Tensor(array.astype(default_dtype()) if array.dtype.kind == "f" else array, dtype, requires_grad)


def linspace(start: float, end: float, steps: int, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return ``steps`` evenly spaced numbers from start to end, both included."""
    return _around(np.linspace(start, end, steps, dtype=_dtype(dtype)), requires_grad)


def rand(
    *size: Any, generator: np.random.Generator | None = None, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return random numbers, uniform on [0, 1)."""
    drawn = (generator or default_generator()).random(_shape("rand", size))
    return _around(drawn.astype(_dtype(dtype)), requires_grad)


def randn(
    *size: Any, generator: np.random.Generator | None = None, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return random numbers from the normal distribution of mean 0 and variance 1."""
    drawn = (generator or default_generator()).standard_normal(_shape("randn", size))
    return _around(drawn.astype(_dtype(dtype)), requires_grad)


def randint(
    low: int, high: int | None = None, size: Any = (), generator: np.random.Generator | None = None
) -> Tensor:
    """Return random integers from low to high - 1 (from 0 to low - 1, if only one bound is given)."""
    return _around(np.asarray((generator or default_generator()).integers(low, high, _shape("randint", (size,)))))


def zeros_like(input: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return zeros of a tensor's shape and type."""
    return _around(np.zeros_like(input.array, dtype=dtype and as_dtype(dtype)), requires_grad)


def ones_like(input: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return ones of a tensor's shape and type."""
    return _around(np.ones_like(input.array, dtype=dtype and as_dtype(dtype)), requires_grad)


def _around(array: Array, requires_grad: bool = False) -> Tensor:
    result = Tensor.__new__(Tensor)
    result.array = array
    result.node = None
    result._grad = None
    result._requires_grad = False
    result.requires_grad = requires_grad
    return result


def _shape(name: str, size: tuple[Any, ...]) -> tuple[int, ...]:
    shape = sizes(name, size)
    if min(shape, default=0) < 0:
        raise ValueError(f"{name}: the shape {shape} has a negative length")
    return shape


def _dtype(dtype: Any) -> np.dtype[Any]:
    return default_dtype() if dtype is None else as_dtype(dtype)
