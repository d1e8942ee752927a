"""The table of kernels: the implementations of each kernel, and the choice among them.

A kernel has a plain *reference* (`reference.py`), an implementation in *NumPy* that is made for speed and, some
of them, one *compiled* by Numba (`compiled/`) for float32 arrays that are large enough. The compiled one may
return None for arguments that it is not made for; the NumPy kernel then does the work.

Which implementation runs depends on the choice and on shapes, types and layouts, so results do not depend on what
ran before. The choice is made for the process, by ``TINYGRAD_CNN_KERNELS=reference|numpy|compiled`` in the
environment or by `set_compiled_kernels`, and for a block of one thread by `use_kernels`.

Machine code is loaded when a compiled kernel is first wanted, in a tenth of a second. The first time ever, all
kernels are compiled, in some seconds on several cores, and the machine code is kept (`compiled/machine_code.py`).

An implementation for another library's arrays would be one more field of `Kernel`.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial, wraps
from importlib import import_module
from importlib.util import find_spec
from math import inf
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.kernels.thresholds import COMPILED_FROM

FLOAT32 = np.dtype(np.float32)  # comparing a type with this dtype takes a fifth of the time of np.float32
CHOICES = ("reference", "numpy", "compiled")

Function = Callable[..., Any]


@dataclass
class Kernel:
    """A row of the table."""

    name: str
    reference: Function
    numpy: Function
    compiled: Function | None = None  # until it is first called, a function that imports it


TABLE: dict[str, Kernel] = {}


def numpy_kernel(reference: Function, compiled_from: float = COMPILED_FROM) -> Callable[[Function], Function]:
    """Put the decorated NumPy kernel and its reference into the table; return the function that chooses.

    The compiled kernel is asked only if the first argument has at least ``compiled_from`` elements; infinity stands
    for a kernel that is never compiled.
    """

    def register(numpy: Function) -> Function:
        row = TABLE[numpy.__name__] = Kernel(numpy.__name__, reference, numpy)
        if compiled_from == inf:
            return wraps(numpy)(lambda *arguments: (_plain(row) if _special else numpy)(*arguments))
        row.compiled = partial(_first_call, row)

        @wraps(numpy)
        def call(array: Any, *rest: Any) -> Any:
            wanted = _compiled_by_default
            if _special:
                choice = _choice_for(row.name)
                if choice == "reference":
                    return reference(array, *rest)
                wanted = choice == "compiled"
            if wanted and array.size >= compiled_from and array.dtype == FLOAT32:
                compiled = row.compiled
                if compiled is not None and (result := compiled(array, *rest)) is not None:
                    return result
            return numpy(array, *rest)

        return call

    return register


def _plain(row: Kernel) -> Function:
    """Return the kernel that is chosen where there is no compiled one."""
    return row.reference if _choice_for(row.name) == "reference" else row.numpy


def _first_call(row: Kernel, *arguments: Any) -> Any:
    """Call the compiled kernel of a row, if there is one, and put it in the place of this function."""
    kernels = _compiled.get()
    if kernels is None:
        return None
    row.compiled = kernels.get(row.name)
    return None if row.compiled is None else row.compiled(*arguments)


class _Compiled:
    """The compiled kernels, imported when they are first wanted.

    A signal handler or finaliser that interrupts the import gets none. A fork waits for the import to end: in the
    child, the import's locks would be held for ever.
    """

    def __init__(self) -> None:
        self._kernels: dict[str, Function] | None = None
        self._is_importing = False
        self._lock = threading.RLock()
        if hasattr(os, "register_at_fork"):
            acquire, release = self._lock.acquire, self._lock.release
            os.register_at_fork(before=acquire, after_in_parent=release, after_in_child=release)

    def get(self) -> dict[str, Function] | None:
        """Return the compiled kernels by name, or None while this thread imports them."""
        with self._lock:
            if self._kernels is None and not self._is_importing:
                self._is_importing = True
                try:
                    self._kernels = _import_compiled()
                finally:
                    self._is_importing = False
            return self._kernels


_compiled = _Compiled()


def _import_compiled() -> dict[str, Function]:
    """Import the compiled kernels; there are none without Numba."""
    if find_spec("numba") is None:
        return {}
    try:
        module = import_module("tinygrad_cnn.kernels.compiled.kernels")  # by name: it imports this module
        return dict(module.COMPILED)
    except Exception as error:
        warnings.warn(
            f"Numba is installed but cannot be used, so NumPy kernels run instead: {error!r} "
            "(TINYGRAD_CNN_FAST=0 in the environment switches compiled kernels off)",
            stacklevel=2,
        )
        return {}


# --- the choice ---


class _Block(NamedTuple):
    """What the `use_kernels` and `count_calls` blocks of a thread ask for."""

    choice: str | None = None  # None: the process's choice
    calls: tuple[list[str], ...] = ()  # to each of which the names of kernels that are called are appended


_block: ContextVar[_Block] = ContextVar("kernels", default=_Block())  # noqa: B039
_process_choice = "compiled"
_compiled_by_default = True
_special: list[None] = []
"""One entry for each open block, in all threads, and one if the process uses reference kernels: without any, a
call looks no further. Appending and popping are atomic, so no lock is needed, which a handler could meet twice."""


def _choice_for(name: str) -> str:
    """Return the choice that holds here, and note the call for whoever counts."""
    block = _block.get()
    for calls in block.calls:
        calls.append(name)
    return block.choice or _process_choice


def _choose(choice: str) -> None:
    global _process_choice, _compiled_by_default
    _process_choice, _compiled_by_default = choice, choice == "compiled"
    if choice == "reference":
        _special.append(None)


def are_compiled_by_default() -> bool:
    """Return whether compiled kernels are chosen, and no block of any thread chooses or counts."""
    return _compiled_by_default and not _special


def have_compiled() -> bool:
    """Return whether there are compiled kernels; they are imported first."""
    return bool(_compiled.get())


def _checked(name: str, choice: Any) -> str:
    if choice not in CHOICES:
        raise ValueError(f"{name}: kernels are {choice!r}; wanted {', '.join(map(repr, CHOICES))}")
    if choice == "compiled" and find_spec("numba") is None:
        raise ImportError(f"{name}: compiled kernels need Numba; pip install 'tinygrad_cnn[fast]'")
    return str(choice)


def set_compiled_kernels(enabled: bool) -> None:
    """Choose for the whole process: compiled kernels where they can be used, as at first, or NumPy's only."""
    _choose("compiled" if enabled else "numpy")


