"""Datasets: anything with a length and samples by index, and, better, whole batches at once."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any, Protocol

import numpy as np

from tinygrad_cnn.creation import from_array, tensor
from tinygrad_cnn.kernels.batch_innermost import take
from tinygrad_cnn.ops import stack
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.support.arrays import own_array, plain_array
from tinygrad_cnn.tape.record import make_tensor
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array


class Dataset(Protocol):
    """A length, and samples by index. Lists are datasets too.

    A dataset that also has ``__getitems__(indices)``, which returns the batch of the samples at an array of
    indices, spares `DataLoader` fetching each sample by itself. (PyTorch's returns a list of samples there.)
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int, /) -> Any: ...


class TensorDataset(Dataset):
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

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __getitems__(self, indices: Sequence[int] | Array) -> tuple[Tensor, ...]:
        wanted = as_indices("TensorDataset", indices, len(self))
        return tuple(t[wanted] if t.requires_grad else make_tensor(t, take(t.array, wanted)) for t in self.tensors)


class Subset(Dataset):
    """The samples of a dataset at the given indices, in their order."""

    def __init__(self, dataset: Dataset, indices: Sequence[int] | Array) -> None:
        want_dataset("Subset", dataset)
        self.dataset = dataset
        self.indices = as_indices("Subset", indices, len(dataset))

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[as_indices("Subset", [index], len(self))[0]])]

    def __getitems__(self, indices: Sequence[int] | Array) -> Any:
        return batch_of(self.dataset, self.indices[as_indices("Subset", indices, len(self))])


def random_split(
    dataset: Dataset, lengths: Sequence[float], generator: np.random.Generator | None = None
) -> list[Subset]:
    """Deal a dataset out at random into subsets of the given lengths.

    Lengths are integers that add up to the dataset's, or fractions that add up to 1: each is rounded down, and
    what is left goes one by one to the first ones, as in PyTorch. Raises ValueError if they do not add up.

    >>> import numpy as np
    >>> from tinygrad_cnn.data import random_split
    >>> train, valid = random_split(range(10), [0.75, 0.25], np.random.default_rng(0))
    >>> len(train), len(valid)
    (8, 2)
    """
    want_dataset("random_split", dataset)
    wanted = list(lengths) if isinstance(lengths, Iterable) else [None]
    if not all(isinstance(n, Real) for n in wanted):
        raise TypeError(f"random_split: lengths are {lengths!r:.60}; wanted a sequence of numbers")
    sizes = _sizes(wanted, len(dataset))
    order = as_generator("random_split", generator).permutation(len(dataset))
    return [Subset(dataset, part) for part in np.split(order, np.cumsum(sizes)[:-1])]


def _sizes(lengths: list[float], total: int) -> list[int]:
    if not lengths or not all(n >= 0 for n in lengths):
        raise ValueError(f"random_split: lengths are {lengths}; wanted at least one, and none negative")
    if all(isinstance(n, (int, np.integer)) for n in lengths):
        if sum(lengths) != total:
            raise ValueError(f"random_split: lengths {lengths} add up to {sum(lengths)}; the dataset has {total}")
        return [int(n) for n in lengths]
    if not math.isclose(math.fsum(lengths), 1):
        raise ValueError(f"random_split: fractions {lengths} add up to {math.fsum(lengths)}; wanted 1")
    sizes = [math.floor(total * fraction) for fraction in lengths]
    for i in range(total - sum(sizes)):
        sizes[i % len(sizes)] += 1
    return sizes


def batch_of(dataset: Dataset, indices: Array) -> Any:
    """Return the batch of the samples at the indices: at once where the dataset can, else sample by sample."""
    at_once = getattr(dataset, "__getitems__", None)
    return at_once(indices) if at_once else collate([dataset[int(i)] for i in indices])


def collate(samples: Sequence[Any]) -> Any:
    """Return samples as one batch: tensors and arrays stacked, numbers as a tensor, tuples part by part.

    >>> from tinygrad_cnn.data.dataset import collate
    >>> collate([(0.5, 1), (1.5, 2)])
    (tensor([0.5000, 1.5000]), tensor([1, 2]))
    """
    if not isinstance(samples, Sequence):
        raise TypeError(f"collate: wanted a list of samples, got {type(samples).__name__}")
    if not samples:
        raise ValueError("collate: wanted at least one sample, got none: their kind is not known")
    for kinds, join in _JOINS:
        if all(isinstance(sample, kinds) for sample in samples):
            return join(samples)
    given = ", ".join(sorted({type(sample).__name__ for sample in samples}))
    raise TypeError(
        f"collate: cannot make one batch of {given}; wanted tensors, arrays, numbers or tuples of them, or another "
        "function, DataLoader(..., collate_fn=FUNCTION)"
    )


def _collate_parts(samples: Sequence[Any]) -> tuple[Any, ...]:
    if len(lengths := {len(sample) for sample in samples}) > 1:
        raise ValueError(f"collate: wanted samples of as many parts each, got {sorted(lengths)}")
    return tuple(collate(part) for part in zip(*samples, strict=True))


_JOINS: tuple[tuple[tuple[type, ...], Callable[[Any], Any]], ...] = (
    ((tuple, list), _collate_parts),
    ((Tensor,), stack),
    ((np.ndarray,), lambda arrays: stack([from_array(own_array("collate", a)) for a in arrays])),
    ((bool, int, float, np.generic), tensor),
)


def want_dataset(name: str, dataset: Any) -> None:
    """Refuse what has no length or no samples by index."""
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        raise TypeError(f"{name}: {type(dataset).__name__} is no dataset; wanted a length and samples by index")


def as_indices(name: str, indices: Sequence[int] | Array, length: int) -> Array:
    """Return indices as an array of integers that are within a length."""
    try:
        array = plain_array(name, np.asanyarray(indices))
    except ValueError as error:
        raise TypeError(f"{name}: wanted a sequence of integers as indices: {error}") from error
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise TypeError(
            f"{name}: wanted a sequence of integers as indices, got {array.dtype} of shape {array.shape}"
        )
    if array.size and not (array.min() >= -length and array.max() < length):
        wrong = array.max() if array.max() >= length else array.min()
        raise IndexError(f"{name}: index {wrong} is out of range for {length} samples")
    return array.astype(np.intp, copy=False)


def as_generator(name: str, generator: np.random.Generator | None) -> np.random.Generator:
    """Return the generator, or this thread's if there is none."""
    if generator is None:
        return default_generator()
    if not isinstance(generator, np.random.Generator):
        raise TypeError(
            f"{name}: generator is {generator!r}; wanted a numpy.random.Generator, such as default_rng(0)"
        )
    return generator
