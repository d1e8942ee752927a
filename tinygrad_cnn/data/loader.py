"""DataLoader: a dataset in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from numbers import Real
from typing import Any

import numpy as np

from tinygrad_cnn.data.arguments import as_generator, as_indices, flag, want_dataset
from tinygrad_cnn.data.collate import default_collate, default_convert
from tinygrad_cnn.data.dataset import IterableDataset, has_batches, samples_of
from tinygrad_cnn.data.prefetch import AHEAD, prefetched
from tinygrad_cnn.data.sampler import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    batches_in,
    in_arrays,
    in_batches,
)
from tinygrad_cnn.distributed.average import sums_over_ranks
from tinygrad_cnn.distributed.share import Share, drawing_for, rows_of, share_of
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.support.representation import call_text, length_text
from tinygrad_cnn.typing import Array

MOST_LISTED = 1 << 24
"""How long an order may be to be listed, so that a training epoch can be resumed in the middle."""


class DataLoader:
    """Iterates over a dataset in batches, in order or in an order drawn anew each time.

    A batch is the dataset's ``batch_at(indices)`` if it has that method, else its samples joined by ``collate_fn``
    (`default_collate`). The order comes from ``sampler``, or from `RandomSampler` if ``shuffle``, else from
    `SequentialSampler`; it is drawn when an iterator is made, from the generator (this thread's if there is none):
    same state, same order. Each iterator goes its own way, so there may be several at once. With ``drop_last`` a
    last batch that is not full is left out. ``batch_sampler`` gives lists of indices; with ``batch_size=None``
    there are no batches, only samples. An `IterableDataset` is read from its front.

    With ``num_workers`` above 0, one thread reads the batches, ``prefetch_factor`` (2) ahead; of an
    `IterableDataset` none does. What datasets and transforms draw from the default generator then comes from a
    generator of each batch, which is seeded from the loader's: same state, same batches, however many workers.
    Other options of worker processes are accepted as in PyTorch, and change nothing.

    Raises ValueError for a batch size below 1, an empty dataset or options that exclude one another, TypeError for
    an argument of the wrong kind.

    >>> from tinygrad_cnn.data import DataLoader
    >>> list(DataLoader([5, 6, 7], batch_size=2))
    [tensor([5, 6]), tensor([7])]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Sequence[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: np.random.Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        name = "DataLoader"
        self.shuffle = shuffle is not None and flag(name, "shuffle", shuffle)
        self.drop_last = flag(name, "drop_last", drop_last)
        self.pin_memory = flag(name, "pin_memory", pin_memory)
        if generator is not None:
            as_generator(name, generator)
        self.generator = generator
        self.num_workers = whole(name, "num_workers", num_workers, 0)
        _check_worker_options(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        self.timeout, self.prefetch_factor, self.persistent_workers = timeout, prefetch_factor, persistent_workers
        self.worker_init_fn, self.multiprocessing_context = worker_init_fn, multiprocessing_context
        self.pin_memory_device, self.in_order = pin_memory_device, in_order

        self.dataset = dataset
        self.batch_size = None if batch_size is None else whole(name, "batch_size", batch_size, 1)
        self._check_order(sampler, batch_sampler)
        self._iterable = isinstance(dataset, IterableDataset)
        self.sampler: Any = sampler
        if sampler is None and not self._iterable:
            self.sampler = (
                RandomSampler(self.dataset, generator=generator)
                if self.shuffle
                else SequentialSampler(self.dataset)
            )
        self.batch_sampler: Any = batch_sampler
        if batch_sampler is not None:
            self.batch_size = None
        elif self.batch_size is not None and not self._iterable:
            self.batch_sampler = BatchSampler(self.sampler, self.batch_size, self.drop_last)
        self._batched = batch_sampler is not None or batch_size is not None
        if collate_fn is not None and not callable(collate_fn):
            raise TypeError(f"{name}: collate_fn is {collate_fn!r:.60}; wanted a function of a list of samples")
        self.collate_fn = collate_fn or (default_collate if self._batched else default_convert)

    def _check_order(self, sampler: Any, batch_sampler: Any) -> None:
        """Raise for a dataset that is none, and for options of the order that exclude one another."""
        for argument, value in (("sampler", sampler), ("batch_sampler", batch_sampler)):
            if value is not None and not isinstance(value, Iterable):
                raise TypeError(f"DataLoader: {argument} is {value!r:.60}; wanted an iterable of indices")
        if sampler is not None and self.shuffle:
            raise ValueError("DataLoader: a sampler gives the order, so shuffle must be False")
        if batch_sampler is not None and (
            self.batch_size != 1 or self.shuffle or sampler is not None or self.drop_last
        ):
            raise ValueError(
                "DataLoader: a batch_sampler gives the batches; wanted no batch_size, shuffle, sampler or drop_last"
            )
        if self.batch_size is None and self.drop_last:
            raise ValueError("DataLoader: with batch_size=None there are no batches, so drop_last must be False")
        if isinstance(self.dataset, IterableDataset):
            if self.shuffle or sampler is not None or batch_sampler is not None:
                raise ValueError(
                    "DataLoader: an IterableDataset gives the order; wanted no shuffle, sampler or batch_sampler"
                )
        elif sampler is None and batch_sampler is None:
            want_dataset("DataLoader", self.dataset)
            if not len(self.dataset):
                raise ValueError("DataLoader: the dataset is empty")
        elif not hasattr(self.dataset, "__getitem__"):
            raise TypeError(f"DataLoader: {type(self.dataset).__name__} is no dataset; wanted samples by index")

    def __len__(self) -> int:
        """Return the number of batches."""
        if self._iterable:
            samples = len(self.dataset)
            return samples if self.batch_size is None else batches_in(samples, self.batch_size, self.drop_last)
        return len(self.batch_sampler if self._batched else self.sampler)

    def __repr__(self) -> str:
        return call_text(self, *length_text(self, "batches"), without=("sampler", "batch_sampler"))

    def __iter__(self) -> Iterator[Any]:
        if self._iterable:
            samples = iter(self.dataset)
            return self._of_samples(samples) if self._batched else map(self.collate_fn, samples)
        if not self._batched:
            return self._read(self._fetch_one, self.sampler, self.seed_of_pass())
        if self.batch_size is None:
            return self._read(self._fetch, map(list, self.batch_sampler), self.seed_of_pass())
        if self.is_listed and in_arrays(self.sampler):
            return self.batches(self.order(), seed=self.seed_of_pass())
        full = self.batch_size if self.drop_last else 1
        parts = (part for part in in_batches(self.sampler, self.batch_size) if len(part) >= full)
        return self._read(self._fetch, parts, self.seed_of_pass())

    def _read(
        self, fetch: Callable[[Any], Any], places: Iterable[Any], seed: int | None, start: int = 0
    ) -> Iterator[Any]:
        """Iterate over fetch(place) for each place: in this thread, or, with a seed, in one that reads ahead."""
        if seed is None:
            return map(fetch, places)
        return prefetched(fetch, places, seed, start, self.prefetch_factor or AHEAD)

    def _of_samples(self, samples: Iterator[Any]) -> Iterator[Any]:
        while batch := list(islice(samples, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield self.collate_fn(batch)

    def _fetch_one(self, index: Any) -> Any:
        return self.collate_fn(self.dataset[index])

    def _fetch(self, indices: Array | list[Any]) -> Any:
        """Return the batch at the indices: at once where the dataset can, else sample by sample."""
        if self.collate_fn is default_collate and has_batches(self.dataset):
            return self.dataset.batch_at(indices)
        if isinstance(self.dataset, Sequence):
            indices = as_indices("DataLoader", indices, len(self.dataset))
        return self.collate_fn(
            samples_of(self.dataset, indices.tolist() if isinstance(indices, np.ndarray) else indices)
        )

    @property
    def is_listed(self) -> bool:
        """Whether the order can be listed: not of an `IterableDataset`, a batch sampler, or a very long sampler."""
        listed = not self._iterable and self.batch_size is not None and hasattr(self.sampler, "__len__")
        return listed and len(self.sampler) <= MOST_LISTED

    def order(self) -> Array | None:
        """Return the indices of the samples in the order of one pass, drawn anew if they are shuffled.

        None if the order is not listed.
        """
        if not self.is_listed:
            return None
        parts = list(in_batches(self.sampler, MOST_LISTED))
        return as_indices("DataLoader", parts[0] if parts else [], len(self.dataset))

    def seed_of_pass(self) -> int | None:
        """Return a new seed of what is drawn for the batches of a pass; None if the calling thread reads them."""
        if not self.num_workers or self._iterable:
            return None
        return int(as_generator("DataLoader", self.generator).integers(1 << 32))

    def batches(self, order: Array | None, start: int = 0, seed: int | None = None) -> Iterator[Any]:
        """Iterate over one pass in an order, from batch number ``start`` on, with the seed of that pass."""
        return self._read(self._fetch, self._parts(order, start), seed, start)

    def shares(self, order: Array | None, start: int = 0, seed: int | None = None) -> Iterator[tuple[Any, Share]]:
        """Iterate over one pass as `batches` does, and yield this rank's share of each batch, and which it is.

        All ranks must have the same order. The samples of a batch are divided among them, whatever its length, and
        random transforms draw what they draw in one process. If they draw for each sample by itself, or a thread
        reads ahead, each rank reads the whole batch.
        """
        parts = self._parts(order, start)
        if seed is None:
            return map(self._fetch_share, parts)
        return map(_share_of_batch, self._read(self._fetch_sized, parts, seed, start))

    def _parts(self, order: Array | None, start: int) -> Iterator[Array]:
        """Return the indices of each batch."""
        if order is None or self.batch_size is None:
            raise ValueError("DataLoader.batches: wanted the order of a loader that has is_listed")
        size = self.batch_size
        return (order[i * size :][:size] for i in range(start, batches_in(len(order), size, self.drop_last)))

    def _fetch_sized(self, indices: Array) -> tuple[int, Any]:
        return len(indices), self._fetch(indices)

    def _fetch_share(self, indices: Array) -> tuple[Any, Share]:
        share, before = share_of(len(indices)), default_generator().bit_generator.state
        with drawing_for(share) as generator:
            batch = self._fetch(indices[share.rows])
        if sums_over_ranks(np.array([generator.has_drawn_apart]))[0]:
            default_generator().bit_generator.state = before
            batch = rows_of(self._fetch(indices), share)
        return batch, share


def _share_of_batch(sized: tuple[int, Any]) -> tuple[Any, Share]:
    length, batch = sized
    share = share_of(length)
    return rows_of(batch, share), share


def get_worker_info() -> None:
    """Return None: samples are read in this process, as in PyTorch's main process."""


def _check_worker_options(
    num_workers: int, timeout: Any, prefetch_factor: Any, persistent_workers: Any, context: Any
) -> None:
    """Raise for the options of workers where there are none, as PyTorch does, and for those of the wrong kind."""
    if not isinstance(timeout, Real) or not float(timeout) >= 0:
        raise ValueError(f"DataLoader: timeout is {timeout!r:.60}; wanted a number of at least 0")
    if prefetch_factor is not None:
        whole("DataLoader", "prefetch_factor", prefetch_factor, 0)
    flag("DataLoader", "persistent_workers", persistent_workers)
    given = {
        "timeout": timeout != 0,
        "prefetch_factor": prefetch_factor is not None,
        "persistent_workers": persistent_workers,
        "multiprocessing_context": context is not None,
    }
    for argument, is_given in given.items():
        if is_given and not num_workers:
            raise ValueError(f"DataLoader: {argument} is for workers; wanted num_workers above 0")
