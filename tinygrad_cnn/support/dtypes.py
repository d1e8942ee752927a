"""Dtypes, with float32 as the default, and type promotion by PyTorch's rules instead of NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.support.devices import is_device, want_cpu

bool_ = np.dtype(np.bool_)
uint8 = np.dtype(np.uint8)
int8 = np.dtype(np.int8)
int16 = np.dtype(np.int16)
int32 = np.dtype(np.int32)
int64 = np.dtype(np.int64)
float16 = np.dtype(np.float16)
float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)

TENSOR_TYPES = {  # PyTorch's old names of number types: ``x.type("torch.FloatTensor")``
    "BoolTensor": bool_,
    "ByteTensor": uint8,
    "CharTensor": int8,
    "DoubleTensor": float64,
    "FloatTensor": float32,
    "HalfTensor": float16,
    "IntTensor": int32,
    "LongTensor": int64,
    "ShortTensor": int16,
}

_CATEGORIES = {"b": 0, "u": 1, "i": 1, "f": 2}


_default = [float32]


def default_dtype() -> np.dtype[Any]:
    """Return the dtype of tensors made from Python floats: float32, unless `set_default_dtype` changed it.

    >>> import tinygrad_cnn as tg
    >>> tg.get_default_dtype()
    dtype('float32')
    """
    return _default[0]


def set_default_dtype(d: Any) -> None:
    """Set the dtype of tensors from Python floats, of parameters and of float results of integers, in all threads.

    >>> import tinygrad_cnn as tg
    >>> tg.set_default_dtype(tg.float64)
    >>> tg.tensor(1.5).dtype
    dtype('float64')
    >>> tg.set_default_dtype(tg.float32)
    """
    wanted = as_dtype(d)
    if wanted.kind != "f":
        raise TypeError(f"set_default_dtype: wanted a floating-point type, got {wanted}")
    _default[0] = wanted


def as_dtype(dtype: Any) -> np.dtype[Any]:
    """Return a supported dtype from anything that NumPy accepts as a dtype, or from PyTorch's old names."""
    if isinstance(dtype, str):
        dtype = TENSOR_TYPES.get(dtype.removeprefix("torch."), dtype)
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype: {dtype!r} is not a dtype") from None
    if not is_supported(found):
        raise TypeError(f"dtype: {found} is not supported; wanted bool, an integer or a floating-point type")
    return found.newbyteorder("=")


def is_supported(dtype: np.dtype[Any]) -> bool:
    """Return whether tensors support a dtype, in any byte order; NumPy's longdouble is not supported."""
    return dtype.kind in _CATEGORIES and dtype.itemsize <= 8


def destination(name: str, *given: Any) -> np.dtype[Any] | None:
    """Return the dtype among the arguments of ``to``, or None; a device must be the CPU."""
    wanted = None
    for value in given:
        if is_device(value):
            want_cpu(name, value)
        elif value is not None:
            wanted = value.dtype if hasattr(value, "array") else as_dtype(value)
    return wanted


def as_float(array: Any) -> Any:
    """Return floats unchanged, and integers or booleans converted to the default float type."""
    if not hasattr(array, "dtype"):  # a Python number
        return float(array)
    return array if array.dtype.kind == "f" else array.astype(default_dtype())


def _default_of(category: int) -> np.dtype[Any]:
    return bool_ if category == 0 else int64 if category == 1 else default_dtype()


def result_type(*operands: Any) -> np.dtype[Any]:
    """Return the common dtype of arrays and scalars by PyTorch's type promotion.

    The highest category (bool < integer < float) decides. Within it, arrays with dimensions take precedence over
    0-dimensional arrays, and these over Python's numbers, which never widen a type of their category.

    >>> import tinygrad_cnn as tg
    >>> tg.result_type(tg.tensor([1]), 1.0)
    dtype('float32')
    """
    dimensioned: list[np.dtype[Any]] = []
    scalar_arrays: list[np.dtype[Any]] = []
    numbers: list[int] = []
    for operand in operands:
        if isinstance(operand, (bool, int, float)):
            numbers.append({bool: 0, int: 1}.get(type(operand), 2))
        else:
            (dimensioned if operand.ndim else scalar_arrays).append(operand.dtype)
    best: np.dtype[Any] | None = None
    for group in (dimensioned, scalar_arrays):
        for dtype in group:
            if not is_supported(dtype):
                raise TypeError(f"numbers of type {dtype} are not supported; wanted bool, integer or float")
        if group:
            widest = np.result_type(*(d for d in group if _category(d) == max(map(_category, group))))
            widest = widest.newbyteorder("=")  # for a single dtype, NumPy keeps its byte order
            if best is None or _category(widest) > _category(best):
                best = widest
    if numbers and (best is None or max(numbers) > _category(best)):
        best = _default_of(max(numbers))
    if best is None:
        raise TypeError("result_type: wanted at least one operand")
    return best


def _category(dtype: np.dtype[Any]) -> int:
    return _CATEGORIES[dtype.kind]


def last_whole_number(dtype: np.dtype[Any]) -> int:
    """Return the largest number of an integer type, or up to which a floating-point type has every whole number."""
    if dtype.kind == "f":
        return int(2 ** (np.finfo(dtype).nmant + 1))
    return 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)
