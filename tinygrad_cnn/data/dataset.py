"""Datasets: anything with a length and samples by index, and, better, whole batches at once."""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import Any, Generic, Protocol, TypeVar

from tinygrad_cnn.data.arguments import as_indices, overrides, want_dataset
from tinygrad_cnn.data.collate import default_collate
from tinygrad_cnn.kernels.batch_innermost import take
from tinygrad_cnn.support.representation import call_text, length_text, value_text
from tinygrad_cnn.tape.record import make_tensor
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

Sample = TypeVar("Sample", covariant=True)


class Samples(Protocol):
    """What a loader accepts as a dataset: a length, and samples by index. Lists are datasets too."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: Any, /) -> Any: ...


class Dataset(Generic[Sample]):
    """The base of datasets: subclasses define ``__getitem__`` and, for all but some samplers, ``__len__``.

    ``a + b`` is `ConcatDataset`. A dataset that has ``batch_at(indices)`` too, which returns the batch of the
    samples at an array of indices, spares `DataLoader` fetching each sample by itself. It is not used if a
    subclass overrides ``__getitem__`` alone. ``__getitems__(indices)``, as in PyTorch, returns a list of samples.
    """

    def __getitem__(self, index: Any, /) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: __getitem__() is not defined")

    def __repr__(self) -> str:
        return call_text(self, *length_text(self, "samples"))

    def __add__(self, other: Any) -> Dataset[Any]:
        return ConcatDataset([self, other])  # type: ignore[list-item]


class IterableDataset(Dataset[Sample]):
    """The base of datasets that are read from the front by ``__iter__``, which subclasses define.

    ``a + b`` is `ChainDataset`.

    >>> from tinygrad_cnn.utils.data import DataLoader, IterableDataset
    >>> class Squares(IterableDataset):
    ...     def __iter__(self):
    ...         return (i * i for i in range(5))
    >>> list(DataLoader(Squares(), batch_size=2))
    [tensor([0, 1]), tensor([4, 9]), tensor([16])]
    """

    def __iter__(self) -> Iterator[Sample]:
        raise NotImplementedError(f"{type(self).__name__}: __iter__() is not defined")

    def __add__(self, other: Any) -> Dataset[Any]:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors of one length: sample i is the tuple of their rows i.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data import TensorDataset
    >>> TensorDataset(tg.tensor([[1.0], [2.0]]), tg.tensor([7, 8]))[1]
    (tensor([2.]), tensor(8))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors or not all(isinstance(t, Tensor) for t in tensors):
            given = ", ".join(type(t).__name__ for t in tensors) or "nothing"
            raise TypeError(f"TensorDataset: wanted tensors, got {given}")
        if not all(t.ndim for t in tensors) or len({len(t) for t in tensors}) > 1:
            shapes = ", ".join(str(t.shape) for t in tensors)
            raise ValueError(f"TensorDataset: wanted tensors of one length, got shapes {shapes}")
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __repr__(self) -> str:
        return call_text(self, *length_text(self, "samples"), *map(value_text, self.tensors))

    def __getitem__(self, index: Any, /) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def batch_at(self, indices: Sequence[int] | Array) -> list[Tensor]:
        """Return the rows at the indices, (N, ...) of each tensor."""
        wanted = as_indices("TensorDataset", indices, len(self))
        return [t[wanted] if t.requires_grad else make_tensor(t, take(t.array, wanted)) for t in self.tensors]


class Subset(Dataset[Any]):
    """The samples of a dataset at the given indices, in their order.

    >>> from tinygrad_cnn.data import Subset
    >>> Subset([10, 20, 30], [0, 2])[1]
    30
    """

    def __init__(self, dataset: Samples, indices: Sequence[int] | Array) -> None:
        want_dataset("Subset", dataset)
        self.dataset = dataset
        self.indices = as_indices("Subset", indices, len(dataset))

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any, /) -> Any:
        return self.dataset[int(self.indices[as_indices("Subset", [index], len(self))[0]])]

    def batch_at(self, indices: Sequence[int] | Array) -> Any:
        """Return the batch of the samples at the indices."""
        return batch_of(self.dataset, self.indices[as_indices("Subset", indices, len(self))])

    def __getitems__(self, indices: Sequence[int] | Array) -> list[Any]:
        return samples_of(self.dataset, self.indices[as_indices("Subset", indices, len(self))].tolist())


class ConcatDataset(Dataset[Any]):
    """Several datasets, one after the other.

    >>> from tinygrad_cnn.utils.data import ConcatDataset
    >>> ConcatDataset([[1, 2], [3]])[2]
    3
    """

    def __init__(self, datasets: Iterable[Samples]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: wanted at least one dataset")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise TypeError("ConcatDataset: an IterableDataset has no samples by index; wanted ChainDataset")
            want_dataset("ConcatDataset", dataset)
        self.cumulative_sizes = list(accumulate(len(dataset) for dataset in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: Any, /) -> Any:
        place = int(as_indices("ConcatDataset", [index], len(self))[0]) % len(self)
        number = bisect_right(self.cumulative_sizes, place)
        return self.datasets[number][place - (self.cumulative_sizes[number - 1] if number else 0)]


class StackDataset(Dataset[Any]):
    """Several datasets of one length side by side: a sample is a tuple of theirs or, if they are named, a dict.

    >>> from tinygrad_cnn.utils.data import StackDataset
    >>> StackDataset(image=[1, 2], text=["a", "b"])[1]
    {'image': 2, 'text': 'b'}
    """

    def __init__(self, *args: Samples, **kwargs: Samples) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError("StackDataset: wanted datasets, either all of them by name or none")
        self.datasets: Any = kwargs or args
        several = list(kwargs.values() or args)
        for dataset in several:
            want_dataset("StackDataset", dataset)
        if len(lengths := {len(dataset) for dataset in several}) > 1:
            raise ValueError(f"StackDataset: wanted datasets of one length, got {sorted(lengths)}")
        self._length = len(several[0])

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any, /) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)


class ChainDataset(IterableDataset[Any]):
    """Several iterable datasets, one after the other.

    >>> from tinygrad_cnn.data import ChainDataset
    >>> len(list(ChainDataset([])))
    0
    """

    def __init__(self, datasets: Iterable[IterableDataset[Any]]) -> None:
        self.datasets = list(datasets)
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise TypeError(f"ChainDataset: wanted IterableDatasets, got {type(dataset).__name__}")

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self.datasets)

    def __len__(self) -> int:
        return sum(map(len, self.datasets))  # type: ignore[arg-type]


def has_batches(dataset: Any) -> bool:
    """Return whether a dataset returns whole batches that are the batches of its samples."""
    return overrides(type(dataset), "batch_at", "__getitem__", "__getitems__")


def batch_of(dataset: Any, indices: Array) -> Any:
    """Return the batch of the samples at the indices: at once where the dataset can, else sample by sample."""
    if has_batches(dataset):
        return dataset.batch_at(indices)
    return default_collate(samples_of(dataset, indices.tolist()))


def samples_of(dataset: Any, indices: list[Any]) -> list[Any]:
    """Return the samples at the indices."""
    if callable(several := getattr(dataset, "__getitems__", None)):
        return several(indices)
    return [dataset[index] for index in indices]
