"""A training step to be interrupted, and ways to interrupt it: at each moment, by signals, finalisers and forks."""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_cnn as tg

F = tg.nn.functional


class Step:
    """Training steps on arrays that are large enough for the memory pool and for compiled kernels.

    Steps of different seeds have the same shapes, so that one could be given the buffers of another.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        shapes = (16, 2, 32, 32), (8, 2, 3, 3), (20, 1800)
        self.images, self.filters, self.weight = (rng.standard_normal(s).astype(np.float32) for s in shapes)
        self.wanted = self.run()

    def run(self) -> list[np.ndarray]:
        """Return the loss, gradients and parameters after an update in place, and the new outputs."""
        filters, weight = (tg.tensor(a, requires_grad=True) for a in (self.filters, self.weight))
        with tg.enable_grad():
            loss = (self.output(filters, weight) * 0.01).square().mean()
            loss.backward()
        with tg.no_grad():
            filters.sub_(filters.grad * 0.1)
            weight.sub_(weight.grad * 0.1)
            outputs = self.output(filters, weight)
        return [t.array.copy() for t in (loss, filters.grad, weight.grad, filters, weight, outputs)]

    def output(self, filters: tg.Tensor, weight: tg.Tensor) -> tg.Tensor:
        hidden = F.max_pool2d(tg.conv2d(tg.tensor(self.images), filters).relu(), 2)
        return F.linear(hidden.flatten(1), weight)

    def check(self) -> None:
        """Compute once more, and compare."""
        for found, wanted in zip(self.run(), self.wanted, strict=True):
            assert np.abs(found - wanted).max() < 1e-3, "another computation has written to this one's memory"

    def check_in_blocks(self) -> None:
        """Compute once more in a ``with`` block that chooses the kernels."""
        with tg.use_kernels(os.environ["TINYGRAD_CNN_KERNELS"]):
            self.check()


def at_each_moment(
    program: Callable[[], object], other: Callable[[], object], every: int = 1, without: str = ""
) -> int:
    """Run a program again and again, each time with another function at the next moment; return how often.

    A moment is when a function, Python's or C's, is called or returns: there a profiler may run any code. Signal
    handlers and finalisers run at some of these moments: handlers never before a call of C, ``without="c_call"``.
    """
    moment, seen, times = random.randrange(every), 0, 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal seen
        seen += event != without
        if seen == moment and event != without:
            other()

    while seen >= moment or times == 0:
        moment, seen, times = moment + every, 0, times + 1
        sys.setprofile(profile)
        try:
            program()
        finally:
            sys.setprofile(None)
    return times


def with_signals(program: Callable[[], object], other: Callable[[], object], seconds: float) -> int:
    """Run a program again and again, while a signal handler runs another function; return how often it did."""
    times = 0

    def handle(*_: object) -> None:
        nonlocal times
        other()
        times += 1
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 5e-3))

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 1e-3)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        program()
    signal.setitimer(signal.ITIMER_REAL, 0)
    return times


def with_finalisers(program: Callable[[], object], other: Callable[[], object], seconds: float) -> int:
    """Run a program while the garbage collector runs another function: in ``__del__`` and in its callbacks."""
    times, is_inside = 0, False

    def once(*_: object) -> None:
        nonlocal times, is_inside
        if not is_inside:
            is_inside = True
            other()
            is_inside, times = False, times + 1

    class Garbage:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            once()

    before = gc.get_threshold()
    gc.callbacks.append(once)
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            gc.set_threshold(random.randrange(5, 200))
            Garbage()
            program()
    finally:
        gc.callbacks.remove(once)
        gc.set_threshold(*before)
    return times


def with_forks(program: Callable[[], object], other: Callable[[], object], forks: int) -> None:
    """Fork while another thread runs a program; each child runs another function, and has 30 seconds for it."""

    def work() -> None:
        while not ended:
            program()

    ended = False
    worker = threading.Thread(target=work)
    worker.start()
    for _ in range(forks):
        time.sleep(random.uniform(0, 3e-3))
        child = os.fork()
        if child == 0:
            status = 1
            try:
                signal.alarm(30)
                other()
                status = 0
            finally:
                os._exit(status)
        status = os.waitpid(child, 0)[1]
        assert status == 0, "a child hung" if status == signal.SIGALRM else "a child failed"
    ended = True
    worker.join()
