"""The compiled loops of the thread pool (`thread_pool.py`): posting tasks, running them, and looking for them."""

from __future__ import annotations

from numba import njit

from tinygrad_cnn.kernels.compiled.atomics import (
    call_address,
    compare_exchange,
    data_address,
    load_acquire,
    local_words,
    store_release,
    words_at,
    yield_processor,
)
from tinygrad_cnn.kernels.compiled.exports import INLINE, INT, PLAN, exported
from tinygrad_cnn.kernels.compiled.mailboxes import (
    DONE,
    FREE,
    MAILBOX,
    MAX_WORKERS,
    POSTED,
    RESERVED,
    RUNNING,
    TASK,
)


@njit(**INLINE)
def _write_task(words, at, task, length, band, count):
    for i in range(6):
        words[at + i] = task[i]
    words[at + 6] = length * band // count
    words[at + 7] = length * (band + 1) // count
    words[at + 8] = band


@njit(**INLINE)
def _share(mailboxes, task, length, count, pause):
    """Post all bands but the first, run the first, then what is left; return how many no worker ran."""
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


@exported(INT(INT, INT, INT, INT, INT))
def run_bands(arrays, function, length, count, pause):
    """Run a band's function on bands of range(length); ``arrays``: mailboxes, plan, three inputs, output."""
    task = local_words(TASK)
    task[0] = function
    for i in range(5):
        task[1 + i] = data_address(arrays, i + 1)
    return _share(words_at(data_address(arrays, 0)), task, length, count, pause)


@exported(INT(INT, INT, INT, INT))
def run_program(arrays, function, count, pause):
    """Run a program's parts: number ``count`` first, then those before it on as many threads, then the last one.

    ``arrays`` are mailboxes and the program's words. Return how many parts no worker ran.
    """
    task = local_words(TASK)
    for i in range(TASK):
        task[i] = 0
    task[0], task[1], task[6], task[7] = function, data_address(arrays, 1), count, count + 1
    call_address(task, 0)
    alone = _share(words_at(data_address(arrays, 0)), task, count, count, pause)
    task[6], task[7] = count + 1, count + 2
    call_address(task, 0)
    return alone


@exported(INT(PLAN, INT, INT, INT))
def spin(mailboxes, at, spins, pause):
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
    return idle
