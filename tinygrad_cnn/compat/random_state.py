"""``torch.get_rng_state`` and its kin: the state of this thread's generator as a tensor of bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygrad_cnn.creation import from_array
from tinygrad_cnn.random import default_generator, manual_seed
from tinygrad_cnn.tensor import Tensor

__all__ = ["fork_rng", "get_rng_state", "initial_seed", "seed", "set_rng_state"]


def get_rng_state() -> Tensor:
    """Return the state of this thread's generator, for `set_rng_state`; a checkpoint can hold it.

    >>> import tinygrad_cnn as tg
    >>> state = get_rng_state()
    >>> drawn = tg.rand(2)
    >>> set_rng_state(state)
    >>> tg.equal(tg.rand(2), drawn)
    True
    """
    text = json.dumps(default_generator().bit_generator.state)
    return from_array(np.frombuffer(text.encode(), np.uint8).copy())


def set_rng_state(new_state: Tensor) -> None:
    """Set the state of this thread's generator to what `get_rng_state` returned."""
    try:
        state: Any = json.loads(new_state.array.tobytes())
        default_generator().bit_generator.state = state
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TypeError(f"set_rng_state: wanted what get_rng_state returned, got {new_state!r:.60}") from error


def seed() -> int:
    """Seed this thread's generator with a random number, and return that number."""
    number = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    manual_seed(number)
    return number


def initial_seed() -> int:
    """Return the seed that this thread's generator was last started from."""
    return default_generator().initial_seed()


@contextmanager
def fork_rng(*_: Any, **__: Any) -> Iterator[None]:
    """Set the generator back to where it was at the end of a block."""
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
