"""Arrays at the door: what a user hands in, as tensors have it, or refused by name."""

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
    """Return an array as tensors have it: of no subclass, its numbers of a supported type in native byte order.

    It shares the memory of the one that is given, unless the byte order was another. Raises TypeError for numbers
    of any other type, and for masked arrays with entries that are masked.
    """
    if not is_supported(array.dtype):
        raise TypeError(
            f"{name}: {array.dtype} is not supported; wanted bool, integer or floating-point numbers of at most "
            f"64 bits: {_MENDS[array.dtype.kind]}"
        )
    array = plain_array(name, array)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def plain_array(name: str, value: Any) -> Any:
    """Return an array of a subclass of NumPy's as one of no subclass, and anything else as it is.

    A numpy.matrix multiplies as matrices do, and a masked array leaves entries out: neither may get inside. Raises
    TypeError if entries are masked: they have no value.
    """
    if type(value) is np.ndarray or not isinstance(value, np.ndarray):
        return value
    if np.ma.is_masked(value):
        raise TypeError(f"{name}: got an array with masked entries; wanted values: array.filled(VALUE)")
    return np.asarray(value)
