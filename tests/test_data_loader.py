"""DataLoader: every sample once an epoch, in an order that the generator alone decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.data import DataLoader, Subset, TensorDataset

sizes = st.integers(1, 40)


def order(loader: DataLoader) -> list[int]:
    return [i for batch in loader for i in batch.tolist()]


@given(n=sizes, batch_size=sizes, drop_last=st.booleans(), shuffle=st.booleans(), seed=st.integers(0, 9))
def test_each_sample_comes_once(n: int, batch_size: int, drop_last: bool, shuffle: bool, seed: int) -> None:
    loader = DataLoader(range(n), batch_size, shuffle, drop_last=drop_last, generator=np.random.default_rng(seed))
    batches = [batch.tolist() for batch in loader]
    seen = [i for batch in batches for i in batch]
    left_out = n % batch_size if drop_last else 0
    assert len(batches) == len(loader)
    assert len(seen) == len(set(seen)) == n - left_out
    assert set(seen) <= set(range(n))
    assert all(len(batch) == batch_size for batch in batches[: None if drop_last else -1])
    if not shuffle:
        assert seen == list(range(n - left_out))


@given(n=sizes, batch_size=sizes, seed=st.integers(0, 9))
def test_whole_batches_equal_those_made_sample_by_sample(n: int, batch_size: int, seed: int) -> None:
    whole = TensorDataset(tg.rand(n, 2), tg.arange(n))
    loaders = [
        DataLoader(dataset, batch_size, shuffle=True, generator=np.random.default_rng(seed))
        for dataset in (whole, [whole[i] for i in range(n)], Subset(whole, range(n)))
    ]
    for batches in zip(*loaders, strict=True):
        for parts in zip(*batches, strict=True):
            for part in parts[1:]:
                np.testing.assert_array_equal(part.array, parts[0].array, strict=True)


def test_batches_are_fetched_at_once_by_indices() -> None:
    class Recorder:
        asked: list[Any] = []  # noqa: RUF012

        def __len__(self) -> int:
            return 5

        def __getitem__(self, index: int) -> int:
            raise AssertionError("fetched by itself")

        def batch_at(self, indices: Any) -> str:
            self.asked.append(indices.tolist())
            return "a batch"

    assert list(DataLoader(Recorder(), batch_size=2)) == ["a batch"] * 3
    assert Recorder.asked == [[0, 1], [2, 3], [4]]


def test_same_seed_same_order_and_each_epoch_another() -> None:
    epochs = []
    for _ in range(2):
        loader = DataLoader(range(50), 7, shuffle=True, generator=np.random.default_rng(5))
        epochs.append([order(loader), order(loader)])
    assert epochs[0] == epochs[1]
    assert epochs[0][0] != epochs[0][1]
    assert epochs[0][0] != list(range(50))


def test_order_without_a_generator_comes_from_the_seeded_default() -> None:
    loader = DataLoader(range(50), 7, shuffle=True)
    orders = []
    for _ in range(2):
        tg.manual_seed(1)
        orders.append(order(loader))
    assert orders[0] == orders[1]
    state = np.random.get_state(legacy=False)["state"]["key"]  # noqa: NPY002
    order(loader)
    np.testing.assert_array_equal(np.random.get_state(legacy=False)["state"]["key"], state)  # noqa: NPY002


def test_loader_in_order_draws_nothing() -> None:
    generator = np.random.default_rng(0)
    before = generator.bit_generator.state
    order(DataLoader(range(5), generator=generator))
    assert generator.bit_generator.state == before


def test_order_is_drawn_when_the_iterator_is_made() -> None:
    loader = DataLoader(range(50), 50, shuffle=True, generator=np.random.default_rng(5))
    first, second = iter(loader), iter(loader)
    later, sooner = next(second).tolist(), next(first).tolist()
    again = DataLoader(range(50), 50, shuffle=True, generator=np.random.default_rng(5))
    assert [sooner, later] == [order(again), order(again)]


def test_iterators_do_not_disturb_one_another() -> None:
    loader = DataLoader(range(10), 3, shuffle=True, generator=np.random.default_rng(0))
    pairs = list(zip(loader, loader, strict=True))
    for seen in zip(*pairs, strict=True):
        assert sorted(i for batch in seen for i in batch.tolist()) == list(range(10))
    abandoned = iter(loader)
    next(abandoned)
    assert sorted(order(loader)) == list(range(10))


def test_loader_shorter_than_a_batch_has_none_with_drop_last() -> None:
    loader = DataLoader(range(3), batch_size=4, drop_last=True)
    assert len(loader) == 0
    assert list(loader) == []


@pytest.mark.parametrize("batch_size", [0, -1, 2.0, "2"])
def test_batch_size_must_be_a_positive_integer(batch_size: Any) -> None:
    with pytest.raises(
        ValueError, match=f"DataLoader: batch_size is {batch_size!r}; wanted an integer of at least 1"
    ):
        DataLoader(range(3), batch_size)


def test_what_cannot_be_loaded_is_refused() -> None:
    with pytest.raises(ValueError, match="DataLoader: the dataset is empty"):
        DataLoader([])
    with pytest.raises(TypeError, match="DataLoader: set is no dataset"):
        DataLoader({1, 2})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="DataLoader: generator is 42; wanted"):
        DataLoader(range(3), generator=42)  # type: ignore[arg-type]


def test_a_sampler_gives_the_order_and_collate_fn_the_batch() -> None:
    loader = DataLoader(
        [5, 6, 7, 8], batch_size=2, sampler=[3, 0, 2], collate_fn=tuple, num_workers=2, pin_memory=True
    )
    assert len(loader) == 2
    assert list(loader) == [(8, 5), (7,)]
    with pytest.raises(ValueError, match="a sampler gives the order"):
        DataLoader([1, 2], shuffle=True, sampler=[0])


@given(n=sizes, batch_size=sizes, start=st.integers(0, 5))
def test_a_pass_may_begin_in_the_middle(n: int, batch_size: int, start: int) -> None:
    loader = DataLoader(range(n), batch_size)
    whole = [batch.tolist() for batch in loader]
    assert [batch.tolist() for batch in loader.batches(loader.order(), start)] == whole[start:]
