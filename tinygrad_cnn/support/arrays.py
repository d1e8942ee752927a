"""Checks of arrays that users pass in: converted to the form that tensors hold, or refused."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from tinygrad_cnn.support.dtypes import is_supported
from tinygrad_cnn.typing import Array

_MENDS = {
    "c": "take array.real, array.imag or abs(array)",
    "O": "convert it with array.astype(numpy.float32)",
    "S": "convert it with array.astype(numpy.float32)",
    "U": "convert it with array.astype(numpy.float32)",
    "f": "convert it with array.astype(numpy.float64)",
    "M": "subtract a date and divide by a numpy.timedelta64",
    "m": "divide it by a numpy.timedelta64",
    "V": "take one of its fields, array['name']",
}


def own_array(name: str, array: Array) -> Array:
    """Return an array as tensors hold it: a plain NumPy array of a supported type in native byte order.

    It shares the memory of the given array if the byte order is native. Raises TypeError for numbers of any other
    type, and for masked arrays with masked entries.
    """
    if not is_supported(array.dtype):
        raise TypeError(
            f"{name}: {array.dtype} is not supported; wanted bool, integer or floating-point numbers of at most "
            f"64 bits: {_MENDS[array.dtype.kind]}"
        )
    array = plain_array(name, array)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def plain_array(name: str, value: Any) -> Any:
    """Return an array of a subclass of NumPy's array as a plain array, and anything else unchanged.

    Subclasses compute differently: * of a numpy.matrix is a matrix product, and a masked array skips entries.
    Raises TypeError if entries are masked, because they have no value.
    """
    if type(value) is np.ndarray or not isinstance(value, np.ndarray):
        return value
    if np.ma.is_masked(value):
        raise TypeError(f"{name}: got an array with masked entries; wanted values: array.filled(VALUE)")
    return np.asarray(value)


def held(name: str, numbers: Any, dtype: np.dtype[Any]) -> Array:
    """Return numbers that a user wrote as an array of a type.

    Raises ValueError for a number that an integer type cannot hold, NaN among them. As in PyTorch, fractions are
    cut off, and negative whole numbers wrap around in unsigned types.
    """
    array = np.asarray(numbers)
    if dtype.kind in "iu" and array.dtype != dtype and array.size:
        bounds = np.iinfo(dtype)
        if array.dtype.kind == "f":
            fits = (array >= float(bounds.min)) & (array < float(bounds.max + 1))
        else:
            fits = (array >= (-bounds.max if dtype.kind == "u" else bounds.min)) & (array <= bounds.max)
        if not fits.all():
            raise ValueError(
                f"{name}: {array[~fits][0]} does not fit into {dtype}, which holds {bounds.min} to {bounds.max}"
            )
    with np.errstate(over="ignore"):  # in a floating-point type infinite
        return array.astype(dtype, copy=False)


def held_number(name: str, number: Any, dtype: np.dtype[Any]) -> Any:
    """Return a Python number that is to be written, as `held` does; refuse one that a float type makes infinite.

    Anything else, such as a tensor or an array, is returned as it is.
    """
    if type(number) not in (bool, int, float):
        return number
    if dtype.kind != "f":
        return held(name, number, dtype)[()]
    if abs(number) != inf and abs(number) > float(np.finfo(dtype).max):
        raise ValueError(f"{name}: {number} does not fit into {dtype}, which holds up to {np.finfo(dtype).max}")
    return dtype.type(number)


def want_range(name: str, first: float, last: float, dtype: np.dtype[Any]) -> None:
    """Refuse a type that cannot hold every number from first to last."""
    bounds = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(np.uint8 if dtype.kind == "b" else dtype)
    least, most = (0, 1) if dtype.kind == "b" else (bounds.min, bounds.max)
    if dtype.kind == "f":
        least, most = float(least), float(most)
    if not (least <= first and last <= most):
        raise ValueError(f"{name}: numbers from {first} to {last} do not fit into {dtype}, of {least} to {most}")
