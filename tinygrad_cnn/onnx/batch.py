"""What several walks have in common: constants, and what follows from the length of the batch.

A model computes some constants from the length of its batch: the shape that it gives a reshape, what it divides a
sum by. The walks are of batches of different lengths and numbers. What is the same in all of them is a constant,
what grows evenly with the length is a `Batch`, and what differs in any other way cannot be exported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_cnn.typing import Array


@dataclass(frozen=True)
class Ref:
    """A value of the graph: an input, a parameter or buffer, or what an operation returned."""

    name: str
    shape: tuple[Any, ...] = field(compare=False)  # numbers, or what follows from the batch's length
    dtype: np.dtype[Any] = field(compare=False)


@dataclass(frozen=True)
class Batch:
    """A number that follows from the length of the batch: ``times`` the length, ``plus`` a constant."""

    times: Any
    plus: Any = 0

    def formula(self, length: str) -> str:
        """Return it as a formula of the length, whose name is given."""
        return f"{'' if self.times == 1 else f'{self.times}*'}{length}{f'{self.plus:+}' if self.plus else ''}"


@dataclass(frozen=True)
class Uniform:
    """An array that holds one number everywhere; the number or the shape follows from the length of the batch."""

    value: Any
    shape: tuple[Any, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Ramp:
    """An array of evenly spaced numbers along its one long dimension, whose length follows from the batch's."""

    start: Any
    step: Any
    shape: tuple[Any, ...]
    dtype: np.dtype[Any]

    @property
    def length(self) -> Any:
        """How many numbers there are."""
        return next(n for n in self.shape if isinstance(n, Batch))


class Varies(Exception):
    """A constant that is not the same for every batch."""


def merged(values: Sequence[Any], lengths: Sequence[int]) -> Any:
    """Return what stands for one value of each walk, in terms of the batch's length."""
    first = values[0]
    if all(isinstance(v, Ref) and v == first for v in values):
        return Ref(first.name, merged([v.shape for v in values], lengths), first.dtype)
    if all(isinstance(v, np.ndarray) for v in values):
        return _merged_arrays(values, lengths)
    if all(_is_number(v) for v in values):
        return _merged_numbers(values, lengths)
    if any(type(v) is not type(first) for v in values):
        raise Varies(said(values))
    if isinstance(first, slice):
        return slice(*(merged([getattr(v, end) for v in values], lengths) for end in ("start", "stop", "step")))
    if isinstance(first, dict) and all(v.keys() == first.keys() for v in values):
        return {key: merged([v[key] for v in values], lengths) for key in first}
    if isinstance(first, (tuple, list)) and all(len(v) == len(first) for v in values):
        return remade(first, [merged(items, lengths) for items in zip(*values, strict=True)])
    if isinstance(first, (tuple, list, dict)) or not all(v is first or v == first for v in values):
        raise Varies(said(values))
    return first


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _merged_numbers(values: Sequence[Any], lengths: Sequence[int]) -> Any:
    first, second = values[:2]
    if all(v == first or (v != v and first != first) for v in values):
        return first
    if lengths[0] != lengths[1]:
        whole = all(isinstance(v, (int, np.integer)) for v in values)
        grown, longer = second - first, lengths[1] - lengths[0]
        times = int(grown) // longer if whole else float(grown) / longer
        plus = int(first) - times * lengths[0] if whole else round(float(first) - times * lengths[0], 12)
        if all(
            np.isclose(times * n + plus, v, rtol=0 if whole else 1e-12)
            for n, v in zip(lengths, values, strict=True)
        ):
            return Batch(times, plus)
    raise Varies(said(values))


def _merged_arrays(values: Sequence[Array], lengths: Sequence[int]) -> Any:
    first = values[0]
    if all(v.shape == first.shape and np.array_equal(v, first, equal_nan=v.dtype.kind == "f") for v in values):
        return first
    if any(v.dtype != first.dtype or not v.size for v in values):
        raise Varies(said(values))
    starts = [v.reshape(-1)[0].item() for v in values]
    if all((v == start).all() for v, start in zip(values, starts, strict=True)):
        number = merged(starts, lengths) if first.dtype.kind != "b" or len(set(starts)) > 1 else starts[0]
        return Uniform(number, merged([v.shape for v in values], lengths), first.dtype)
    if first.dtype.kind != "b" and all(v.size == max(v.shape) > 1 for v in values):
        step = (first.reshape(-1)[1] - first.reshape(-1)[0]).item()
        ramps = (start + step * np.arange(v.size) for v, start in zip(values, starts, strict=True))
        if all(np.allclose(v.reshape(-1), ramp, rtol=1e-6, atol=0) for v, ramp in zip(values, ramps, strict=True)):
            return Ramp(merged(starts, lengths), step, merged([v.shape for v in values], lengths), first.dtype)
    raise Varies(said(values))


def said(values: Sequence[Any]) -> str:
    """Return what an error message says of a value that is not the same in all walks."""
    texts = [f"an array of shape {v.shape}" if isinstance(v, np.ndarray) else repr(v) for v in values]
    return " and then ".join(dict.fromkeys(texts))


def remade(like: Any, items: Sequence[Any]) -> Any:
    """Return items as a named tuple if the like is one, else as a tuple."""
    return type(like)(*items) if hasattr(like, "_fields") else tuple(items)


def refs_in(value: Any) -> Iterator[Ref]:
    """Return the references in arguments or outputs."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from refs_in(item)
