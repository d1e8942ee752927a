"""The number of BLAS threads: one where this package shares work among threads itself, else what the user sets.

NumPy's BLAS (OpenBLAS, usually) has threads of its own, which would compete with ours for the same cores.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import numpy as np

Result = TypeVar("Result")


class _OneBlasThread:
    """Calls functions, in any number of threads, while NumPy's BLAS has one thread if it can.

    There is no lock, which a signal handler could meet twice and a fork could copy. The interpreter handles signals
    and changes threads only when a call has returned, so between two calls nothing else runs. What an exception
    prevents at a bad moment is made up for by the next call.
    """

    def __init__(self) -> None:
        self._inside: list[object] = []  # one for each call that is running
        self._before: int | None = None  # how many threads BLAS shall have afterwards, if it has another number now
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._inside.clear)

    def call(self, function: Callable[[], Result]) -> Result:
        """Return function(), during which BLAS has one thread."""
        functions, me = blas_functions(), object()
        if functions is None:
            return function()
        get, put = functions
        try:
            self._inside.append(me)
            if self._before is None:
                self._before = get()
            put(1)
            return function()
        finally:
            try:
                if me in self._inside:
                    self._inside.remove(me)
            finally:
                if self._before is not None and not self._inside:
                    before, self._before = self._before, None
                    put(before)

    def set_num_threads(self, num: int) -> None:
        """Let BLAS have so many threads, from now on or as soon as no call is running."""
        if self._before is not None:
            self._before = num
        elif functions := blas_functions():
            functions[1](num)


one_blas_thread = _OneBlasThread()


@cache
def blas_functions() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Return OpenBLAS's functions that get and set its number of threads, found through NumPy's own library.

    No other thread of the interpreter runs during a call of them (a ``PyDLL`` keeps the global interpreter lock).
    """
    try:
        library = ctypes.PyDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
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
