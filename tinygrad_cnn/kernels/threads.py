"""The number of threads, and a thread pool on which NumPy kernels run in parallel.

A large kernel splits its work into *bands*: chunks of consecutive rows, one for each thread. NumPy releases the
global interpreter lock inside its loops, so Python threads do run at once there. The thread that calls takes
bands itself and waits for no worker to be free, so any number of threads may call, from within a band too.

Compiled kernels have a pool of their own (`compiled/thread_pool.py`): its workers need no interpreter to run a
band, and look for the next one a while before they sleep. Both pools are a `ThreadPool`.
"""

from __future__ import annotations

import _thread
import os
import threading
import warnings
from collections.abc import Callable
from contextvars import Context, copy_context
from queue import SimpleQueue
from typing import Any, TypeVar

from tinygrad_cnn.kernels.blas_threads import one_blas_thread
from tinygrad_cnn.kernels.thresholds import BLAS_THREADS_FROM, GRAIN_SIZE

Result = TypeVar("Result")


# --- how many threads ---


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _threads_at_first() -> int:
    """Return the number that OMP_NUM_THREADS gives (of a list, the first), or that of the cores of the process."""
    given = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if given.isdecimal() and int(given) > 0:
        return int(given)
    if given:
        warnings.warn(
            f"OMP_NUM_THREADS is {given!r}; wanted an integer of at least 1, so it is ignored", stacklevel=2
        )
    return _cores()


_num_threads = _threads_at_first()


def get_num_threads() -> int:
    """Return how many threads large operations are shared among.

    That is the number given to `set_num_threads`; else that of OMP_NUM_THREADS in the environment when the package
    was imported; else the number of cores that the process may use.

    >>> import tinygrad_cnn as tg
    >>> tg.get_num_threads() >= 1
    True
    """
    return _num_threads


def set_num_threads(num: int) -> None:
    """Share large operations among so many threads, the calling one among them; NumPy's BLAS gets as many.

    Results may differ in the last bits for different numbers of threads, never for the same. A BLAS other than
    OpenBLAS, which NumPy's wheels bring, keeps the number that its environment variable gives.

    >>> import tinygrad_cnn as tg
    >>> before = tg.get_num_threads()
    >>> tg.set_num_threads(1)
    >>> tg.get_num_threads()
    1
    >>> tg.set_num_threads(before)
    """
    global _num_threads
    if not isinstance(num, int) or isinstance(num, bool) or num < 1:
        raise ValueError(f"set_num_threads: num is {num!r}; wanted an integer of at least 1")
    _num_threads = num
    one_blas_thread.set_num_threads(num)


# --- a pool of worker threads ---


class ThreadPool:
    """Daemon worker threads that are started when they are first wanted; the child of a fork starts its own.

    Nothing here waits for a lock: whoever calls may be a signal handler that has interrupted the holder. Hence
    threads are started by ``_thread``, because `threading.Thread` takes a lock of its own.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        """Begin without workers."""
        self.workers: dict[int, int] = {}  # the system's number of each worker's thread
        self._numbers = list(range(self.most))[::-1]  # of workers that are not started

    def start(self, wanted: int) -> None:
        """Start workers until there are so many. Where several threads do so at once, there may be some more."""
        while len(self.workers) < wanted and self._numbers:
            i = self._numbers.pop()
            try:
                _thread.start_new_thread(self._begin, (i,))
            except RuntimeError:  # the system allows no more threads: the callers do the work alone
                self._numbers.append(i)
                return
            self.workers.setdefault(i, 0)

    def _begin(self, i: int) -> None:
        self.workers[i] = threading.get_native_id()
        self.serve(i)

    def serve(self, i: int) -> None:
        """Do the work of worker ``i`` for ever."""
        raise NotImplementedError(f"{type(self).__name__}: serve() is not defined")


class _Task:
    """A function and the bands that are still to do; whoever is free takes the next."""

    def __init__(self, function: Callable[[int, int], Any], bands: list[tuple[int, int]]) -> None:
        self.function = function
        self.bands = iter(enumerate(bands))
        self.results: list[Any] = [None] * len(bands)
        self.ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def run(self) -> None:
        for i, band in self.bands:
            try:
                self.results[i] = self.function(*band)
            except BaseException as error:
                self.ended.put(error)
            else:
                self.ended.put(None)


class _QueuePool(ThreadPool):
    """Workers that wait for tasks at a queue."""

    def reset(self) -> None:
        super().reset()
        self.tasks: SimpleQueue[tuple[Context, _Task]] = SimpleQueue()

    def post(self, task: _Task, workers: int) -> None:
        """Ask so many workers to take part in a task."""
        self.start(workers)
        for _ in range(workers):
            self.tasks.put((copy_context(), task))  # NumPy's errstate and the choice of kernels hold there too

    def serve(self, i: int) -> None:
        while True:
            context, task = self.tasks.get()
            context.run(task.run)
            del context, task  # else what the task refers to would live until the next one


_pool = _QueuePool(most=1 << 10)


def parallel_for(function: Callable[[int, int], Result], length: int, cost: float) -> list[Result]:
    """Call function(start, stop) on bands of range(length), one for each thread, and return the results in order.

    ``cost`` is counted in multiplications as fast as BLAS does them: no band costs less than `GRAIN_SIZE` of them.
    """
    if cost < BLAS_THREADS_FROM:
        return [function(0, length)]
    bands = min(_num_threads, length, int(cost / GRAIN_SIZE))
    if bands <= 1:
        return one_blas_thread.call(lambda: [function(0, length)])
    return one_blas_thread.call(lambda: _run_bands(function, length, bands))


def _run_bands(function: Callable[[int, int], Result], length: int, count: int) -> list[Result]:
    task = _Task(function, [(length * i // count, length * (i + 1) // count) for i in range(count)])
    _pool.post(task, count - 1)
    task.run()
    errors = [task.ended.get() for _ in range(count)]
    for error in errors:
        if error is not None:
            raise error
    return task.results
