"""Samplers: the order in which a loader reads a dataset.

A sampler is any iterable of indices. Those of this file also give their indices in arrays, a batch at a time, and
never list more of them than must be known at once: a sampler of 10^10 draws takes no more memory than one of ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from tinygrad_cnn.creation import as_tensor
from tinygrad_cnn.data.arguments import as_generator, flag, overrides
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.random import GeneratorArgument as Generator
from tinygrad_cnn.support.representation import call_text, length_text
from tinygrad_cnn.typing import Array

Index = TypeVar("Index", covariant=True)
CHUNK = 1024
"""Indices that are drawn at once when a sampler is read one by one."""


class Sampler(Generic[Index]):
    """The base of samplers: subclasses define ``__iter__`` and, for the length of a loader, ``__len__``."""

    def __init__(self, data_source: Any = None) -> None: ...

    def __repr__(self) -> str:
        return call_text(self, *length_text(self, "indices"), without=("data_source",))

    def __iter__(self) -> Iterator[Index]:
        raise NotImplementedError(f"{type(self).__name__}: __iter__() is not defined")


class _InChunks(Sampler[int]):
    """A sampler that gives its indices in arrays: subclasses define `chunks`."""

    def chunks(self, size: int) -> Iterator[Array]:
        """Return an iterator over arrays of ``size`` indices, of which the last may be shorter.

        What is drawn in advance is drawn when the iterator is made.
        """
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        chunks = self.chunks(CHUNK)
        return (index for chunk in chunks for index in chunk.tolist())


class SequentialSampler(_InChunks):
    """The indices of a dataset in order.

    >>> from tinygrad_cnn.data import SequentialSampler
    >>> list(SequentialSampler([7, 8, 9]))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __len__(self) -> int:
        return len(self.data_source)

    def chunks(self, size: int) -> Iterator[Array]:
        """Return an iterator over arrays of ``size`` indices."""
        total = len(self)
        return (np.arange(start, min(start + size, total)) for start in range(0, total, size))


class RandomSampler(_InChunks):
    """The indices of a dataset in random order or, with ``replacement``, drawn independently.

    ``num_samples`` is how many, the dataset's length if left out. More than that, without replacement, are several
    orders one after the other.

    >>> from tinygrad_cnn.utils.data import RandomSampler
    >>> sorted(RandomSampler(range(4)))
    [0, 1, 2, 3]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = flag("RandomSampler", "replacement", replacement)
        self._num_samples = None if num_samples is None else whole("RandomSampler", "num_samples", num_samples, 1)
        if generator is not None:
            as_generator("RandomSampler", generator)
        self.generator = generator

    @property
    def num_samples(self) -> int:
        """How many indices there are."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __len__(self) -> int:
        return self.num_samples

    def chunks(self, size: int) -> Iterator[Array]:
        """Return an iterator over arrays of ``size`` indices."""
        generator = as_generator("RandomSampler", self.generator)
        samples, total = len(self.data_source), self.num_samples
        if self.replacement:
            return (generator.integers(0, samples, n) for n in _lengths(total, size))
        first = generator.permutation(samples)
        if total <= samples:
            return (first[start : min(start + size, total)] for start in range(0, total, size))
        return self._orders(generator, first, size)

    def _orders(self, generator: np.random.Generator, order: Array, size: int) -> Iterator[Array]:
        """Return arrays of indices from one order after the other."""
        left = self.num_samples
        while left:
            part, order = order[: min(size, left)], order[size:]
            while len(part) < min(size, left):
                order = generator.permutation(len(self.data_source))
                missing = min(size, left) - len(part)
                part, order = np.concatenate([part, order[:missing]]), order[missing:]
            left -= len(part)
            yield part


