"""One thread for BLAS, where this package shares work among threads itself.

NumPy's BLAS (OpenBLAS, usually) has threads of its own, which would compete with ours for the same cores.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import cache

import numpy as np


class _OneBlasThread:
    """A ``with`` block, entered by any number of threads, in which NumPy's BLAS has one thread if it can."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 1

    def __enter__(self) -> None:
        functions = blas_functions()
        with self._lock:
            if self._inside == 0 and functions is not None:
                self._before = functions[0]()
                functions[1](1)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        functions = blas_functions()
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and functions is not None:
                functions[1](self._before)


one_blas_thread = _OneBlasThread()


@cache
def blas_functions() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Return OpenBLAS's functions that get and set its number of threads, found through NumPy's own library."""
    try:
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return None
    for name in ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads"):
        try:
            get, put = library[name.format("get")], library[name.format("set")]
        except AttributeError:
            continue
        put.restype = None
        return get, put
    return None
