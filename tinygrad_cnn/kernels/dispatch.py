"""Kernels compiled by Numba: for float32, where Numba is installed and the arrays are large enough to care.

The first that is wanted imports Numba, in about a second; the first ever also compiles them all, in some fifteen,
into __pycache__ (or Numba's own folder, where that cannot be written). Which kernel does a piece of work depends on
its shapes and types alone, so results do not depend on what ran before.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import cache, wraps
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

FLOAT32 = np.dtype(np.float32)  # against which a type is compared five times as fast as against np.float32

SMALLEST = 256
"""Numbers from which on an array goes to a compiled kernel: importing Numba takes half a second."""

_enabled = os.environ.get("TINYGRAD_CNN_FAST") != "0"


def set_compiled_kernels(enabled: bool) -> None:
    """Let kernels that are compiled do the work where they can, as they do at first, or leave it all to NumPy."""
    global _enabled
    _enabled = enabled


@cache
def _kernels() -> ModuleType | None:
    if find_spec("numba") is None:
        return None
    try:
        return import_module("tinygrad_cnn.kernels.compiled.kernels")  # by name: they stand above
    except Exception as error:
        warnings.warn(
            f"Numba is installed but cannot be used, NumPy does its work: {error!r} "
            "(TINYGRAD_CNN_FAST=0 in the environment leaves Numba alone)",
            stacklevel=2,
        )
        return None


def compiled_if_large(reference: Callable[..., Any], smallest: int = SMALLEST) -> Callable[..., Any]:
    """Let the compiled kernel of the same name, which may return None for what it does not do, go first."""

    @wraps(reference)
    def kernel(array: Any, *rest: Any) -> Any:
        if _enabled and array.size >= smallest and array.dtype == FLOAT32 and (module := _kernels()) is not None:
            result = getattr(module, reference.__name__)(array, *rest)
            if result is not None:
                return result
        return reference(array, *rest)

    return kernel