class SubsetRandomSampler(_InChunks):
    """The given indices in random order.

    >>> from tinygrad_cnn.data import SubsetRandomSampler
    >>> sorted(SubsetRandomSampler([3, 5, 8]))
    [3, 5, 8]
    """

    def __init__(self, indices: Sequence[int], generator: Generator = None) -> None:
        self.indices = indices
        if generator is not None:
            as_generator("SubsetRandomSampler", generator)
        self.generator = generator

    def __len__(self) -> int:
        return len(self.indices)

    def chunks(self, size: int) -> Iterator[Array]:
        """Return an iterator over arrays of ``size`` indices."""
        order = as_generator("SubsetRandomSampler", self.generator).permutation(np.asarray(self.indices))
        return (order[start : start + size] for start in range(0, len(order), size))


class WeightedRandomSampler(_InChunks):
    """Indices drawn with probabilities in proportion to weights, with replacement or without.

    >>> from tinygrad_cnn.utils.data import WeightedRandomSampler
    >>> set(WeightedRandomSampler([0.0, 1.0, 0.0], num_samples=5))
    {1}
    """

    def __init__(
        self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Generator = None
    ) -> None:
        name = "WeightedRandomSampler"
        self.num_samples = whole(name, "num_samples", num_samples, 1)
        self.replacement = flag(name, "replacement", replacement)
        self.weights = as_tensor(weights, dtype=np.float64)
        values = self.weights.array
        if values.ndim != 1 or not np.isfinite(values).all() or not (values >= 0).all() or not values.sum() > 0:
            raise ValueError(f"{name}: weights are {weights!r:.60}; wanted finite numbers of at least 0, not all 0")
        if not self.replacement and np.count_nonzero(values) < self.num_samples:
            count = np.count_nonzero(values)
            raise ValueError(f"{name}: cannot draw {num_samples} without replacement: {count} weights are not 0")
        if generator is not None:
            as_generator(name, generator)
        self.generator = generator

    def __len__(self) -> int:
        return self.num_samples

    def chunks(self, size: int) -> Iterator[Array]:
        """Return an iterator over arrays of ``size`` indices."""
        generator = as_generator("WeightedRandomSampler", self.generator)
        shares = self.weights.array / self.weights.array.sum()
        if self.replacement:
            bounds = np.cumsum(shares)
            bounds /= bounds[-1]
            return (np.searchsorted(bounds, generator.random(n), "right") for n in _lengths(len(self), size))
        drawn = generator.choice(len(shares), len(self), replace=False, p=shares)
        return (drawn[start : start + size] for start in range(0, len(drawn), size))


class BatchSampler(Sampler[list[int]]):
    """Lists of ``batch_size`` indices of another sampler.

    >>> from tinygrad_cnn.utils.data import BatchSampler
    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        if not isinstance(sampler, Iterable):
            raise TypeError(f"BatchSampler: sampler is {sampler!r:.60}; wanted an iterable of indices")
        self.sampler = sampler
        self.batch_size = whole("BatchSampler", "batch_size", batch_size, 1)
        self.drop_last = flag("BatchSampler", "drop_last", drop_last)

    def __iter__(self) -> Iterator[list[Any]]:
        for batch in in_batches(self.sampler, self.batch_size):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch if isinstance(batch, list) else batch.tolist()

    def __len__(self) -> int:
        return batches_in(len(self.sampler), self.batch_size, self.drop_last)  # type: ignore[arg-type]


def in_batches(sampler: Iterable[Any], size: int) -> Iterator[Array | list[Any]]:
    """Return an iterator over arrays or lists of ``size`` indices of a sampler."""
    if in_arrays(sampler):
        return sampler.chunks(size)  # type: ignore[attr-defined]
    indices = iter(sampler)
    return iter(lambda: list(islice(indices, size)), [])


def in_arrays(sampler: Any) -> bool:
    """Return whether a sampler gives arrays of indices that are those it gives one by one."""
    return overrides(type(sampler), "chunks", "__iter__")


def batches_in(samples: int, batch_size: int, drop_last: bool) -> int:
    """Return how many batches a number of samples makes."""
    full, rest = divmod(samples, batch_size)
    return full + bool(rest and not drop_last)


def _lengths(total: int, size: int) -> Iterator[int]:
    return (min(size, total - start) for start in range(0, total, size))
