"""Work on large arrays in bands that several threads share.

NumPy lets go of the interpreter inside its loops, so Python's threads do run at once there. The thread that calls
takes bands itself, and none waits for a thread to be free: calls from several threads, or from within a band, only
find fewer hands.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import cache
from queue import SimpleQueue
from typing import Any, TypeVar

import numpy as np

Result = TypeVar("Result")

GRAIN = 3_000_000
"""Multiplications that are worth a thread, some 30 to 60 microseconds: about as much as it takes to wake one."""

BLAS_SHARES = 1 << 18
"""Multiplications from which on BLAS may share a product among threads of its own."""


class _Job:
    """A function and the bands that are still to do; whoever is free takes the next."""

    def __init__(self, function: Callable[[int, int], Any], bands: list[tuple[int, int]]) -> None:
        self.function = function
        self.bands = iter(enumerate(bands))
        self.results: list[Any] = [None] * len(bands)
        self.ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def work(self) -> None:
        for i, band in self.bands:
            try:
                self.results[i] = self.function(*band)
            except BaseException as error:
                self.ended.put(error)
            else:
                self.ended.put(None)


class _Crew:
    """The threads that wait for jobs. They are daemons, started when first wanted."""

    def __init__(self) -> None:
        self.size = 1
        self.jobs: SimpleQueue[tuple[Context, _Job]] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def call(self, job: _Job, helpers: int) -> None:
        with self._lock:
            while self.size <= helpers:
                thread = threading.Thread(target=self._serve, name=f"tinygrad_cnn-{self.size}", daemon=True)
                thread.start()
                self._threads.append(thread)
                self.size += 1
            keep_away(self._threads)
        for _ in range(helpers):
            self.jobs.put((copy_context(), job))  # NumPy's errstate is part of the context

    def _serve(self) -> None:
        while True:
            context, job = self.jobs.get()
            context.run(job.work)
            del context, job  # what a job refers to lives no longer than it


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_current_core = getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None
_crew = _Crew()
_threads = _cores()
_barred_from: dict[int, int] = {}  # by the system's number of a thread


def keep_away(threads: list[threading.Thread]) -> None:
    """Bar threads from the core of the calling one: Linux likes to wake a thread where its waker runs."""
    if _current_core is None:
        return
    core = _current_core()
    for thread in threads:
        if thread.native_id is not None and _barred_from.get(thread.native_id) != core:
            _barred_from[thread.native_id] = core
            if others := os.sched_getaffinity(0) - {core}:
                os.sched_setaffinity(thread.native_id, others)


def _after_fork() -> None:
    global _crew
    _crew = _Crew()  # the child has none of its parent's threads
    _barred_from.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def get_num_threads() -> int:
    """Return how many threads large operations are shared among: at first, as many as there are cores."""
    return _threads


def set_num_threads(num: int) -> None:
    """Share large operations among so many threads, the calling one among them.

    Results may differ in the last bits for different numbers of threads, never for the same.
    """
    global _threads
    if not isinstance(num, int) or isinstance(num, bool) or num < 1:
        raise ValueError(f"set_num_threads: num is {num!r}; wanted an integer of at least 1")
    _threads = num


def in_bands(function: Callable[[int, int], Result], length: int, cost: float) -> list[Result]:
    """Call function(start, stop) on bands of range(length), one for each thread, and return the results in order.

    ``cost`` counts multiplications as fast as BLAS does them: no band costs less than `GRAIN` of them.
    """
    count = min(_threads, length, int(cost / GRAIN))
    if count <= 1 and cost < BLAS_SHARES:
        return [function(0, length)]
    with one_blas_thread:
        if count <= 1:
            return [function(0, length)]
        job = _Job(function, [(length * i // count, length * (i + 1) // count) for i in range(count)])
        _crew.call(job, count - 1)
        job.work()
        errors = [job.ended.get() for _ in range(count)]
    for error in errors:
        if error is not None:
            raise error
    return job.results


# --- BLAS has threads of its own, which would fight with ours ---


class _OneBlasThread:
    """A ``with`` block, entered by any number of threads, in which NumPy's BLAS has one thread if it can."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 1

    def __enter__(self) -> None:
        functions = _blas_functions()
        with self._lock:
            if self._inside == 0 and functions is not None:
                self._before = functions[0]()
                functions[1](1)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        functions = _blas_functions()
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and functions is not None:
                functions[1](self._before)


one_blas_thread = _OneBlasThread()


@cache
def _blas_functions() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Return the functions that get and set OpenBLAS's number of threads, looked up behind NumPy's own library."""
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
