"""In-place writes: when memory was last written to, so that no derivative reads an overwritten value."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from functools import partial
from itertools import count
from typing import Any

from tinygrad_cnn.typing import Array

clock = count()
"""One counter numbers recorded operations and in-place writes, in the order in which they happen."""


LATEST = 0
"""The key of the latest write of all: no object has this id."""


class _Writes:
    """When each block of memory was last written in place, and by what (PyTorch: version counters).

    There is no lock: a signal handler or a finaliser may write while a write is being noted, and a fork may copy
    a lock that another thread holds. Instead one call of C takes the times from the clock and stores them, so
    that no earlier time can replace a later one.
    """

    def __init__(self) -> None:
        self.times: dict[int, int] = {LATEST: -1}
        """The time of the latest write, by the id of the memory's owner."""
        self._writers: dict[int, tuple[Any, str, int]] = {}  # a reference, who wrote last, since when only they

    def note(self, arrays: Iterable[Array], writer: str) -> None:
        """Note that arrays were written in place, and by what."""
        keys = []
        for array in arrays:
            owner = owner_of(array)
            keys.append(key := id(owner))
            known = self._writers.get(key)
            if known is None:
                self._writers[key] = (weakref.ref(owner, partial(self._forget, key)), writer, next(clock))
            elif known[1] != writer:
                self._writers[key] = (known[0], writer, next(clock))
        self.times.update(zip((*keys, LATEST), clock))  # noqa: B905 (the clock never ends)

    def _forget(self, key: int, _: Any) -> None:
        self._writers.pop(key, None)
        self.times.pop(key, None)

    def lasting(self, array: Array, writer: str) -> tuple[int, int]:
        """Return the first and last time of the latest writes to an array's memory, if all were by this writer.

        Otherwise return (0, -1).
        """
        key = id(owner_of(array))
        known = self._writers.get(key)
        return (known[2], self.times.get(key, -1)) if known is not None and known[1] == writer else (0, -1)

    def after(self, arrays: Iterable[Array], since: int) -> str | None:
        """Return the name of a writer to one of the arrays after a time of the clock, or None."""
        for array in arrays:
            key = id(owner_of(array))
            if self.times.get(key, -1) > since:
                return self._writers[key][1]
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
