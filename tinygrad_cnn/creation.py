"""Functions that make tensors. Shapes are given as one sequence or as several numbers, as in PyTorch."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from tinygrad_cnn.devices import want_cpu
from tinygrad_cnn.dtypes import as_dtype, default_dtype, int64
from tinygrad_cnn.in_place import Scalar
from tinygrad_cnn.ops.arguments import lengths, whole
from tinygrad_cnn.tape import Array, wrap
from tinygrad_cnn.tensor import Tensor


def tensor(data: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor with a copy of the data: lists and numbers as float32, int64 or bool, arrays in their type.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([[1.5, 2.0]])
    tensor([[1.5000, 2.0000]])
    """
    want_cpu("tensor", device)
    return Tensor(data, dtype, requires_grad)


def from_numpy(array: Array) -> Tensor:
    """Return a tensor that shares its memory with an array."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: wanted an array, got {type(array).__name__}")
    return around(array)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """Return a tensor of the data, copying only where it must."""
    want_cpu("as_tensor", device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray) and (dtype is None or as_dtype(dtype) == data.dtype):
        return from_numpy(data)
    return Tensor(data, dtype)


def clone(input: Tensor) -> Tensor:
    """Return a copy that is recorded: gradients pass through it."""
    return input.clone()


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros."""
    return around(np.zeros(lengths("zeros", size), chosen_dtype(dtype)), requires_grad, device)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones."""
    return around(np.ones(lengths("ones", size), chosen_dtype(dtype)), requires_grad, device)


def full(
    size: Any, fill_value: Scalar, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor with one value everywhere."""
    filled = np.full(lengths("full", (size,)), fill_value, dtype and as_dtype(dtype))
    return around(
        filled if dtype or filled.dtype.kind != "f" else filled.astype(default_dtype()), requires_grad, device
    )


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of whatever was in the memory."""
    return around(np.empty(lengths("empty", size), chosen_dtype(dtype)), requires_grad, device)


def eye(n: int, m: int | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a matrix with ones on the diagonal."""
    return around(np.eye(n, m, dtype=chosen_dtype(dtype)), requires_grad, device)


def arange(
    *bounds: Scalar,
    start: Scalar | None = None,
    end: Scalar | None = None,
    step: Scalar | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return evenly spaced numbers from start to before end: ``arange([start,] end[, step])``.

    >>> import tinygrad_cnn as tg
    >>> tg.arange(1, 7, 2)
    tensor([1, 3, 5])
    """
    named = {k: v for k, v in (("start", start), ("end", end), ("step", step)) if v is not None}
    places = ("end",) if len(bounds) == 1 and end is None else ("start", "end", "step")
    given = dict(zip(places, bounds, strict=False)) | named
    first, last, by = given.get("start", 0), given.get("end"), given.get("step", 1)
    if len(given) != len(bounds) + len(named) or last is None or by == 0:
        raise ValueError(
            f"arange: wanted ([start,] end[, step]) with a step other than 0, got {bounds} and {named}"
        )
    if dtype is not None and as_dtype(dtype).kind != "f":
        first, last, by = int(first), int(last), int(by)
    count = ceil((last - first) / by)
    if (last - first) * by < 0:
        raise ValueError(f"arange: a step of {by} does not lead from {first} to {last}")
    integers = all(isinstance(v, (int, np.integer)) for v in (first, last, by))
    array = np.arange(count) * by + first
    wanted = as_dtype(dtype) if dtype is not None else int64 if integers else default_dtype()
    return around(array.astype(wanted, copy=False), requires_grad, device)


def linspace(
    start: float, end: float, steps: int, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return ``steps`` evenly spaced numbers from start to end, both included."""
    wanted = chosen_dtype(dtype)
    return around(_spaced("linspace", start, end, steps, wanted).astype(wanted), requires_grad, device)


def logspace(
    start: float,
    end: float,
    steps: int,
    base: float = 10.0,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return the powers of the base whose exponents are those of `linspace`.

    >>> import tinygrad_cnn as tg
    >>> tg.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    wanted = chosen_dtype(dtype)
    return around((base ** _spaced("logspace", start, end, steps, wanted)).astype(wanted), requires_grad, device)


def _spaced(name: str, start: float, end: float, steps: int, dtype: np.dtype[Any]) -> Array:
    bound = float if dtype.kind == "f" else int
    return np.linspace(bound(start), bound(end), whole(name, "steps", steps, 0))


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = int64, device: Any = None) -> Tensor:
    """Return where the lower triangle of a matrix is: rows and columns, as a tensor (2, N).

    >>> import tinygrad_cnn as tg
    >>> tg.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return around(np.stack(np.tril_indices(row, offset, col)).astype(as_dtype(dtype), copy=False), device=device)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = int64, device: Any = None) -> Tensor:
    """Return where the upper triangle of a matrix is: rows and columns, as a tensor (2, N)."""
    return around(np.stack(np.triu_indices(row, offset, col)).astype(as_dtype(dtype), copy=False), device=device)


def from_dlpack(ext_tensor: Any) -> Tensor:
    """Return a tensor that shares its memory with an array of another library, through the DLPack protocol.

    >>> import numpy as np, tinygrad_cnn as tg
    >>> tg.from_dlpack(np.arange(3.0))
    tensor([0., 1., 2.], dtype=float64)
    """
    if not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(f"from_dlpack: wanted something with __dlpack__, got {type(ext_tensor).__name__}")
    array = np.from_dlpack(ext_tensor)
    as_dtype(array.dtype)
    return around(array)


def zeros_like(input: Tensor, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return zeros of a tensor's shape and type."""
    return around(np.zeros_like(input.array, dtype=dtype and as_dtype(dtype)), requires_grad, device)


def ones_like(input: Tensor, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return ones of a tensor's shape and type."""
    return around(np.ones_like(input.array, dtype=dtype and as_dtype(dtype)), requires_grad, device)


def full_like(
    input: Tensor, fill_value: Scalar, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor of a tensor's shape and type with one value everywhere."""
    return around(np.full_like(input.array, fill_value, dtype=dtype and as_dtype(dtype)), requires_grad, device)


def empty_like(input: Tensor, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of a tensor's shape and type, of whatever was in the memory."""
    return around(np.empty_like(input.array, dtype=dtype and as_dtype(dtype)), requires_grad, device)


def around(array: Array, requires_grad: bool = False, device: Any = None) -> Tensor:
    """Return a leaf around an array, without copying."""
    want_cpu("device", device)
    result = wrap(Tensor, array)
    result.requires_grad = requires_grad
    return result


def chosen_dtype(dtype: Any) -> np.dtype[Any]:
    """Return the type that was asked for, or the default."""
    return default_dtype() if dtype is None else as_dtype(dtype)
