"""``torch.finfo`` and ``torch.iinfo``: the limits of number types, as Python numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.support.dtypes import as_dtype, default_dtype


class finfo:
    """The limits of a floating-point type.

    >>> finfo(np.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: Any = None) -> None:
        dtype = default_dtype() if type is None else as_dtype(type)
        if dtype.kind != "f":
            raise TypeError(f"finfo: wanted a floating-point type, got {dtype}; use iinfo")
        found = np.finfo(dtype)
        self.dtype, self.bits = str(dtype), int(found.bits)
        self.eps, self.min, self.max = float(found.eps), float(found.min), float(found.max)
        self.tiny = self.smallest_normal = float(found.tiny)
        self.resolution = float(found.resolution)


class iinfo:
    """The limits of an integer type.

    >>> iinfo(np.uint8).max
    255
    """

    def __init__(self, type: Any) -> None:
        dtype = as_dtype(type)
        if dtype.kind not in "iu":
            raise TypeError(f"iinfo: wanted an integer type, got {dtype}; use finfo")
        found = np.iinfo(dtype)
        self.dtype, self.bits, self.min, self.max = str(dtype), found.bits, int(found.min), int(found.max)


class AbsentType:
    """A number type that is not supported: scripts name it in tables, and only its use is an error."""

    def __init__(self, name: str, instead: str) -> None:
        self._name, self._instead = name, instead

    def __repr__(self) -> str:
        return f"torch.{self._name} (not supported; use torch.{self._instead})"


bfloat16 = AbsentType("bfloat16", "float32")
