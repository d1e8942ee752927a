"""DataLoader: a dataset in batches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sized
from typing import Any

import numpy as np

from tinygrad_cnn.data.dataset import Dataset, as_generator, as_indices, batch_of, want_dataset
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.typing import Array


class DataLoader:
    """Iterates over a dataset in batches, in order or in an order drawn anew each time.

    A batch is what the dataset's ``__getitems__`` returns for an array of indices, or its samples stacked. Each
    iterator goes its own way, so there may be several at once. The order is drawn when an iterator is made, from
    the generator (this thread's if there is none): same state, same order. With ``drop_last`` a last batch that is
    not full is left out. A sampler gives the order instead; ``collate_fn`` makes a batch of a list of samples.
    ``num_workers`` and ``pin_memory`` are taken for PyTorch's sake, and change nothing. Raises ValueError for a
    batch size below 1 or an empty dataset, TypeError for an argument of the wrong kind.

    >>> from tinygrad_cnn.data import DataLoader
    >>> list(DataLoader([5, 6, 7], batch_size=2))
    [tensor([5, 6]), tensor([7])]
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        generator: np.random.Generator | None = None,
        *,
        sampler: Collection[int] | None = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        num_workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        self.batch_size = whole("DataLoader", "batch_size", batch_size, 1)
        whole("DataLoader", "num_workers", num_workers, 0)
        want_dataset("DataLoader", dataset)
        if not len(dataset):
            raise ValueError("DataLoader: the dataset is empty")
        for argument, flag in (("shuffle", shuffle), ("drop_last", drop_last), ("pin_memory", pin_memory)):
            if not (
                isinstance(flag, (int, np.bool_)) and flag in (0, 1)
            ):  # a generator or sampler in the wrong place, perhaps
                raise TypeError(f"DataLoader: {argument} is {flag!r:.60}; wanted True or False")
        if generator is not None:
            as_generator("DataLoader", generator)
        if sampler is not None and not (isinstance(sampler, Sized) and isinstance(sampler, Iterable)):
            raise TypeError(f"DataLoader: sampler is {sampler!r:.60}; wanted indices, and how many there are")
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: a sampler gives the order, so shuffle must be False")
        if collate_fn is not None and not callable(collate_fn):
            raise TypeError(f"DataLoader: collate_fn is {collate_fn!r:.60}; wanted a function of a list of samples")
        self.dataset = dataset
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.generator = generator
        self.sampler = sampler
        self.collate_fn = collate_fn

    def __len__(self) -> int:
        """Return the number of batches."""
        samples = self.dataset if self.sampler is None else self.sampler
        full, rest = divmod(len(samples), self.batch_size)
        return full + bool(rest and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        return self.batches(self.order())

    def order(self) -> Array:
        """Return the indices of the samples in the order of one pass, drawn anew if they are shuffled."""
        samples = len(self.dataset)
        if self.sampler is not None:
            return as_indices("DataLoader", list(self.sampler), samples)
        if self.shuffle:
            return as_generator("DataLoader", self.generator).permutation(samples)
        return np.arange(samples)

    def batches(self, order: Array, start: int = 0) -> Iterator[Any]:
        """Iterate over one pass in an order, from batch number ``start`` on."""
        for i in range(start, len(self)):
            indices = order[i * self.batch_size :][: self.batch_size]
            if self.collate_fn is None:
                yield batch_of(self.dataset, indices)
            else:
                yield self.collate_fn([self.dataset[int(index)] for index in indices])
