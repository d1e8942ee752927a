"""The thread pool of compiled kernels, whose worker threads need no interpreter to run a band.

It is the counterpart of the pool in `kernels/threads.py`, and starts its workers in the same way. There, a band
is a Python function and costs 30 to 60 us to hand over; here it is machine code, called by address, and costs a
few.

Waking a thread takes some 50 us, as long as a kernel on a small batch. So a worker that has run its band spins:
it looks for the next one for about a millisecond, as OpenMP's threads do, before it sleeps. Whoever calls a
kernel runs the first band, and then those that no worker has begun: the caller waits for no worker to be free or
awake, so any number of threads may call.

Each worker has a *mailbox*: a row of words, of which the first is its state and the others are a *task*, the
address of a band's function and its arguments. States change by compare-and-exchange, so of several threads one
succeeds:

    FREE -> RESERVED (a caller) -> POSTED (the task is written) -> RUNNING (the worker) -> DONE -> FREE (the caller)
    POSTED -> FREE (the caller takes its task back)
"""

from __future__ import annotations

import _thread
import ctypes
import sys
from contextlib import suppress

import numpy as np

from tinygrad_cnn.kernels.compiled.machine_code import address
from tinygrad_cnn.kernels.compiled.mailboxes import MAILBOX, MAX_WORKERS
from tinygrad_cnn.kernels.threads import ThreadPool, get_num_threads
from tinygrad_cnn.kernels.thresholds import COMPILED_GRAIN_SIZE, SPINS_BEFORE_SLEEP
from tinygrad_cnn.typing import Array


class _SpinningPool(ThreadPool):
    """Workers that spin on their mailboxes, or sleep until they are woken."""

    def reset(self) -> None:
        super().reset()
        self.mailboxes = np.zeros(MAX_WORKERS * MAILBOX, np.int64)
        self._is_awake = [False] * MAX_WORKERS
        self._asleep = [
            _thread.allocate_lock() for _ in range(MAX_WORKERS)
        ]  # a worker sleeps until it gets its lock

    def wake(self, count: int) -> None:
        """Start or wake so many workers, and do not wait for them."""
        if len(self.workers) < count:
            self.start(count)
        for i in range(count):
            if not self._is_awake[i] and self._asleep[i].locked():
                with suppress(RuntimeError):  # another caller was first
                    self._asleep[i].release()

    def serve(self, i: int) -> None:
        mailboxes, is_awake, asleep = self.mailboxes, self._is_awake, self._asleep[i]
        while asleep.acquire():
            is_awake[i] = True
            _spin(mailboxes.ctypes.data, i * MAILBOX, SPINS_BEFORE_SLEEP, _PAUSE)
            is_awake[i] = False  # a task posted just before this is run by its caller


def _system_address(name: str, library: str | None) -> int:
    """Return the address of a function of the system."""
    return ctypes.cast(ctypes.CDLL(library)[name], ctypes.c_void_p).value or 0


_PAUSE = (
    _system_address("SwitchToThread", "kernel32")
    if sys.platform == "win32"
    else _system_address("sched_yield", None)
)
_pool = _SpinningPool(MAX_WORKERS)

_WORD = ctypes.c_int64
_run_bands = ctypes.CFUNCTYPE(_WORD, ctypes.py_object, *[_WORD] * 4)(address("thread_loops", "run_bands"))
_run_program = ctypes.CFUNCTYPE(_WORD, ctypes.py_object, *[_WORD] * 3)(address("thread_loops", "run_program"))
_spin = ctypes.CFUNCTYPE(_WORD, *[_WORD] * 4)(address("thread_loops", "spin"))
"""They let go of the interpreter's lock while they run. A tuple holds the arrays, whose addresses they read."""


def band_count(length: int, cost: float) -> int:
    """Return how many bands to make of range(length), for work that costs so many multiplications."""
    if cost < 2 * COMPILED_GRAIN_SIZE:
        return 1
    return max(1, min(get_num_threads(), length, int(cost / COMPILED_GRAIN_SIZE)))


def parallel_for(
    function: int, plan: Array, arrays: tuple[Array, Array, Array, Array], length: int, count: int
) -> None:
    """Run a compiled function on ``count`` bands of range(length): three inputs and an output, as flat memory."""
    if count > 1:
        _pool.wake(min(count - 1, MAX_WORKERS))
    _run_bands((_pool.mailboxes, plan, *arrays), function, length, count, _PAUSE)


def run_program(function: int, words: Array, threads: int) -> None:
    """Run a program whose parts lie in ``words`` on so many threads, each part by `program_loops.run_parts`."""
    if threads > 1:
        _pool.wake(min(threads - 1, MAX_WORKERS))
    _run_program((_pool.mailboxes, words), function, threads, _PAUSE)
