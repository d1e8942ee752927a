"""Batches of (inputs, targets) from a DataLoader, a list, or any other iterable, checked before they are used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import numpy as np

from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

Batch = tuple[Tensor, Tensor]
Loader = DataLoader | Iterable[Any]
"""What gives batches: a DataLoader, a list of pairs of tensors, or another iterable of such pairs."""


def check_loader(name: str, loader: Any, passes: int = 1) -> None:
    """Raise TypeError or ValueError, beginning with ``name``, if a loader cannot be read ``passes`` times."""
    if isinstance(loader, (Tensor, Mapping, str)) or not isinstance(loader, Iterable):
        dataset = hasattr(loader, "__getitem__") and hasattr(loader, "__len__")
        hint = "; put a dataset into a DataLoader" if dataset else ""
        hint = "; call the function to get its batches" if callable(loader) else hint
        raise TypeError(
            f"{name}: the batches are a {type(loader).__name__}; wanted a DataLoader, or another iterable of "
            f"batches (inputs, targets){hint}"
        )
    if isinstance(loader, Sized) and not len(loader):
        raise ValueError(f"{name}: the {type(loader).__name__} has no batches; wanted at least one")
    if isinstance(loader, Iterator) and passes > 1:
        raise ValueError(
            f"{name}: a {type(loader).__name__} gives its batches once, and they are wanted {passes} times; give a "
            "DataLoader or a list"
        )
    if isinstance(loader, (list, tuple)):  # others may compute their batches when they are asked for
        for _ in checked_batches(name, loader):
            pass


def order_of_pass(loader: Loader) -> Array | None:
    """Return the order of one pass: of the samples of a DataLoader, of the batches of a list, None for others.

    None too for a DataLoader whose order cannot be listed.
    """
    if isinstance(loader, DataLoader):
        return loader.order()
    return np.arange(len(loader)) if isinstance(loader, Sequence) else None


def seed_of_pass(loader: Loader) -> int | None:
    """Return the seed of what is drawn for the batches of one pass, where a thread of a DataLoader reads them."""
    return loader.seed_of_pass() if isinstance(loader, DataLoader) else None


def check_order(loader: Loader, order: Array) -> None:
    """Raise ValueError if an epoch that was saved with this order cannot be resumed with this loader."""
    wanted = "; wanted the same data"
    if isinstance(loader, DataLoader) and loader.is_listed:
        samples = len(loader.sampler)
        if len(order) != samples or order.max(initial=-1) >= len(loader.dataset):
            raise ValueError(
                f"fit: the epoch that is running has {len(order)} samples, the training set {samples}{wanted}"
            )
    elif not isinstance(loader, Sequence):
        raise ValueError(
            f"fit: the epoch that is running cannot be resumed with a {type(loader).__name__}, which cannot be "
            f"read from the middle{wanted}, as a DataLoader or a list"
        )
    elif len(order) != len(loader):
        raise ValueError(
            f"fit: the epoch that is running has {len(order)} batches, the training set {len(loader)}{wanted}"
        )


def batches_of_pass(loader: Loader, order: Array | None, start: int, seed: int | None) -> Iterable[Any]:
    """Return the batches of the pass with that order and seed, from batch number ``start`` on."""
    if isinstance(loader, DataLoader) and order is not None:
        return loader.batches(order, start, seed)
    if isinstance(loader, Sequence) and order is not None:
        return (loader[i] for i in order[start:])
    return loader


def checked_batches(name: str, batches: Iterable[Any], done: int = 0) -> Iterator[Batch]:
    """Yield each batch as a pair of tensors of one length, the first being number ``done`` + 1.

    Raises TypeError or ValueError, beginning with ``name`` and the number of the batch, for anything else.
    """
    for number, batch in enumerate(batches, done + 1):
        if not _is_pair_of_tensors(batch):
            raise _what_is_wrong(f"{name}: batch {number}", batch)
        inputs, targets = batch
        yield inputs, targets


def _is_pair_of_tensors(batch: Any) -> bool:
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        return False
    inputs, targets = batch
    if not isinstance(inputs, Tensor) or not isinstance(targets, Tensor):
        return False
    given, wanted = inputs.array.shape, targets.array.shape
    return bool(given and wanted and given[0] == wanted[0] > 0)


def _what_is_wrong(where: str, batch: Any) -> TypeError | ValueError:
    """Return the error that says why a batch cannot be used."""
    if not isinstance(batch, (tuple, list)):
        return TypeError(f"{where} is a {_full_name(batch)}; wanted (inputs, targets)")
    if len(batch) != 2:
        return ValueError(f"{where} has {len(batch)} parts; wanted two, (inputs, targets)")
    for part, value in zip(("inputs", "targets"), batch, strict=True):
        if not isinstance(value, Tensor):
            hint = "; tensor(...) makes one" if isinstance(value, (np.ndarray, list, int, float)) else ""
            return TypeError(f"{where}: the {part} are a {_full_name(value)}; wanted a tensor{hint}")
        if not value.ndim:
            return ValueError(f"{where}: the {part} have no dimension; wanted one row for each sample, (N, ...)")
    inputs, targets = batch
    return ValueError(
        f"{where} has {len(inputs)} inputs and {len(targets)} targets; wanted as many of both, at least one"
    )


def _full_name(value: Any) -> str:
    """Return the name of a value's type, with its module: other libraries have tensors too."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
