"""How gradients add up where several arrive, and whose memory a gradient is."""

from __future__ import annotations

from sys import getrefcount
from typing import Any

import numpy as np

from tinygrad_cnn.kernels.memory import has_own
from tinygrad_cnn.tape.record import Origin, SeveralOutputs, Variable, make_tensor
from tinygrad_cnn.typing import Array


class Gradients:
    """The gradients that have arrived so far, by the origin that they are for.

    A sum that was made here is known to be nobody else's, so the next gradient is added to it in place. Any other
    array may be an input's, or be referred to by a derivative, and is never written to.
    """

    def __init__(self, in_place: bool) -> None:
        self._in_place = in_place
        self._arrived: dict[Origin, Any] = {}
        self._sums: set[Origin] = set()  # where the gradient is a sum that was made here

    def __contains__(self, origin: Origin) -> bool:
        return origin in self._arrived

    def add(self, origin: Origin, gradient: Any) -> bool:
        """Add a gradient to those that arrived at an origin; return whether it is the first."""
        before = self._arrived.get(origin)
        if before is None:
            self._arrived[origin] = gradient
            return True
        if origin in self._sums:
            before += gradient
        else:
            self._arrived[origin] = total = before + gradient
            if self._in_place and isinstance(total, np.ndarray):  # of 0-d arrays, NumPy's sum is a number
                self._sums.add(origin)
        return False

    def add_at(self, source: SeveralOutputs, k: int, gradient: Any) -> bool:
        """Add a gradient of result ``k`` of an operation; return whether the operation has no other yet."""
        found = self._arrived.get(source)
        parts = [None] * len(source.shapes_and_dtypes) if found is None else found
        self._arrived[source] = parts
        parts[k] = gradient if parts[k] is None else parts[k] + gradient
        return found is None

    def take(self, origin: Origin) -> Any:
        """Return the gradient of an origin, and forget it."""
        self._sums.discard(origin)
        return self._arrived.pop(origin)

    def put(self, origin: Origin, gradient: Any) -> None:
        """Put another gradient in place of what arrived at an origin."""
        self._sums.discard(origin)
        self._arrived[origin] = gradient

    def origins(self) -> list[Origin]:
        """Return the origins that a gradient has arrived at."""
        return list(self._arrived)

    def own(self, like: Variable, origin: Origin) -> Any:
        """Return the gradient of an origin as a tensor that shares its memory with no other."""
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


def is_exclusive(holder: list[Array]) -> bool:
    """Return whether nothing but the list refers to the array in it, and no other array shows its memory.

    The interpreter's reference counting tells. What it counts for an array that only a list refers to differs from
    one Python to another, and so is measured once.
    """
    return isinstance(holder[0], np.ndarray) and getrefcount(holder[0]) == _ALONE and has_own(holder[0])


def _count_alone() -> int:
    holder = [np.empty(1)]
    return getrefcount(holder[0])


_ALONE = _count_alone()
