"""Threads that help with the bands of compiled kernels, and need no interpreter to do it.

Waking a thread takes some 50 us, as long as a kernel on a small batch. So a helper that has done its band looks out
for the next for a while, as the threads of OpenMP do, before it sleeps. Whoever calls a kernel does the first band,
then those that no helper has begun: it waits for none to be free or awake, and any number of threads may call.

A helper finds its bands in a mailbox of words, of which the first says how matters stand.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import cfunc, njit, types

from tinygrad_cnn.kernels.compiled.atomics import BAND, INT, WORDS, call, let_others_run, look, put, swap
from tinygrad_cnn.kernels.threads import get_num_threads, keep_away
from tinygrad_cnn.typing import Array

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "cache": True}
INLINE: dict[str, Any] = {**OPTIONS, "forceinline": True}
"""For what a kernel calls: a tile that is handed over lies in memory, unless the call disappears."""

ARRAY = types.Array(types.float32, 1, "C", readonly=True, aligned=False)

GRAIN = 600_000
"""Multiplications that are worth a helper: some 5 us, several times what it takes one that is awake to begin."""

PATIENCE = 3000
"""How often a helper looks for work before it sleeps: about a millisecond."""

HELPERS = 63
"""The most helpers there are; further bands are left to the caller."""

FREE, TAKEN, POSTED, BEGUN, DONE = range(5)
MAILBOX = 16  # words, ten of them used: what several helpers write does not share cache lines
TASK = 9


@njit(types.void(WORDS, INT, WORDS, INT, INT, INT), **OPTIONS)
def _write_task(words, at, task, length, band, count):
    for i in range(6):
        words[at + i] = task[i]
    words[at + 6] = length * band // count
    words[at + 7] = length * (band + 1) // count
    words[at + 8] = band


@njit(INT(WORDS, WORDS, types.UniTuple(ARRAY, 4), INT, INT, INT, INT), **OPTIONS)
def _share(mail, plan, arrays, function, length, count, pause):
    task = np.empty(TASK, np.int64)
    task[0], task[1] = function, plan.ctypes.data
    for i in range(4):
        task[2 + i] = arrays[i].ctypes.data
    posted = alone = 0
    for band in range(1, min(count, HELPERS + 1)):
        at = (band - 1) * MAILBOX
        if look(mail, at) == FREE and swap(mail, at, FREE, TAKEN):
            _write_task(mail, at + 1, task, length, band, count)
            put(mail, at, POSTED)
            posted |= 1 << band
    for band in range(count):
        at = (band - 1) * MAILBOX
        if band <= HELPERS and (posted >> band) & 1 and not swap(mail, at, POSTED, FREE):
            while look(mail, at) != DONE:
                let_others_run(pause)
            put(mail, at, FREE)
        else:
            _write_task(task, 0, task, length, band, count)
            call(task, 0)
            alone += band > 0
    return alone


@njit(types.void(WORDS, INT, INT, INT), **OPTIONS)
def _serve(mail, at, patience, pause):
    idle = 0
    while idle < patience:
        if look(mail, at) == POSTED and swap(mail, at, POSTED, BEGUN):
            call(mail, at + 1)
            put(mail, at, DONE)
            idle = 0
        else:
            let_others_run(pause)
            idle += 1


class _Crew:
    """The helpers. They are daemons, started when first wanted."""

    def __init__(self) -> None:
        self.mail = np.zeros(HELPERS * MAILBOX, np.int64)
        self.awake: list[threading.Event] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def wake(self, helpers: int) -> None:
        """See to it that so many helpers look out for work, soon."""
        if len(self.awake) < helpers:
            self._hire(helpers)
        for awake in self.awake[:helpers]:
            if not awake.is_set():
                self.make_room()
                awake.set()

    def make_room(self) -> None:
        keep_away(self._threads)

    def _hire(self, helpers: int) -> None:
        with self._lock:
            for i in range(len(self.awake), helpers):
                awake = threading.Event()
                thread = threading.Thread(
                    target=self._serve, args=(i, awake), name=f"tinygrad_cnn-compiled-{i + 1}", daemon=True
                )
                thread.start()
                self._threads.append(thread)
                self.awake.append(awake)

    def _serve(self, i: int, awake: threading.Event) -> None:
        while awake.wait():
            _serve(self.mail, i * MAILBOX, PATIENCE, _PAUSE)
            awake.clear()  # who posts before he sees it does the band himself


def _system(name: str, library: str | None) -> int:
    """Return the address of a function of the system."""
    return ctypes.cast(ctypes.CDLL(library)[name], ctypes.c_void_p).value or 0


_PAUSE = _system("SwitchToThread", "kernel32") if sys.platform == "win32" else _system("sched_yield", None)
_crew = _Crew()


def _after_fork() -> None:
    global _crew
    _crew = _Crew()  # the child has none of its parent's threads


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def kernel(function: Callable[..., None]) -> int:
    """Compile the band of a kernel, and return its address."""
    return int(cfunc(BAND, cache=True, error_model="numpy")(function).address)


def bands(length: int, cost: float) -> int:
    """Return how many bands of a ``length`` to make of work that costs so many multiplications."""
    return max(1, min(get_num_threads(), length, int(cost / GRAIN)))


def in_bands(
    function: int, plan: Array, arrays: tuple[Array, Array, Array, Array], length: int, count: int
) -> None:
    """Call a kernel on ``count`` bands of range(length): three inputs and an output, of flat memory."""
    if count > 1:
        _crew.wake(min(count - 1, HELPERS))
    if _share(_crew.mail, plan, arrays, function, length, count, _PAUSE):
        _crew.make_room()  # a helper came too late: perhaps the caller has moved to its core