@contextmanager
def _opened(block: _Block) -> Iterator[None]:
    before = _block.get()
    try:
        _special.append(None)
        _block.set(block)
        yield
    finally:
        _block.set(before)
        _special.pop()


@contextmanager
def use_kernels(kernels: str) -> Iterator[None]:
    """Choose the kernels for a ``with`` block or a decorated function, in this thread.

    ``"reference"``: the short, slow definitions in `tinygrad_cnn/kernels/reference.py`, to read and to debug;
    ``"numpy"``: the NumPy kernels only; ``"compiled"``: compiled kernels where they can be used, else NumPy's.
    Raises ValueError for another word, and ImportError for "compiled" without Numba.

    >>> import tinygrad_cnn as tg
    >>> x, w = tg.ones(1, 1, 4, 4), tg.ones(1, 1, 3, 3)
    >>> with tg.use_kernels("reference"):
    ...     y = tg.conv2d(x, w)
    >>> y.tolist() == tg.conv2d(x, w).tolist()
    True
    """
    with _opened(_block.get()._replace(choice=_checked("use_kernels", kernels))):
        yield


@contextmanager
def count_calls() -> Iterator[Counter[str]]:
    """Count the calls of kernels by name in a ``with`` block, in this thread; the counter is filled at its end.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.kernels.dispatch import count_calls
    >>> with count_calls() as calls:
    ...     y = tg.ones(3).relu()
    >>> calls
    Counter({'relu': 1})
    """
    counter: Counter[str] = Counter()
    calls: list[str] = []  # appending is atomic: threads that share a kernel's work may call kernels, too
    before = _block.get()
    with _opened(before._replace(calls=(*before.calls, calls))):
        try:
            yield counter
        finally:
            counter.update(calls)


if "TINYGRAD_CNN_KERNELS" in os.environ:
    _choose(_checked("TINYGRAD_CNN_KERNELS in the environment", os.environ["TINYGRAD_CNN_KERNELS"]))
elif os.environ.get("TINYGRAD_CNN_FAST") == "0":
    _choose("numpy")
