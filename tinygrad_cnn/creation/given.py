"""Tensors of numbers that are given or follow a rule (``torch.tensor``, ``torch.zeros``, ``torch.arange``)."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from tinygrad_cnn.creation.leaf import chosen_dtype, from_array, number_dtype, shaped
from tinygrad_cnn.ops.arguments import array_of, lengths, whole
from tinygrad_cnn.support.arrays import held_number, own_array, want_range
from tinygrad_cnn.support.devices import want_cpu
from tinygrad_cnn.support.dtypes import as_dtype, bool_, default_dtype, int64
from tinygrad_cnn.tape.capture import effect
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array, Scalar


@effect
def tensor(data: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor with a copy of the data: lists and numbers as float32, int64 or bool, arrays in their type.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([[1.5, 2.0]])
    tensor([[1.5000, 2.0000]])
    """
    want_cpu("tensor", device)
    return Tensor(data, dtype, requires_grad)


def from_numpy(array: Array) -> Tensor:
    """Return a tensor that shares its memory with an array.

    Raises ValueError for an array of non-native byte order, which cannot be shared; `tensor` converts it.

    >>> import tinygrad_cnn as tg
    >>> import numpy as np
    >>> tg.from_numpy(np.arange(3))
    tensor([0, 1, 2])
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: wanted an array, got {type(array).__name__}")
    if not array.dtype.isnative:
        raise ValueError(
            f"from_numpy: the array is {array.dtype.str}, not in native byte order, and cannot be "
            "shared; wanted array.astype(array.dtype.newbyteorder('=')), or tensor(array), which copies"
        )
    return from_array(own_array("from_numpy", array))


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """Return a tensor of the data, copied only if necessary.

    >>> import tinygrad_cnn as tg
    >>> tg.as_tensor([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    want_cpu("as_tensor", device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray):
        array = own_array("as_tensor", data)
        return from_array(array if dtype is None else array.astype(as_dtype(dtype), copy=False))
    return tensor(data, dtype)


def clone(input: Tensor) -> Tensor:
    """Return a copy through which gradients pass.

    >>> import tinygrad_cnn as tg
    >>> tg.clone(tg.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    return input.clone()


@shaped
def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros.

    >>> import tinygrad_cnn as tg
    >>> tg.zeros(2, 2)
    tensor([[0., 0.],
            [0., 0.]])
    """
    return from_array(np.zeros(lengths("zeros", size), chosen_dtype(dtype)), requires_grad, device)


@shaped
def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones.

    >>> import tinygrad_cnn as tg
    >>> tg.ones(2, 2)
    tensor([[1., 1.],
            [1., 1.]])
    """
    return from_array(np.ones(lengths("ones", size), chosen_dtype(dtype)), requires_grad, device)


@effect
def full(
    size: Any, fill_value: Scalar, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor filled with one value.

    >>> import tinygrad_cnn as tg
    >>> tg.full((2, 2), 7.0)
    tensor([[7., 7.],
            [7., 7.]])
    """
    kind = np.asarray(array_of(fill_value)).dtype.kind
    wanted = as_dtype(dtype) if dtype else {"f": default_dtype(), "b": bool_}.get(kind, int64)
    value = array_of(held_number("full", fill_value, wanted))
    return from_array(np.full(lengths("full", (size,)), value, wanted), requires_grad, device)


@shaped
def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return an uninitialised tensor.

    >>> import tinygrad_cnn as tg
    >>> tg.empty(2, 3).shape
    (2, 3)
    """
    return from_array(np.empty(lengths("empty", size), chosen_dtype(dtype)), requires_grad, device)


@shaped
def eye(n: int, m: int | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a matrix with ones on the diagonal.

    >>> import tinygrad_cnn as tg
    >>> tg.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    return from_array(np.eye(n, m, dtype=chosen_dtype(dtype)), requires_grad, device)


@shaped
def arange(
    *bounds: Scalar,
    start: Scalar | None = None,
    end: Scalar | None = None,
    step: Scalar | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return evenly spaced numbers from start up to, but without, end: ``arange([start,] end[, step])``.

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
    first, last, by = (array_of(v).item() if isinstance(v, Tensor) else v for v in (first, last, by))
    wanted = None if dtype is None else number_dtype("arange", dtype)
    if wanted == int64:
        first, last, by = int(first), int(last), int(by)
    count = ceil((last - first) / by)
    if (last - first) * by < 0:
        raise ValueError(f"arange: a step of {by} does not lead from {first} to {last}")
    integers = all(isinstance(v, (int, np.integer)) for v in (first, last, by))
    if wanted is None:
        wanted = int64 if integers else default_dtype()
    elif wanted.kind != "f":  # as in PyTorch, the count is that of the numbers as they were given
        first, by = int(first), int(by)
    array = np.arange(count) * by + first
    return from_array(array.astype(wanted, copy=False), requires_grad, device)


@shaped
def linspace(
    start: float, end: float, steps: int, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return ``steps`` evenly spaced numbers from start to end, both included.

    >>> import tinygrad_cnn as tg
    >>> tg.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    wanted = number_dtype("linspace", dtype)
    return from_array(_spaced("linspace", start, end, steps, wanted).astype(wanted), requires_grad, device)


@shaped
def logspace(
    start: float,
    end: float,
    steps: int,
    base: float = 10.0,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return powers of the base with exponents from `linspace`.

    >>> import tinygrad_cnn as tg
    >>> tg.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    wanted = number_dtype("logspace", dtype)
    return from_array(
        (base ** _spaced("logspace", start, end, steps, wanted)).astype(wanted), requires_grad, device
    )


def _spaced(name: str, start: float, end: float, steps: int, dtype: np.dtype[Any]) -> Array:
    bound = float if dtype.kind == "f" else int
    if name == "linspace":
        want_range(name, min(start, end), max(start, end), dtype)
    return np.linspace(bound(start), bound(end), whole(name, "steps", steps, 0))


@shaped
def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = int64, device: Any = None) -> Tensor:
    """Return the indices of the lower triangle of a matrix: rows and columns, as a tensor (2, N).

    >>> import tinygrad_cnn as tg
    >>> tg.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return from_array(
        np.stack(np.tril_indices(row, offset, col)).astype(number_dtype("tril_indices", dtype), copy=False),
        device=device,
    )


@shaped
def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = int64, device: Any = None) -> Tensor:
    """Return the indices of the upper triangle of a matrix: rows and columns, as a tensor (2, N).

    >>> import tinygrad_cnn as tg
    >>> tg.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return from_array(
        np.stack(np.triu_indices(row, offset, col)).astype(number_dtype("triu_indices", dtype), copy=False),
        device=device,
    )


def from_dlpack(ext_tensor: Any) -> Tensor:
    """Return a tensor that shares its memory with an array of another library, through the DLPack protocol.

    >>> import numpy as np, tinygrad_cnn as tg
    >>> tg.from_dlpack(np.arange(3.0))
    tensor([0., 1., 2.], dtype=float64)
    """
    if not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(f"from_dlpack: wanted an object with __dlpack__, got {type(ext_tensor).__name__}")
    return from_array(own_array("from_dlpack", np.from_dlpack(ext_tensor)))


@effect
def zeros_like(input: Tensor, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return zeros of a tensor's shape and type.

    >>> import tinygrad_cnn as tg
    >>> tg.zeros_like(tg.ones(2))
    tensor([0., 0.])
    """
    return from_array(np.zeros_like(input.array, dtype=dtype and as_dtype(dtype)), requires_grad, device)


@effect
def ones_like(input: Tensor, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return ones of a tensor's shape and type.

    >>> import tinygrad_cnn as tg
    >>> tg.ones_like(tg.zeros(2))
    tensor([1., 1.])
    """
    return from_array(np.ones_like(input.array, dtype=dtype and as_dtype(dtype)), requires_grad, device)


@effect
def full_like(
    input: Tensor, fill_value: Scalar, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor of a tensor's shape and type, filled with one value.

    >>> import tinygrad_cnn as tg
    >>> tg.full_like(tg.ones(2), 7.0)
    tensor([7., 7.])
    """
    wanted = as_dtype(dtype) if dtype else input.dtype
    value = held_number("full_like", array_of(fill_value), wanted)
    return from_array(np.full_like(input.array, value, wanted), requires_grad, device)


@effect
def empty_like(input: Tensor, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return an uninitialised tensor of a tensor's shape and type.

    >>> import tinygrad_cnn as tg
    >>> tg.empty_like(tg.ones(2, 3)).shape
    (2, 3)
    """
    return from_array(np.empty_like(input.array, dtype=dtype and as_dtype(dtype)), requires_grad, device)
