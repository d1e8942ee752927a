"""Checks of arrays that users pass in: converted to the form that tensors hold, or refused."""

from __future__ import annotations

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
