"""What data sets, samplers and loaders accept: indices, generators, data sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.random import default_generator
from tinygrad_cnn.support.arrays import plain_array
from tinygrad_cnn.typing import Array


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


def overrides(cls: type, fast: str, *plain: str) -> bool:
    """Return whether a class has a fast method that no subclass has outdated by redefining a plain one.

    A subclass of a data set that overrides only ``__getitem__`` expects its own samples, also in batches.
    """
    for base in cls.__mro__:
        if fast in vars(base):
            return True
        if any(name in vars(base) for name in plain):
            return False
    return False


def flag(name: str, argument: str, value: Any) -> bool:
    """Return True or False; anything else, perhaps an argument in the wrong place, is refused."""
    if not (isinstance(value, (int, np.bool_)) and value in (0, 1)):
        raise TypeError(f"{name}: {argument} is {value!r:.60}; wanted True or False")
    return bool(value)
