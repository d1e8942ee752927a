"""DataLoader, samplers and datasets give what PyTorch's give: batches, types, lengths, and refusals."""

from __future__ import annotations

import collections
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")


class Point(NamedTuple):
    x: Any
    y: Any


def plain(value: Any) -> Any:
    """A batch as (type, dtype, numbers), in the same words for both libraries."""
    if isinstance(value, (tg.Tensor, torch.Tensor)):
        return str(value.dtype).removeprefix("torch."), value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(item) for item in value]
    return value


numbers = st.floats(-9, 9, width=32)
pairs = st.lists(numbers, min_size=2, max_size=2)
# kind of a part of a sample -> its values, and what makes it of one, with either library
KINDS: dict[str, tuple[Any, Any]] = {
    "int": (st.integers(-9, 9), lambda p, v: v),
    "float": (numbers, lambda p, v: v),
    "bool": (st.booleans(), lambda p, v: v),
    "str": (st.text(max_size=3), lambda p, v: v),
    "bytes": (st.binary(max_size=3), lambda p, v: v),
    "float32": (numbers, lambda p, v: np.float32(v)),
    "float64": (numbers, lambda p, v: np.float64(v)),
    "int16": (st.integers(0, 9), lambda p, v: np.int16(v)),
    "array": (pairs, lambda p, v: np.array(v)),
    "tensor": (pairs, lambda p, v: p.tensor(v)),
    "index": (st.integers(0, 9), lambda p, v: p.tensor(v)),
}
CONTAINERS: dict[str, Any] = {
    "tuple": tuple,
    "list": list,
    "dict": lambda parts: {f"key {i}": part for i, part in enumerate(parts)},
    "ordered": lambda parts: collections.OrderedDict((i, part) for i, part in enumerate(parts)),
    "named": lambda parts: Point(parts[0], parts[-1]),
}
forms = st.recursive(
    st.sampled_from(sorted(KINDS)),
    lambda inner: st.tuples(st.sampled_from(sorted(CONTAINERS)), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=5,
)


def values_of(form: Any) -> Any:
    """Return a strategy of the values that a sample of some form has."""
    return KINDS[form][0] if isinstance(form, str) else st.tuples(*map(values_of, form[1]))


def sample_of(p: Any, form: Any, values: Any) -> Any:
    if isinstance(form, str):
        return KINDS[form][1](p, values)
    container, parts = form
    return CONTAINERS[container]([sample_of(p, *pair) for pair in zip(parts, values, strict=True)])


@given(data=st.data(), form=forms, batch_size=st.none() | st.integers(1, 4), drop_last=st.booleans())
def test_samples_of_any_form_make_pytorchs_batches(data: Any, form: Any, batch_size: Any, drop_last: bool) -> None:
    values = data.draw(st.lists(values_of(form), min_size=1, max_size=5))
    drop_last = drop_last and batch_size is not None
    results = []
    for p in (tg, torch):
        samples = [sample_of(p, form, value) for value in values]
        loader = p.utils.data.DataLoader(samples, batch_size, drop_last=drop_last)
        results.append((len(loader), [plain(batch) for batch in loader]))
    assert results[0] == results[1]


class Squares:
    """Samples by index only."""

    def __init__(self, p: Any, n: int = 7) -> None:
        self.p, self.n = p, n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> Any:
        if i >= self.n:
            raise IndexError(i)
        return self.p.tensor([i, i * i]), str(i)


def stream(p: Any, n: int) -> Any:
    class Stream(p.utils.data.IterableDataset):
        def __iter__(self) -> Any:
            return iter(range(n))

        def __len__(self) -> int:
            return n

    return Stream()


def at_once(p: Any) -> Any:
    class Several(Squares):
        def __getitems__(self, indices: list[int]) -> list[Any]:
            return [(self.p.tensor(-i), "several") for i in indices]

    return Several(p)


LOADERS: dict[str, Any] = {
    "no batches": lambda p, d: d.DataLoader(Squares(p), batch_size=None),
    "batch sampler": lambda p, d: d.DataLoader(Squares(p), batch_sampler=[[0, 3], [2], [1, 1, 1]]),
    "BatchSampler": lambda p, d: d.DataLoader(
        Squares(p), batch_sampler=d.BatchSampler(d.SequentialSampler(range(5)), 2, True)
    ),
    "sampler": lambda p, d: d.DataLoader(Squares(p), 3, sampler=[6, 0, 0, 2]),
    "sampler of tensors": lambda p, d: d.DataLoader(
        p.utils.data.TensorDataset(p.arange(9)), 2, sampler=p.arange(3)
    ),
    "keys": lambda p, d: d.DataLoader({"a": 1, "b": 2}, sampler=["b", "a", "b"], batch_size=2),
    "collate_fn": lambda p, d: d.DataLoader(Squares(p), 3, collate_fn=lambda batch: [text for _, text in batch]),
    "own sampler": lambda p, d: d.DataLoader(Squares(p), 4, sampler=backwards(d)(range(7))),
    "positions": lambda p, d: d.DataLoader(Squares(p), 2, False, None, None, 0, None, False, True),
    "iterable": lambda p, d: d.DataLoader(stream(p, 5), 2),
    "iterable, full": lambda p, d: d.DataLoader(stream(p, 5), 2, drop_last=True),
    "iterable, no batches": lambda p, d: d.DataLoader(stream(p, 5), batch_size=None),
    "chained": lambda p, d: d.DataLoader(stream(p, 3) + stream(p, 2), 2),
    "chain": lambda p, d: d.DataLoader(d.ChainDataset([stream(p, 3), stream(p, 4)]), 3),
    "concatenated": lambda p, d: d.DataLoader(
        d.ConcatDataset([Squares(p, 2), Squares(p, 3), [(p.ones(2), "b")]]), 4
    ),
    "sum": lambda p, d: d.DataLoader(
        d.TensorDataset(p.arange(3)) + d.TensorDataset(p.arange(2)), 2, sampler=[4, 0, -1, -5]
    ),
    "stacked": lambda p, d: d.DataLoader(d.StackDataset(range(3), ["a", "b", "c"]), 2),
    "stacked by name": lambda p, d: d.DataLoader(d.StackDataset(x=range(3), y=[0.5, 1.5, 2.5]), 2),
    "subset": lambda p, d: d.DataLoader(d.Subset(Squares(p), [5, 1, 1]), 2),
    "subset of a subset": lambda p, d: d.DataLoader(d.Subset(d.Subset(Squares(p), [5, 1, 3]), [2, 0]), 2),
    "several samples at once": lambda p, d: d.DataLoader(at_once(p), 3),
    "tensors": lambda p, d: d.DataLoader(d.TensorDataset(p.ones(5, 2), p.arange(5)), 2),
    "subclass": lambda p, d: d.DataLoader(numbered(d)(p.ones(5, 2)), 2),
    "lines": lambda p, d: d.DataLoader(["one", "two", "three"], 2),
    "convert": lambda p, d: [d.default_convert({"a": np.ones(2), "b": ("x", 1.5)})],
    "attributes": lambda p, d: [
        (len(loader.sampler), len(loader.batch_sampler), len(loader.dataset), loader.batch_size, loader.drop_last)
        for loader in [d.DataLoader(Squares(p), 3, shuffle=True)]
    ],
    "workers": lambda p, d: [d.get_worker_info()],
    "modules": lambda p, d: [type(d.DataLoader(Squares(p), 3, shuffle=True).sampler).__name__],
}


def backwards(d: Any) -> Any:
    class Backwards(d.RandomSampler):
        def __iter__(self) -> Any:
            return iter(range(len(self.data_source)))

    return Backwards


def numbered(d: Any) -> Any:
    class Numbered(d.TensorDataset):
        def __getitem__(self, index: int) -> Any:
            return (*super().__getitem__(index), index)

    return Numbered


@pytest.mark.parametrize("name", LOADERS)
def test_a_loader_gives_what_pytorchs_gives(name: str) -> None:
    made = [LOADERS[name](p, p.utils.data) for p in (tg, torch)]
    assert len(made[0]) == len(made[1])
    for _ in range(2):
        ours, theirs = ([plain(batch) for batch in loader] for loader in made)
        assert ours == theirs


REFUSED: dict[str, Any] = {
    "sampler and shuffle": lambda d: d.DataLoader([1], sampler=[0], shuffle=True),
    "batch sampler and size": lambda d: d.DataLoader([1], 2, batch_sampler=[[0]]),
    "batch sampler and sampler": lambda d: d.DataLoader([1], sampler=[0], batch_sampler=[[0]]),
    "batch sampler and drop_last": lambda d: d.DataLoader([1], drop_last=True, batch_sampler=[[0]]),
    "no batches and drop_last": lambda d: d.DataLoader([1], batch_size=None, drop_last=True),
    "timeout": lambda d: d.DataLoader([1], timeout=-1),
    "no workers to prefetch": lambda d: d.DataLoader([1], prefetch_factor=2),
    "no workers to persist": lambda d: d.DataLoader([1], persistent_workers=True),
    "workers": lambda d: d.DataLoader([1], num_workers=-1),
    "no draws": lambda d: d.RandomSampler([1, 2], num_samples=0),
    "replacement": lambda d: d.RandomSampler([1, 2], replacement=3),
    "batch of none": lambda d: d.BatchSampler([1], 0, False),
    "weighted: none": lambda d: d.WeightedRandomSampler([1.0], 0),
    "weighted: too many": lambda d: list(d.WeightedRandomSampler([1.0, 1.0], 3, replacement=False)),
    "concatenate none": lambda d: d.ConcatDataset([]),
    "stack none": lambda d: d.StackDataset(),
    "stack lengths": lambda d: d.StackDataset([1], [1, 2]),
    "collate None": lambda d: d.default_collate([None]),
    "collate lengths": lambda d: d.default_collate([[1, 2], [1]]),
    "fractions": lambda d: d.random_split([1, 2], [0.5, 0.6]),
    "lengths": lambda d: d.random_split([1, 2], [1, 2]),
    "length of a stream": lambda d: len(d.DataLoader(d.IterableDataset())),
    "beyond the end": lambda d: d.ConcatDataset([[1], [2]])[2],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_is_refused(name: str) -> None:
    for p in (torch, tg):
        with pytest.raises((ValueError, TypeError, RuntimeError, IndexError, AssertionError)):
            REFUSED[name](p.utils.data)


@pytest.mark.parametrize("num_samples", [3, 7, 20])
@pytest.mark.parametrize("replacement", [False, True])
def test_random_samplers_draw_as_many_and_what_pytorchs_draw(num_samples: int, replacement: bool) -> None:
    counts = []
    for p in (tg, torch):
        sampler = p.utils.data.RandomSampler(range(7), replacement, num_samples)
        drawn = list(sampler)
        assert len(sampler) == len(drawn) == num_samples
        assert set(drawn) <= set(range(7))
        counts.append(sorted(collections.Counter(drawn[: num_samples // 7 * 7]).values()))
    assert replacement or counts[0] == counts[1]


def test_weights_decide_how_often() -> None:
    weights = [0.0, 1.0, 3.0, 0.0]
    for p in (tg, torch):
        p.manual_seed(0)
        counts = collections.Counter(p.utils.data.WeightedRandomSampler(weights, 8000))
        assert counts.keys() == {1, 2}
        assert counts[2] / 8000 == pytest.approx(0.75, abs=0.03)
        assert set(p.utils.data.WeightedRandomSampler(p.tensor(weights), 2, replacement=False)) == {1, 2}
