"""Records of compiled kernels are held to the calls that they replace, once, while these run as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.kernels.batch_innermost import memory_order
from tinygrad_cnn.tape.capture import Capture, Instruction, refs_in
from tinygrad_cnn.typing import Array

OF_RESULT, OF_INPUTS = 1e-3, 1e-5
"""How far a result may be off: so much of the largest of its numbers, and of those that the call reads."""


class Kind(NamedTuple):
    """What is known of a value before a program runs."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_batch_innermost: bool


def kind_of(value: Any) -> Kind:
    """Return what is known of a value that was captured."""
    array = np.asarray(value)
    return Kind(array.shape, array.dtype, array.ndim in (2, 4) and samples_innermost(array).flags.c_contiguous)


def samples_innermost(array: Array) -> Array:
    """Return N C H W as the H C W N view of the same memory, and N C as C N."""
    return memory_order(array) if array.ndim == 4 else array.T


class RecordsCheck:
    """Looks at each call that is captured; once the inputs of records are complete, runs them and compares."""

    def __init__(
        self,
        capture: Capture,
        captured: Sequence[Instruction],
        calls: Sequence[Instruction],
        kinds: Sequence[Kind],
        differs: Callable[[str], None],
    ) -> None:
        self._capture, self._captured, self._kinds, self._differs = capture, captured, kinds, differs
        makers = {ref: i for i, call in enumerate(captured) for ref in call.outputs}
        self._due: dict[int, list[Instruction]] = {}
        for call in calls:
            if call.kind == "records":
                known = [makers[ref] for ref in (*call.inputs, *call.outputs) if ref in makers]
                self._due.setdefault(max(known) + 1, []).append(call)

    def look(self) -> None:
        """Check the records whose inputs and outputs are now known."""
        count = len(self._capture.instructions)
        for call in self._due.pop(count, ()):
            if self._is_the_same(count):
                self._check(call)

    def _is_the_same(self, count: int) -> bool:
        """Return whether the same calls were captured up to here; if not, the whole program is given up later."""
        pairs = zip(self._capture.instructions, self._captured[:count], strict=True)
        same = all((a.kind, a.name, a.outputs) == (b.kind, b.name, b.outputs) for a, b in pairs)
        values = self._capture.values
        return same and all(np.shape(v) == kind.shape for v, kind in zip(values, self._kinds, strict=False))

    def _check(self, call: Instruction) -> None:
        values = [np.asarray(value) for value in self._capture.values]
        results = call.function(*(values[ref.number] for ref in call.inputs))
        for ref, result in zip(call.outputs, results, strict=True):
            maker = next(c for c in self._captured if ref in c.outputs)
            scale = max(map(_largest, (values[r.number] for v in maker.inputs for r in refs_in(v))), default=0)
            wanted = values[ref.number]
            allowed = OF_RESULT * _largest(wanted) + OF_INPUTS * scale
            if not np.allclose(result, wanted, rtol=0, atol=allowed, equal_nan=True):
                self._differs(maker.name)
                return


def _largest(array: Array) -> float:
    """Return the largest finite absolute value."""
    finite = np.abs(array[np.isfinite(array)]) if array.dtype.kind == "f" else array[:0]
    return float(finite.max(initial=0))
