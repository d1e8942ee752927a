"""A section of a program: calls that become records, and what flows into and out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.compiling.records_check import Kind
from tinygrad_cnn.kernels.dispatch import FLOAT32
from tinygrad_cnn.tape.capture import Instruction, Ref, refs_in

Shape = tuple[int, ...]
Emit = Callable[[Any], None]
"""Writes the records of a call for a block of samples, given the `Block`."""


class Sum(NamedTuple):
    """A sum over all samples: how it lies where it is added up, as a table of four dimensions."""

    sizes: tuple[int, int, int, int]
    strides: tuple[int, int, int, int] | None = None  # None: as in the result
    needs_zeros: bool = True


class Section:
    """Calls for one batch of samples. A call joins if its inputs are samples or come from outside.

    Values of the section are *samples*, with the batch as first dimension, which lie with the batch innermost in
    memory, or *sums* over all samples, which no call of the section can read, since they are complete at its end.
    """

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self.kinds = kinds
        self.calls: list[tuple[Instruction, Emit]] = []
        self.batch = 0
        self.cost = 0.0
        self.sampled: set[Ref] = set()
        self.sums: dict[Ref, Sum] = {}
        self.loaded: list[Ref] = []  # samples from outside
        self.shared: list[Ref] = []  # other inputs from outside
        self.outputs: list[Ref] = []
        self.last_use: dict[Ref, int] = {}

    # --- what lowerings ask ---

    def shape(self, ref: Ref) -> Shape:
        """Return the shape of a value."""
        return self.kinds[ref.number].shape

    def size(self, ref: Ref) -> int:
        """Return how many numbers a value has for each sample."""
        return prod(self.shape(ref)[1:])

    def are_samples(self, *refs: Any) -> bool:
        """Return whether values are, or can become, samples of this section: float32 of two or four dimensions."""
        return all(isinstance(ref, Ref) and self._is_sampled(ref) for ref in refs)

    def _is_sampled(self, ref: Ref) -> bool:
        if ref in self.sampled:
            return True
        shape, dtype, _ = self.kinds[ref.number]
        if ref in self.sums or dtype != FLOAT32 or len(shape) not in (2, 4) or not prod(shape):
            return False
        return shape[0] == (self.batch or shape[0])

    def are_shared(self, *refs: Any) -> bool:
        """Return whether values come from outside of the section: float32, or None."""
        return all(ref is None or (isinstance(ref, Ref) and self._is_shared(ref)) for ref in refs)

    def _is_shared(self, ref: Ref) -> bool:
        return ref not in self.sampled and ref not in self.sums and self.kinds[ref.number].dtype == FLOAT32

    def are_targets(self, ref: Any) -> bool:
        """Return whether a value from outside holds the class of each sample."""
        if not isinstance(ref, Ref) or ref in self.sampled or ref in self.sums:
            return False
        shape, dtype, _ = self.kinds[ref.number]
        return dtype == np.int64 and len(shape) == 1 and shape[0] == (self.batch or shape[0])

    # --- building ---

    def join(
        self,
        call: Instruction,
        emit: Emit,
        samples: Sequence[Ref],
        shared: Sequence[Any],
        total: Sum | None,
        cost: float = 0,
    ) -> None:
        """Add a call that reads samples and shared values; its result is a sample, or a sum.

        The cost is counted in multiplications for each sample.
        """
        self.cost += cost
        self.batch = self.batch or self.shape(samples[0])[0]
        for ref in samples:
            self.last_use[ref] = len(self.calls)
            if ref not in self.sampled and ref not in self.loaded:
                self.loaded.append(ref)
        for ref in shared:
            if ref is not None and ref not in self.shared:
                self.shared.append(ref)
        (out,) = call.outputs
        if total is None:
            self.sampled.add(out)
            self.last_use[out] = len(self.calls)
        else:
            self.sums[out] = total
        self.calls.append((call, emit))

    def close(self, wanted: set[Ref]) -> None:
        """Note which values are read outside."""
        self.outputs = [out for call, _ in self.calls for out in call.outputs if out in wanted]

    @property
    def inputs(self) -> list[Ref]:
        """The values that are read from outside, each once."""
        return list(dict.fromkeys([*self.loaded, *self.shared]))

    def is_batch_innermost(self, ref: Ref) -> bool:
        """Return whether samples from outside are read with the batch innermost; all else is read in C order."""
        return ref in self.loaded and ref not in self.shared and self.kinds[ref.number].is_batch_innermost

    @property
    def crossings(self) -> int:
        """How many samples have to be copied to or from the section's memory."""
        return len(self.loaded) + len(self.sampled.intersection(self.outputs))


def reads(calls: Sequence[Instruction]) -> set[Ref]:
    """Return what calls read."""
    return {ref for call in calls for value in (*call.inputs, *call.constants.values()) for ref in refs_in(value)}
