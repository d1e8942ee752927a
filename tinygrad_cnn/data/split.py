"""random_split: a dataset in parts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Real

import numpy as np

from tinygrad_cnn.data.arguments import as_generator, want_dataset
from tinygrad_cnn.data.dataset import Samples, Subset


def random_split(
    dataset: Samples, lengths: Sequence[float], generator: np.random.Generator | None = None
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
