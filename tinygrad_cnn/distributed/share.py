"""A rank's share of a global batch, and random numbers that are the same for any number of ranks.

While a share is in use, this thread's generator draws for the whole batch whatever has the share's length as its
first dimension, and returns the share's rows. So a mask of dropout for sample 5 is the same, and the generator ends
in the same state, whether one rank has all samples or each of four a part. All ranks draw all numbers: that is
cheap beside the step.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_cnn.distributed.group import current_group
from tinygrad_cnn.random import Generator, default_generator, replace_generator


@dataclass(frozen=True)
class Share:
    """The samples from ``start`` to ``stop`` of a batch of ``total``.

    If there are fewer samples than ranks, a rank without any has the first one, and counts as 0: it takes the same
    steps as the others, and contributes nothing.
    """

    start: int
    stop: int
    total: int
    counts: bool = True

    @property
    def rows(self) -> slice:
        """The place of the share in the batch."""
        return slice(self.start, self.stop)

    @property
    def samples(self) -> int:
        """How many samples of the share count."""
        return self.stop - self.start if self.counts else 0


def share_of(total: int) -> Share:
    """Return this rank's share of a batch: the first ranks have a sample more if it cannot be divided.

    >>> share_of(10)
    Share(start=0, stop=10, total=10, counts=True)
    """
    ranks = current_group()
    rank, size = (0, 1) if ranks is None else (ranks.rank, ranks.size)
    least, more = divmod(total, size)
    start = rank * least + min(rank, more)
    stop = start + least + (rank < more)
    return Share(start, stop, total) if stop > start else Share(0, 1, total, counts=False)


def rows_of(batch: Any, share: Share) -> Any:
    """Return a share of a batch that is a tensor or a tuple, list or dict of such."""
    if isinstance(batch, Mapping):
        return {name: rows_of(part, share) for name, part in batch.items()}
    if isinstance(batch, (tuple, list)):
        return [rows_of(part, share) for part in batch]
    return batch[share.rows]


_current: ContextVar[Share | None] = ContextVar("share", default=None)


def is_counted() -> bool:
    """Return whether the samples that this thread computes count: not those of a share that has none of its own."""
    share = _current.get()
    return share is None or share.counts


@contextmanager
def drawing_for(share: Share) -> Iterator[ShareGenerator]:
    """Within the block, have this thread's generator draw for the whole batch that a share is of."""
    plain = default_generator()
    generator = ShareGenerator(plain, share)
    token = _current.set(share)
    replace_generator(generator)
    try:
        yield generator
    finally:
        _current.reset(token)
        if default_generator() is generator:
            replace_generator(plain)


_SIZE_AT = {  # at which position a method of NumPy's generator has the shape of what it draws
    "random": 0,
    "standard_exponential": 0,
    "standard_normal": 0,
    "exponential": 1,
    "gumbel": 2,
    "integers": 2,
    "normal": 2,
    "uniform": 2,
}

_PARAMETERS = ("low", "high", "loc", "scale")


class ShareGenerator(Generator):
    """A generator that goes on with the numbers of another, and draws whole batches for a share.

    ``has_drawn_apart`` is whether something was drawn that does not have the share's length as its first dimension.
    """

    def __init__(self, plain: Generator, share: Share) -> None:
        np.random.Generator.__init__(self, plain.bit_generator)
        self._seed, self._share = plain.initial_seed(), share
        self.has_drawn_apart = False

    def _draw(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        plain: Callable[..., Any] = getattr(np.random.Generator, name)
        at, share = _SIZE_AT[name], self._share
        size = args[at] if len(args) > at else kwargs.get("size")
        shape = (size,) if isinstance(size, (int, np.integer)) else tuple(size or ())
        rows = share.stop - share.start
        if not shape or shape[0] != rows or kwargs.get("out") is not None:
            self.has_drawn_apart = True
            return plain(self, *args, **kwargs)
        if any(np.ndim(value) for value in (*args[:at], *(kwargs.get(name, 0) for name in _PARAMETERS))):
            raise ValueError(
                f"{name}: the parameters of the distribution are arrays; wanted numbers, so that each of several "
                "ranks can draw for the whole batch: draw standard numbers, and scale and shift them"
            )
        whole = (share.total, *shape[1:])
        if len(args) > at:
            drawn = plain(self, *args[:at], whole, *args[at + 1 :], **kwargs)
        else:
            drawn = plain(self, *args, **{**kwargs, "size": whole})
        return np.ascontiguousarray(drawn[share.rows])


def _method(name: str) -> Callable[..., Any]:
    def draw(self: ShareGenerator, *args: Any, **kwargs: Any) -> Any:
        return self._draw(name, args, kwargs)

    draw.__name__ = name
    return draw


for _name in _SIZE_AT:
    setattr(ShareGenerator, _name, _method(_name))


def random_checksum() -> int:
    """Return a checksum of the state of this thread's generator, to compare it with those of other ranks."""
    return zlib.crc32(repr(default_generator().bit_generator.state).encode())
