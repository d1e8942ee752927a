"""Batches that a thread reads ahead of the one that uses them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import numpy as np

from tinygrad_cnn.random import manual_seed

AHEAD = 2
"""Batches that are read ahead: one that is ready, and one that is being read."""


def prefetched(
    fetch: Callable[[Any], Any], places: Iterable[Any], seed: int, start: int = 0, ahead: int = AHEAD
) -> Iterator[Any]:
    """Yield fetch(place) for each place, in order, each computed by a thread ``ahead`` of the caller.

    The places are read by the caller's thread. What is drawn at random for number i, counted from ``start``,
    comes from a generator that depends on ``seed`` and i alone: when it is computed does not matter. An error is
    raised where its result would have been.
    """
    process = os.getpid()
    waiting: deque[Future[Any]] = deque()
    reader = ThreadPoolExecutor(1, "DataLoader")
    try:
        for number, place in enumerate(places, start):
            _want_process(process)
            waiting.append(reader.submit(copy_context().run, _fetch, fetch, place, (seed, number)))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            _want_process(process)
            yield waiting.popleft().result()
    finally:
        reader.shutdown(wait=False, cancel_futures=True)


def _fetch(fetch: Callable[[Any], Any], place: Any, seed: tuple[int, int]) -> Any:
    manual_seed(int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]))
    return fetch(place)


def _want_process(process: int) -> None:
    if os.getpid() != process:
        raise RuntimeError(
            "DataLoader: a thread of another process reads the batches of this iterator; wanted iter(loader) here"
        )
