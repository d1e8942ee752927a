"""Datasets: a batch is its samples stacked, however it was fetched; a split gives each sample to one subset."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.data import Dataset, Subset, TensorDataset, default_collate, random_split
from tinygrad_cnn.data.dataset import batch_of
from tinygrad_cnn.kernels.batch_innermost import is_batch_innermost


class Squares(Dataset):
    """Samples one by one only: (a row, its number, half its square)."""

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> tuple[tg.Tensor, int, float]:
        return tg.full((2, 3), float(index)), index, index * index / 2


def assert_same(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    if isinstance(a, (tuple, list)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    else:
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a.array, b.array, strict=True)


def tensors(n: int) -> tuple[tg.Tensor, tg.Tensor]:
    return tg.rand(n, 2, 3), tg.arange(n)


def images(n: int) -> tg.Tensor:
    return tg.rand(n, 2, 3, 4)


indices = st.lists(st.integers(-12, 11), min_size=1, max_size=20)


@given(indices=indices, deeper=st.booleans())
def test_whole_batch_equals_sample_by_sample(indices: list[int], deeper: bool) -> None:
    dataset: Any = TensorDataset(*tensors(12), images(12))
    if deeper:
        dataset = Subset(dataset, np.random.default_rng(0).integers(-12, 12, 12))
    assert_same(dataset.batch_at(indices), default_collate([dataset[i] for i in indices]))


@given(indices=indices)
def test_subset_of_a_dataset_without_batches_makes_them(indices: list[int]) -> None:
    subset = Subset(Squares(), range(11, -1, -1))
    rows, numbers, halves = subset.batch_at(indices)
    wanted = [range(11, -1, -1)[i] for i in indices]
    assert numbers.tolist() == wanted
    assert halves.tolist() == [i * i / 2 for i in wanted]
    assert rows.shape == (len(indices), 2, 3)
    assert (rows.dtype, numbers.dtype, halves.dtype) == (tg.float32, tg.int64, tg.float64)


def test_tensor_dataset_takes_a_batch_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    getitem = tg.Tensor.__getitem__
    monkeypatch.setattr(tg.Tensor, "__getitem__", lambda t, i: taken.append(i) or getitem(t, i))
    dataset = TensorDataset(*tensors(12))
    dataset.batch_at(range(10))
    assert not taken
    dataset[0]
    assert len(taken) == 2


@given(indices=indices)
def test_images_of_a_batch_lie_as_convolutions_want_them_in_memory_of_their_own(indices: list[int]) -> None:
    whole = images(12)
    (batch,) = TensorDataset(whole).batch_at(indices)
    assert is_batch_innermost(batch.array)
    assert not np.shares_memory(batch.array, whole.array)


def test_batches_of_differentiable_tensors_are_recorded() -> None:
    x = tg.ones(3, requires_grad=True)
    (batch,) = TensorDataset(x).batch_at([0, 0, 2])
    batch.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 0.0, 1.0]


def test_empty_batch_keeps_the_shape() -> None:
    rows, numbers = TensorDataset(*tensors(12)).batch_at([])
    assert (rows.shape, numbers.shape) == ((0, 2, 3), (0,))


def test_datasets_end_when_iterated_over() -> None:
    assert len(list(TensorDataset(*tensors(3)))) == len(list(Subset(Squares(), [1, 5, 2]))) == 3  # type: ignore


@pytest.mark.parametrize("make", [lambda: TensorDataset(*tensors(3)), lambda: Subset(Squares(), [0, 1, 2])])
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ([0, 3], IndexError, "index 3 is out of range for 3 samples"),
        ([0, -4], IndexError, "index -4 is out of range for 3 samples"),
        ([1.0], TypeError, "wanted a sequence of integers as indices, got float64"),
        ([True, False, True], TypeError, "got bool"),
        ([[0, 1]], TypeError, r"of shape \(1, 2\)"),
        (1, TypeError, r"of shape \(\)"),
    ],
)
def test_wrong_indices_are_named(make: Any, wrong: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make().batch_at(wrong)


def test_subset_checks_its_indices_when_made() -> None:
    with pytest.raises(IndexError, match="Subset: index 12 is out of range for 12 samples"):
        Subset(Squares(), [3, 12])
    with pytest.raises(IndexError, match="Subset: index 2 is out of range for 2 samples"):
        Subset(Squares(), [3, 4])[2]


def test_tensor_dataset_wants_tensors_of_one_length() -> None:
    with pytest.raises(TypeError, match="wanted tensors, got nothing"):
        TensorDataset()
    with pytest.raises(TypeError, match="wanted tensors, got Tensor, list"):
        TensorDataset(tg.ones(3), [1, 2, 3])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"of one length, got shapes \(3, 2\), \(4,\)"):
        TensorDataset(tg.ones(3, 2), tg.ones(4))
    with pytest.raises(ValueError, match=r"got shapes \(\)"):
        TensorDataset(tg.tensor(1.0))


def test_a_dataset_without_samples_says_so_when_one_is_asked_for() -> None:
    class Half(Dataset[int]):
        def __len__(self) -> int:
            return 1

    with pytest.raises(NotImplementedError, match=r"Half: __getitem__\(\) is not defined"):
        Half()[0]


@pytest.mark.parametrize(
    ("samples", "batch"),
    [
        ([1, 2], tg.tensor([1, 2])),
        ([1, 2.5], tg.tensor([1.0, 2.5])),
        ([True, False], tg.tensor([True, False])),
        ([np.float64(1), np.float64(2)], tg.tensor([1.0, 2.0], tg.float64)),
        ([2.5, 1], tg.tensor([2.5, 1], tg.float64)),
        ([np.int8(1), np.int8(2)], tg.tensor([1, 2], tg.int8)),
        ([np.ones(2, np.float32)] * 2, tg.ones(2, 2)),
        ([tg.tensor(1), tg.tensor(2)], tg.tensor([1, 2])),
        ([(1, (2.0,)), [3, (4.0,)]], [tg.tensor([1, 3]), [tg.tensor([2.0, 4.0], tg.float64)]]),
    ],
)
def test_samples_are_stacked(samples: list[Any], batch: Any) -> None:
    assert_same(default_collate(samples), batch)


def test_samples_that_make_no_batch_are_refused() -> None:
    with pytest.raises(TypeError, match="default_collate: cannot make one batch of NoneType; wanted tensors"):
        default_collate([None, None])
    with pytest.raises(TypeError, match="cannot make one batch of Tensor, int"):
        default_collate([1, tg.tensor(1)])
    with pytest.raises(TypeError, match="cannot make one batch of int, tuple"):
        default_collate([(1,), 1])
    with pytest.raises(ValueError, match=r"wanted samples of as many parts each, got \[1, 2\]"):
        default_collate([(1,), (1, 2)])
    with pytest.raises(ValueError, match="wanted at least one sample"):
        Subset(Squares(), [1]).batch_at([])
    for samples in ([tg.ones(2), tg.ones(3)], [np.ones(2), np.ones(3)]):
        with pytest.raises(ValueError, match=r"wanted tensors of one shape, got \[\(2,\), \(3,\)\]"):
            default_collate(samples)


def test_lists_are_datasets() -> None:
    assert batch_of([5, 6, 7], np.array([2, 0])).tolist() == [7, 5]


# --- random_split ---


@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_split_gives_each_sample_to_one_subset(lengths: list[int], seed: int) -> None:
    dataset = range(sum(lengths))
    parts = random_split(dataset, lengths, np.random.default_rng(seed))
    assert [len(part) for part in parts] == lengths
    assert sorted(part[i] for part in parts for i in range(len(part))) == list(dataset)
    again = random_split(dataset, lengths, np.random.default_rng(seed))
    assert [p.indices.tolist() for p in again] == [p.indices.tolist() for p in parts]


@given(weights=st.lists(st.integers(1, 50), min_size=1, max_size=6), total=st.integers(0, 1000))
def test_fractions_are_rounded_down_and_the_rest_dealt_from_the_first(weights: list[int], total: int) -> None:
    fractions = [w / sum(weights) for w in weights]
    sizes = [len(part) for part in random_split(range(total), fractions, np.random.default_rng(0))]
    floors = [int(total * f) for f in fractions]
    rest = total - sum(floors)
    assert sum(sizes) == total
    assert sizes == [floor + (i < rest) for i, floor in enumerate(floors)]


def test_split_is_shuffled_by_the_seeded_default() -> None:
    orders = []
    for _ in range(2):
        tg.manual_seed(3)
        orders.append(random_split(range(100), [100])[0].indices.tolist())
    assert orders[0] == orders[1] != list(range(100))


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([5, 4], r"lengths \[5, 4\] add up to 9; the dataset has 10"),
        ([0.5, 0.4], r"fractions \[0.5, 0.4\] add up to 0.9; wanted 1"),
        ([8.0, 2.0], "add up to 10.0; wanted 1"),
        ([11, -1], "none negative"),
        ([1.5, -0.5], "none negative"),
        ([float("nan"), 1.0], "none negative"),
        ([], "at least one"),
    ],
)
def test_lengths_that_do_not_add_up_are_refused(lengths: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=f"random_split: .*{message}"):
        random_split(range(10), lengths)


def test_generator_must_be_one() -> None:
    with pytest.raises(TypeError, match=r"random_split: generator is 42; wanted a numpy.random.Generator"):
        random_split(range(10), [10], 42)  # type: ignore[arg-type]
