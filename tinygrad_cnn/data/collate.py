"""Batches made of samples, by PyTorch's rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.creation import from_array, tensor
from tinygrad_cnn.ops import stack
from tinygrad_cnn.support.arrays import own_array
from tinygrad_cnn.support.dtypes import float64
from tinygrad_cnn.tensor import Tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Return samples as one batch.

    Tensors and arrays are stacked, integers become a tensor of int64, floats one of float64 (PyTorch's types).
    Strings and bytes stay as they are. Dicts, named tuples, tuples and lists are taken apart: a dict gives a dict
    of batches, a named tuple its like, a tuple or a list a list of batches. Raises TypeError for anything else.

    >>> from tinygrad_cnn.utils.data import default_collate
    >>> default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])
    {'x': tensor([1, 2]), 'name': ['a', 'b']}
    """
    if isinstance(batch, (str, bytes)) or not isinstance(batch, Sequence):
        raise TypeError(f"default_collate: wanted a list of samples, got {type(batch).__name__}")
    if not batch:
        raise ValueError("default_collate: wanted at least one sample, got none: their kind is not known")
    for kinds, join in _JOINS:
        if all(isinstance(sample, kinds) for sample in batch):
            return join(batch)
    given = ", ".join(sorted({type(sample).__name__ for sample in batch}))
    raise TypeError(
        f"default_collate: cannot make one batch of {given}; wanted tensors, arrays, numbers, strings, or dicts or "
        "tuples of them, or another function, DataLoader(..., collate_fn=FUNCTION)"
    )


def default_convert(data: Any) -> Any:
    """Return a sample with its arrays as tensors, and all else as it is: what a loader without batches gives.

    >>> import numpy as np
    >>> from tinygrad_cnn.utils.data import default_convert
    >>> default_convert((np.ones(2), "a"))
    [tensor([1., 1.], dtype=float64), 'a']
    """
    if isinstance(data, (np.ndarray, np.generic)):
        array = np.asarray(data)
        return data if array.dtype.kind in "SU" else from_array(own_array("default_convert", array))
    if isinstance(data, Mapping):
        return _like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(part) for part in data))
    if isinstance(data, (tuple, list)):
        return [default_convert(part) for part in data]
    return data


def _as_it_is(samples: Sequence[Any]) -> Sequence[Any]:
    """Return strings in the list or the tuple in which they came, as PyTorch does."""
    return samples


def _like(mapping: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    """Return items as a mapping of the given one's class, or as a dict if the class cannot be called with them."""
    try:
        return type(mapping)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def _collate_mappings(samples: Sequence[Mapping[Any, Any]]) -> Any:
    first = samples[0]
    if any(sample.keys() != first.keys() for sample in samples):
        given = sorted({str(list(sample)) for sample in samples})
        raise ValueError(f"default_collate: wanted dicts with the same keys, got {', '.join(given)}")
    return _like(first, {key: default_collate([sample[key] for sample in samples]) for key in first})


def _collate_parts(samples: Sequence[Any]) -> Any:
    if len(lengths := {len(sample) for sample in samples}) > 1:
        raise ValueError(f"default_collate: wanted samples of as many parts each, got {sorted(lengths)}")
    parts = [default_collate(part) for part in zip(*samples, strict=True)]
    kind = type(samples[0])
    return kind(*parts) if hasattr(kind, "_fields") else parts


def _collate_arrays(arrays: Sequence[Any]) -> Tensor:
    return stack([from_array(own_array("default_collate", array)) for array in arrays])


def _collate_scalars(scalars: Sequence[Any]) -> Tensor:
    return from_array(own_array("default_collate", np.stack(scalars)))


def _collate_numbers(numbers: Sequence[Any]) -> Tensor:
    return tensor(list(numbers), dtype=float64 if isinstance(numbers[0], float) else None)


_JOINS: tuple[tuple[tuple[type, ...], Any], ...] = (
    ((str,), _as_it_is),
    ((bytes,), _as_it_is),
    ((Mapping,), _collate_mappings),
    ((tuple, list), _collate_parts),
    ((Tensor,), stack),
    ((np.ndarray,), _collate_arrays),
    ((np.generic,), _collate_scalars),
    ((bool, int, float, np.generic), _collate_numbers),
)
