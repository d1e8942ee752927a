"""In-place writes: when memory was last written to, so that no derivative reads an overwritten value."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from functools import partial
from itertools import count
from typing import Any

from tinygrad_cnn.typing import Array

clock = count()
"""One counter numbers recorded operations and in-place writes, in the order in which they happen."""


class _Writes:
    """When each block of memory was last written in place, and by what (PyTorch: version counters)."""

    def __init__(self) -> None:
        self.latest = -1
        self._lock = threading.Lock()
        self._by_owner: dict[int, tuple[Any, int, str, int]] = {}

    def note(self, arrays: Iterable[Array], writer: str) -> None:
        with self._lock:
            self.latest = now = next(clock)
            for array in arrays:
                owner = owner_of(array)
                key = id(owner)
                if (known := self._by_owner.get(key)) is not None:
                    self._by_owner[key] = (known[0], now, writer, known[3] if known[2] == writer else now)
                else:
                    self._by_owner[key] = (weakref.ref(owner, partial(self._forget, key)), now, writer, now)

    def _forget(self, key: int, _: Any) -> None:
        self._by_owner.pop(key, None)

    def lasting(self, array: Array, writer: str) -> tuple[int, int]:
        """Return the first and last time of the latest writes to an array's memory, if all were by this writer.

        Otherwise return (0, -1).
        """
        entry = self._by_owner.get(id(owner_of(array)))
        return (entry[3], entry[1]) if entry is not None and entry[2] == writer else (0, -1)

    def after(self, arrays: Iterable[Array], since: int) -> str | None:
        """Return the name of a writer to one of the arrays after a time of the clock, or None."""
        for array in arrays:
            entry = self._by_owner.get(id(owner_of(array)))
            if entry is not None and entry[1] > since:
                return entry[2]
        return None


def owner_of(array: Any) -> Any:
    """Return the object that owns the memory of an array and of all its views."""
    while (base := array.base) is not None and hasattr(base, "base"):
        array = base
    return array


writes = _Writes()


def mark_written(array: Array, writer: str) -> None:
    """Note that an array was written in place, and by what: every in-place operation must call this."""
    writes.note((array,), writer)
