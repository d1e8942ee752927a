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
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numba import cfunc, njit, types

from tinygrad_cnn.kernels.compiled.atomics import (
    BAND,
    INT,
    WORDS,
    call_address,
    compare_exchange,
    load_acquire,
    store_release,
    yield_processor,
)
from tinygrad_cnn.kernels.threads import ThreadPool, get_num_threads
from tinygrad_cnn.kernels.thresholds import COMPILED_GRAIN_SIZE, SPINS_BEFORE_SLEEP
from tinygrad_cnn.typing import Array

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "cache": True}
INLINE: dict[str, Any] = {**OPTIONS, "cache": False, "forceinline": True}
"""For functions that a band calls. A tile that is an argument goes through memory, unless the call is inlined. The
cache holds the whole band; an entry for such a function would name its plan's class, and could not be read after
that class is renamed."""

ARRAY = types.Array(types.float32, 1, "C", readonly=True, aligned=False)

MAX_WORKERS = 63
"""As many as a word has bits but one: those that have a task are noted in a word. The caller runs further bands."""

FREE, RESERVED, POSTED, RUNNING, DONE = range(5)
TASK = 9  # words: an address, a plan, four arrays, the band's first row, last row and number
MAILBOX = 16  # words: the state, a task and padding, so that no two workers write to one cache line


@njit(types.void(WORDS, INT, WORDS, INT, INT, INT), **OPTIONS)
def _write_task(words, at, task, length, band, count):
    for i in range(6):
        words[at + i] = task[i]
    words[at + 6] = length * band // count
    words[at + 7] = length * (band + 1) // count
    words[at + 8] = band


@njit(INT(WORDS, WORDS, types.UniTuple(ARRAY, 4), INT, INT, INT, INT), **OPTIONS)
def _run_bands(mailboxes, plan, arrays, function, length, count, pause):
    """Post all bands but the first, run the first, then what is left; return how many no worker ran."""
    task = np.empty(TASK, np.int64)
    task[0], task[1] = function, plan.ctypes.data
    for i in range(4):
        task[2 + i] = arrays[i].ctypes.data
    posted = alone = 0
    for band in range(1, min(count, MAX_WORKERS + 1)):
        at = (band - 1) * MAILBOX
        if load_acquire(mailboxes, at) == FREE and compare_exchange(mailboxes, at, FREE, RESERVED):
            _write_task(mailboxes, at + 1, task, length, band, count)
            store_release(mailboxes, at, POSTED)
            posted |= 1 << band
    for band in range(count):
        at = (band - 1) * MAILBOX
        by_worker = band <= MAX_WORKERS and (posted >> band) & 1
        if by_worker and not compare_exchange(mailboxes, at, POSTED, FREE):
            while load_acquire(mailboxes, at) != DONE:
                yield_processor(pause)
            store_release(mailboxes, at, FREE)
        else:
            _write_task(task, 0, task, length, band, count)
            call_address(task, 0)
            alone += band > 0
    return alone


@njit(types.void(WORDS, INT, INT, INT), **OPTIONS)
def _spin(mailboxes, at, spins, pause):
    """Run tasks from a mailbox until it was found empty so often in a row."""
    idle = 0
    while idle < spins:
        if load_acquire(mailboxes, at) == POSTED and compare_exchange(mailboxes, at, POSTED, RUNNING):
            call_address(mailboxes, at + 1)
            store_release(mailboxes, at, DONE)
            idle = 0
        else:
            yield_processor(pause)
            idle += 1


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
            _spin(mailboxes, i * MAILBOX, SPINS_BEFORE_SLEEP, _PAUSE)
            is_awake[i] = False  # a task posted just before this is run by its caller


def _address(name: str, library: str | None) -> int:
    """Return the address of a function of the system."""
    return ctypes.cast(ctypes.CDLL(library)[name], ctypes.c_void_p).value or 0


_PAUSE = _address("SwitchToThread", "kernel32") if sys.platform == "win32" else _address("sched_yield", None)
_pool = _SpinningPool(MAX_WORKERS)
_NO_ARRAYS = (np.zeros(1, np.float32),) * 4


def compile_band(function: Callable[..., None]) -> int:
    """Compile the function that runs a band of a kernel, and return its address."""
    return int(cfunc(BAND, cache=True, error_model="numpy")(function).address)


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
    _run_bands(_pool.mailboxes, plan, arrays, function, length, count, _PAUSE)


def run_compiled_program(run: Callable[..., int], function: int, words: Array, threads: int) -> None:
    """Run a program (`program_loops.run_program`) whose parts lie in ``words``, on so many threads."""
    if threads > 1:
        _pool.wake(min(threads - 1, MAX_WORKERS))
    run(_pool.mailboxes, words, _NO_ARRAYS, function, threads, _PAUSE)
