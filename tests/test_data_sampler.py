"""Samplers: what is drawn, how often, and never more of it at once than must be."""

from __future__ import annotations

import collections
import tracemalloc
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from tinygrad_cnn.data.sampler import in_batches
from tinygrad_cnn.training import Callback, Trainer

sizes = st.integers(1, 30)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


ALL: dict[str, Any] = {
    "in order": lambda n, seed: SequentialSampler(range(n)),
    "random": lambda n, seed: RandomSampler(range(n), generator=rng(seed)),
    "several orders": lambda n, seed: RandomSampler(range(n), num_samples=2 * n + 3, generator=rng(seed)),
    "some": lambda n, seed: RandomSampler(range(n), num_samples=(n + 1) // 2, generator=rng(seed)),
    "with replacement": lambda n, seed: RandomSampler(range(n), True, 2 * n, rng(seed)),
    "subset": lambda n, seed: SubsetRandomSampler([i * 7 for i in range(n)], rng(seed)),
    "weighted": lambda n, seed: WeightedRandomSampler(np.arange(1.0, n + 1).tolist(), 3 * n, generator=rng(seed)),
    "weighted, once each": lambda n, seed: WeightedRandomSampler([1.0] * n, n, False, rng(seed)),
}


@pytest.mark.parametrize("name", ALL)
@given(n=sizes, size=sizes, seed=st.integers(0, 9))
def test_a_sampler_has_its_length_and_full_batches(name: str, n: int, size: int, seed: int) -> None:
    sampler = ALL[name](n, seed)
    drawn = list(sampler)
    assert len(drawn) == len(sampler)
    assert all(type(i) is int for i in drawn)
    lengths = [len(batch) for batch in in_batches(ALL[name](n, seed), size)]
    assert lengths == [size] * (len(sampler) // size) + [len(sampler) % size] * (len(sampler) % size > 0)
    loader = DataLoader(range(7 * n), size, sampler=ALL[name](n, seed))
    assert len(loader) == len(lengths)
    assert [len(batch) for batch in loader] == lengths
    if name != "with replacement":
        assert [i for batch in loader for i in batch.tolist()] != [] or not n


@pytest.mark.parametrize("name", ["in order", "random", "several orders", "some", "subset", "weighted, once each"])
@given(n=sizes, seed=st.integers(0, 9))
def test_without_replacement_each_index_comes_once_before_one_comes_twice(name: str, n: int, seed: int) -> None:
    step = 7 if name == "subset" else 1
    drawn = [i // step for i in ALL[name](n, seed)]
    for start in range(0, len(drawn), n):
        part = drawn[start : start + n]
        assert len(set(part)) == len(part)
        assert set(part) <= set(range(n))


@given(n=sizes, num_samples=st.integers(1, 100), batch_size=sizes, drop_last=st.booleans())
def test_lists_of_a_batch_sampler(n: int, num_samples: int, batch_size: int, drop_last: bool) -> None:
    sampler = BatchSampler(SequentialSampler(range(n)), batch_size, drop_last)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    assert [i for batch in batches for i in batch] == list(range(n - n % batch_size if drop_last else n))
    assert batches == list(BatchSampler(iter(range(n)), batch_size, drop_last))


def test_draws_have_the_frequencies_of_the_weights() -> None:
    weights = np.array([1.0, 0.0, 3.0, 4.0])
    counts = collections.Counter(WeightedRandomSampler(weights, 40_000, generator=rng()))
    found = np.array([counts[i] for i in range(4)]) / 40_000
    np.testing.assert_allclose(found, weights / 8, atol=0.01)
    uniform = collections.Counter(RandomSampler(range(5), True, 50_000, rng()))
    np.testing.assert_allclose([uniform[i] / 50_000 for i in range(5)], 0.2, atol=0.01)


HUGE = 10**10


@pytest.mark.parametrize(
    "loader",
    [
        lambda: DataLoader(range(10), 4, sampler=RandomSampler(range(10), True, HUGE)),
        lambda: DataLoader(range(10), 4, sampler=RandomSampler(range(10), num_samples=HUGE)),
        lambda: DataLoader(range(10), 4, sampler=WeightedRandomSampler([1.0] * 10, HUGE)),
        lambda: DataLoader(range(HUGE), 4),
        lambda: DataLoader(range(10), batch_sampler=BatchSampler(WeightedRandomSampler([1.0] * 10, HUGE), 4, True)),
        lambda: DataLoader(range(10), None, sampler=RandomSampler(range(10), True, HUGE)),
    ],
)
def test_a_sampler_of_billions_is_never_listed(loader: Any) -> None:
    tracemalloc.start()
    try:
        made = loader()
        assert len(made) in (HUGE, HUGE // 4)
        for _ in range(2):
            assert len(list(islice(made, 3))) == 3
        assert made.order() is None
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_sampler_of_billions_may_train_a_model() -> None:
    data = tg.data.TensorDataset(tg.ones(3, 1), tg.ones(3, 1))
    model = tg.nn.Linear(1, 1)
    seen = []

    class Stop(Callback):
        def on_gradients(self, *arguments: Any) -> None:
            seen.append(arguments)
            if len(seen) == 5:
                raise KeyboardInterrupt

    trainer = Trainer(
        model, tg.nn.MSELoss(), tg.optim.SGD(model.parameters(), lr=0.1), callbacks=[Stop()], metric=None
    )
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(DataLoader(data, 2, sampler=RandomSampler(data, True, HUGE)))
    assert len(seen) == 5


def test_a_sampler_that_overrides_its_order_is_asked_for_it() -> None:
    class Backwards(RandomSampler):
        def __iter__(self) -> Any:
            return iter(range(len(self.data_source) - 1, -1, -1))

    loader = DataLoader(range(4), 3, sampler=Backwards(range(4)))
    assert [batch.tolist() for batch in loader] == [[3, 2, 1], [0]]
    assert loader.order().tolist() == [3, 2, 1, 0]


def test_a_sampler_of_a_users_own() -> None:
    class Twice(Sampler[int]):
        def __iter__(self) -> Any:
            return iter([1, 1, 0])

    assert [batch.tolist() for batch in DataLoader([5, 6], 2, sampler=Twice())] == [[6, 6], [5]]
    with pytest.raises(TypeError, match="has no len"):
        len(DataLoader([5, 6], 2, sampler=Twice()))
    with pytest.raises(NotImplementedError, match=r"Sampler: __iter__\(\) is not defined"):
        list(DataLoader([5, 6], 2, sampler=Sampler()))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomSampler([1], num_samples=0), "RandomSampler: num_samples is 0"),
        (lambda: RandomSampler([1], replacement="yes"), "RandomSampler: replacement is 'yes'"),
        (lambda: RandomSampler([1], generator=3), "RandomSampler: generator is 3"),
        (lambda: SubsetRandomSampler([1], 3), "SubsetRandomSampler: generator is 3"),
        (lambda: WeightedRandomSampler([1.0], 2.5), "WeightedRandomSampler: num_samples is 2.5"),
        (lambda: WeightedRandomSampler([0.0, 0.0], 2), "WeightedRandomSampler: weights are .*not all 0"),
        (lambda: WeightedRandomSampler([-1.0, 2.0], 2), "WeightedRandomSampler: weights are"),
        (lambda: WeightedRandomSampler([float("nan")], 2), "WeightedRandomSampler: weights are"),
        (lambda: WeightedRandomSampler([[1.0]], 2), "WeightedRandomSampler: weights are"),
        (
            lambda: WeightedRandomSampler([1.0, 0.0], 2, replacement=False),
            "WeightedRandomSampler: cannot draw 2 without replacement: 1 weights are not 0",
        ),
        (lambda: BatchSampler(3, 2, False), "BatchSampler: sampler is 3"),
        (lambda: BatchSampler([1], 0, False), "BatchSampler: batch_size is 0"),
        (lambda: BatchSampler([1], 1, "no"), "BatchSampler: drop_last is 'no'"),
        (lambda: DataLoader([1], prefetch_factor=2), "DataLoader: prefetch_factor is for workers"),
        (lambda: DataLoader([1], timeout=3), "DataLoader: timeout is for workers"),
        (lambda: DataLoader([1], persistent_workers=True), "DataLoader: persistent_workers is for workers"),
        (lambda: DataLoader([1], multiprocessing_context="fork"), "DataLoader: multiprocessing_context is for"),
        (lambda: DataLoader([1], 2, batch_sampler=[[0]]), "DataLoader: a batch_sampler gives the batches"),
        (lambda: DataLoader([1], None, drop_last=True), "DataLoader: with batch_size=None there are no batches"),
        (lambda: DataLoader(3, sampler=[0]), "DataLoader: int is no dataset; wanted samples by index"),
    ],
)
def test_what_is_wrong_is_named(make: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_options_of_workers_are_accepted() -> None:
    loader = DataLoader(
        range(3),
        2,
        num_workers=2,
        timeout=5,
        worker_init_fn=print,
        multiprocessing_context="spawn",
        prefetch_factor=2,
        persistent_workers=True,
        pin_memory=True,
        pin_memory_device="cuda",
        in_order=True,
    )
    assert [batch.tolist() for batch in loader] == [[0, 1], [2]]
