"""Sequences of different lengths in one batch: padded to one length, or packed without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn import creation, ops
from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.ops.index import add_at, take_at
from tinygrad_cnn.ops.padding import pad
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence(NamedTuple):
    """Sequences as rows, step by step: all first entries, then all second ones, and so on, the longest first.

    ``batch_sizes`` has the number of sequences that reach each step. If the sequences came in another order,
    ``sorted_indices`` brings them into the order of their lengths, and ``unsorted_indices`` back.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Return the sequences with converted entries, as `Tensor.to`."""
        return self._replace(data=self.data.to(*args, **kwargs))

    def cpu(self) -> PackedSequence:
        """Return the sequences themselves: they are always on the CPU."""
        return self


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Return the permutation that undoes a permutation; None stays None."""
    return None if permutation is None else creation.from_numpy(np.argsort(array_of(permutation)))


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack padded sequences (T, N, ...), or (N, T, ...) if ``batch_first``, of the given lengths.

    With ``enforce_sorted`` the lengths must decrease; otherwise the sequences are sorted. Raises ValueError for
    lengths that do not fit.

    >>> import tinygrad_cnn as tg
    >>> packed = tg.nn.utils.rnn.pack_padded_sequence(tg.tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True)
    >>> packed.data.tolist(), packed.batch_sizes.tolist()
    ([1, 3, 2], [2, 1])
    """
    name = "pack_padded_sequence"
    if input.ndim < 2:
        raise ValueError(
            f"{name}: input has shape {input.shape}; wanted (T, N, ...), or (N, T, ...) if batch_first"
        )
    most, count = (input.shape[1], input.shape[0]) if batch_first else input.shape[:2]
    wanted = _lengths(name, lengths, count, most)
    order = None
    if not enforce_sorted:
        order = np.argsort(-wanted, kind="stable")
        wanted = wanted[order]
    elif (np.diff(wanted) > 0).any():
        raise ValueError(
            f"{name}: the lengths {wanted.tolist()} do not decrease; sort them, or enforce_sorted=False"
        )
    steps, rows = _places(wanted)
    rows = rows if order is None else order[rows]
    places = rows * most + steps if batch_first else steps * count + rows
    data = take_at(ops.flatten(input, 0, 1), creation.from_numpy(places))
    sorted_indices = None if order is None else creation.from_numpy(order)
    return PackedSequence(data, _batch_sizes(wanted), sorted_indices, invert_permutation(sorted_indices))


def _lengths(name: str, lengths: Any, count: int, most: int) -> Array:
    found = np.atleast_1d(
        np.asarray([array_of(n) for n in lengths] if isinstance(lengths, list) else array_of(lengths))
    )
    if found.shape != (count,) or found.dtype.kind not in "iu" or not (found > 0).all() or (found > most).any():
        raise ValueError(f"{name}: lengths are {found.tolist()}; wanted {count} integers from 1 to {most}")
    return found.astype(np.int64)


def _places(lengths: Array) -> tuple[Array, Array]:
    """Return step and sequence of each packed row."""
    reached = lengths[None] > np.arange(lengths.max())[:, None]
    steps, rows = np.nonzero(reached)
    return steps, rows


def _batch_sizes(lengths: Array) -> Tensor:
    return creation.from_numpy((lengths[None] > np.arange(lengths.max())[:, None]).sum(1))


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return packed sequences as one padded tensor (T, N, ...), or (N, T, ...) if ``batch_first``, and the lengths.

    T is the largest length, or ``total_length``.

    >>> import tinygrad_cnn as tg
    >>> rnn = tg.nn.utils.rnn
    >>> rnn.pad_packed_sequence(rnn.pack_sequence([tg.tensor([1, 2]), tg.tensor([3])]), batch_first=True)
    (tensor([[1, 2],
            [3, 0]]), tensor([2, 1]))
    """
    batch_sizes = np.asarray(array_of(sequence.batch_sizes))
    lengths = (batch_sizes[None] > np.arange(batch_sizes[0])[:, None]).sum(1)
    steps, rows = _places(lengths)
    if sequence.sorted_indices is not None:
        order = np.asarray(array_of(sequence.sorted_indices))
        rows = order[rows]
        lengths = lengths[np.argsort(order)]
    most = len(batch_sizes) if total_length is None else total_length
    if most < len(batch_sizes):
        raise ValueError(f"pad_packed_sequence: total_length is {most}; wanted at least {len(batch_sizes)}")
    count, data = len(lengths), sequence.data
    places = rows * most + steps if batch_first else steps * count + rows
    padded = add_at(data, (most * count, *data.shape[1:]), creation.from_numpy(places))
    if padding_value:
        missing = np.ones((most * count, *(1,) * (data.ndim - 1)), np.bool_)
        missing[places] = False
        padded = ops.where(missing, padding_value, padded)
    shape = (count, most) if batch_first else (most, count)
    return ops.reshape(padded, (*shape, *data.shape[1:])), creation.from_numpy(lengths)


def pad_sequence(
    sequences: Tensor | Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Return sequences (L, ...) as one tensor (T, N, ...), or (N, T, ...) if ``batch_first``; T is the largest L.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.utils.rnn.pad_sequence([tg.tensor([1, 2]), tg.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    several = list(sequences)
    if not several or any(s.ndim < 1 or s.shape[1:] != several[0].shape[1:] for s in several):
        shapes = ", ".join(str(s.shape) for s in several)
        raise ValueError(f"pad_sequence: got sequences of shapes {shapes}; wanted (L, ...), equal but for L")
    if padding_side not in ("left", "right"):
        raise ValueError(f"pad_sequence: padding_side is {padding_side!r}; wanted 'left' or 'right'")
    most = max(len(s) for s in several)
    padded = []
    for s in several:
        missing = most - len(s)
        ends = (0, missing) if padding_side == "right" else (missing, 0)
        padded.append(pad(s, (*(0, 0) * (s.ndim - 1), *ends), value=padding_value))
    return ops.stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """Return padded sequences, as `pad_sequence` returns them, as a list, each cut to its length."""
    padded = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    wanted = _lengths("unpad_sequence", lengths, padded.shape[0], padded.shape[1])
    return [row[:length] for row, length in zip(padded, wanted.tolist(), strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (L, ...): `pack_padded_sequence` of `pad_sequence`."""
    return pack_padded_sequence(pad_sequence(sequences), [len(s) for s in sequences], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Return packed sequences as a list, in the order in which they were packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
