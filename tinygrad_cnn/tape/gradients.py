"""Accumulating gradients, and reference counting: whether the memory of a gradient may be written to."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.kernels.memory import is_exclusive
from tinygrad_cnn.tape.record import Origin, SeveralOutputs, Variable, make_tensor


class Gradients:
    """The gradients of a backward pass so far, by origin.

    Nothing else refers to a sum that was computed here, so the next gradient is added to it in place. Any other
    array may belong to an input, or a derivative may refer to it, so it is never written to.
    """

    def __init__(self, in_place: bool) -> None:
        self._in_place = in_place
        self._arrived: dict[Origin, Any] = {}
        self._sums: set[Origin] = set()  # origins whose gradient is a sum that was computed here

    def __contains__(self, origin: Origin) -> bool:
        return origin in self._arrived

    def __getitem__(self, origin: Origin) -> Any:
        return self._arrived[origin]

    def add(self, origin: Origin, gradient: Any) -> bool:
        """Add a gradient of an origin; return whether it is the first."""
        before = self._arrived.get(origin)
        if before is None:
            self._arrived[origin] = gradient
            return True
        if origin in self._sums:
            before += gradient
        else:
            self._arrived[origin] = total = before + gradient
            if self._in_place and isinstance(total, np.ndarray):  # NumPy's sum of 0-d arrays is a scalar
                self._sums.add(origin)
        return False

    def put_at(self, source: SeveralOutputs, k: int, gradient: Any) -> bool:
        """Put the gradient of result ``k`` of an operation; return whether it is the first of any result."""
        is_first = source not in self._arrived
        parts = self._arrived.setdefault(source, [None] * len(source.shapes_and_dtypes))
        parts[k] = gradient
        return is_first

    def take(self, origin: Origin) -> Any:
        """Remove and return the gradient of an origin."""
        self._sums.discard(origin)
        return self._arrived.pop(origin)

    def put(self, origin: Origin, gradient: Any) -> None:
        """Replace the gradient of an origin."""
        self._sums.discard(origin)
        self._arrived[origin] = gradient

    def origins(self) -> list[Origin]:
        """Return the origins that have a gradient."""
        return list(self._arrived)

    def as_owned_tensor(self, like: Variable, origin: Origin) -> Any:
        """Return the gradient of an origin as a tensor that shares its memory with nothing else."""
        is_sum = origin in self._sums
        holder = [self.take(origin)]
        if isinstance(holder[0], Variable):
            result = holder[0].clone()  # type: ignore[attr-defined]
        elif (is_sum or is_exclusive(holder)) and holder[0].flags.c_contiguous:
            result = make_tensor(like, holder[0])
        else:
            result = make_tensor(like, np.array(holder[0], order="C"))
        self._arrived[origin] = holder[0]
        return result
