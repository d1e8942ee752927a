"""Accumulating gradients, and reference counting: whether the memory of a gradient may be written to."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.kernels.memory import is_exclusive
from tinygrad_cnn.tape.record import Origin, SeveralOutputs, Variable, make_tensor


class Gradients(dict[Origin, Any]):
    """The gradients of a backward pass so far, by origin.

    Nothing else refers to a sum that was computed here, so the next gradient is added to it in place. Any other
    array may belong to an input, or a derivative may refer to it, so it is never written to.
    """

    def __init__(self, in_place: bool) -> None:
        self._in_place = in_place
        self._sums: set[Origin] = set()  # origins whose gradient is a sum that was computed here

    def add(self, origin: Origin, gradient: Any) -> None:
        """Add a gradient to the one that has arrived at its origin before."""
        if origin in self._sums:
            self[origin] += gradient
        else:
            self[origin] = total = self[origin] + gradient
            if self._in_place and isinstance(total, np.ndarray):  # NumPy's sum of 0-d arrays is a scalar
                self._sums.add(origin)

    def put_at(self, source: SeveralOutputs, k: int, gradient: Any) -> bool:
        """Put the gradient of result ``k`` of an operation; return whether it is the first of any result."""
        is_first = source not in self
        self.setdefault(source, [None] * len(source.shapes_and_dtypes))[k] = gradient
        return is_first

    def replace(self, origin: Origin, gradient: Any) -> None:
        """Replace the gradient of an origin by one that may be referred to elsewhere."""
        self._sums.discard(origin)
        self[origin] = gradient

    def as_owned_tensor(self, like: Variable, origin: Origin) -> Any:
        """Return the gradient of an origin as a tensor that shares its memory with nothing else."""
        if isinstance(self[origin], Variable):
            return self[origin].clone()
        is_own = origin in self._sums or is_exclusive(self, origin)
        gradient = self[origin]
        if not (is_own and gradient.flags.c_contiguous):
            gradient = np.array(gradient, order="C")
        return make_tensor(like, gradient)
