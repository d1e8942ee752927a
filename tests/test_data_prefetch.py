"""Batches that a thread reads ahead: the same ones, whatever the number of workers and when each is read."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.data import BatchSampler, DataLoader, RandomSampler, SyntheticDigits
from tinygrad_cnn.data.transforms import Compose, ElasticTransform, RandomAffine, RandomErasing
from tinygrad_cnn.random import default_generator

DISTORTIONS = Compose([RandomAffine(12, (0.1, 0.1)), ElasticTransform(34.0, 4.0), RandomErasing()])
DIGITS = SyntheticDigits(size=24, transform=DISTORTIONS)


class Noise:
    """A data set whose samples are drawn when they are read."""

    def __init__(self, length: int) -> None:
        self.length, self.readers = length, set[str]()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[int, float]:
        self.readers.add(threading.current_thread().name)
        return index, float(default_generator().random())


def ways(data: Any, generator: Any, **options: Any) -> list[DataLoader]:
    """Loaders of each kind of order."""
    drawn = RandomSampler(data, replacement=True, num_samples=9, generator=generator)
    return [
        DataLoader(data, 4, shuffle=True, generator=generator, **options),
        DataLoader(data, 3, sampler=[2, 0, 1, 1], generator=generator, **options),
        DataLoader(data, batch_sampler=BatchSampler(drawn, 2, False), generator=generator, **options),
        DataLoader(data, None, generator=generator, **options),
        DataLoader(data, 5, sampler=iter([3, 1, 2]), generator=generator, **options),
    ]


def arrays(batch: Any) -> list[list[float]]:
    return [np.asarray(part).tolist() for part in batch]


@given(
    way=st.integers(0, 4), seed=st.integers(0, 9), workers=st.integers(1, 5), factor=st.integers(1, 4) | st.none()
)
def test_the_batches_depend_on_the_seed_alone(way: int, seed: int, workers: int, factor: int | None) -> None:
    def read(pause: float = 0.0, **options: Any) -> list[Any]:
        tg.manual_seed(seed)
        seen = []
        for batch in ways(Noise(7), None, **options)[way]:
            time.sleep(pause)
            seen.append(arrays(batch))
        return [*seen, default_generator().random()]

    one = read(num_workers=1)
    assert read(0.001, num_workers=workers, prefetch_factor=factor) == one
    numbers = np.ravel(np.concatenate([np.atleast_1d(batch[1]) for batch in one[:-1]]))
    assert len(set(numbers.tolist())) == len(numbers)


def test_each_pass_draws_anew() -> None:
    loader = DataLoader(Noise(6), 2, num_workers=1)
    assert [arrays(b) for b in loader] != [arrays(b) for b in loader]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_distorted_digits_do_not_depend_on_the_number_of_threads(threads: int) -> None:
    def read() -> list[Any]:
        loader = DataLoader(DIGITS, 7, shuffle=True, generator=np.random.default_rng(1), num_workers=2)
        return [images.array.tobytes() for images, _ in loader]

    before = tg.get_num_threads()
    wanted = read()
    try:
        tg.set_num_threads(threads)
        assert read() == wanted
    finally:
        tg.set_num_threads(before)


@given(start=st.integers(0, 4), workers=st.integers(1, 3))
def test_a_pass_may_begin_in_the_middle(start: int, workers: int) -> None:
    loader = DataLoader(Noise(8), 2, shuffle=True, num_workers=workers)
    order, seed = loader.order(), loader.seed_of_pass()
    whole = [arrays(batch) for batch in loader.batches(order, 0, seed)]
    assert [arrays(batch) for batch in loader.batches(order, start, seed)] == whole[start:]


def test_one_thread_reads_and_ends_with_the_pass() -> None:
    data = Noise(40)
    for _ in DataLoader(data, 2, num_workers=4):
        break
    list(DataLoader(data, 2, num_workers=4))
    assert all(name.startswith("DataLoader") for name in data.readers)
    end = time.monotonic() + 5
    while any(t.name.startswith("DataLoader") for t in threading.enumerate()) and time.monotonic() < end:
        time.sleep(0.01)
    assert not any(t.name.startswith("DataLoader") for t in threading.enumerate())


def test_without_workers_the_calling_thread_reads() -> None:
    data = Noise(4)
    list(DataLoader(data, 2))
    assert data.readers == {threading.current_thread().name}


def test_few_batches_are_read_ahead() -> None:
    seen: list[int] = []
    data = [*range(20)]
    batches = iter(DataLoader(data, 1, num_workers=1, collate_fn=lambda part: seen.extend(part) or part[0]))
    assert next(batches) == 0
    time.sleep(0.05)
    assert seen == [0, 1, 2]


def test_an_error_is_raised_in_place_of_its_batch_and_settings_of_the_caller_hold() -> None:
    loader = DataLoader([2.0, 1.0, 0.0, 1.0], 1, num_workers=1, collate_fn=lambda part: 1 / np.float64(part[0]))
    with np.errstate(divide="raise"):
        batches = iter(loader)
        assert [next(batches), next(batches)] == [0.5, 1.0]
        with pytest.raises(FloatingPointError, match="divide by zero"):
            next(batches)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_child_of_a_fork_is_told_that_its_thread_is_missing() -> None:
    batches = iter(DataLoader([*range(9)], 1, num_workers=1))
    next(batches)
    child = os.fork()
    if not child:
        try:
            next(batches)
        except RuntimeError as error:
            os._exit(int("thread of another process" not in str(error)))
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
