"""Random generators and their seed (manual_seed); NumPy's global state is not used.

Each thread has its own generator, so that concurrent runs do not affect one another.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from tinygrad_cnn.support.devices import want_cpu


class Generator(np.random.Generator):
    """A NumPy generator that can be seeded again, as PyTorch's can.

    >>> import tinygrad_cnn as tg
    >>> tg.randperm(4, generator=tg.Generator().manual_seed(0)).tolist()
    [2, 0, 1, 3]
    """

    def __init__(self, device: Any = "cpu") -> None:
        want_cpu("Generator", device)
        self._seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
        super().__init__(np.random.PCG64(self._seed))

    def manual_seed(self, seed: int) -> Generator:
        """Restart from a seed, with the numbers of NumPy's ``default_rng(seed)``, and return the generator."""
        super().__init__(np.random.PCG64(seed))
        self._seed = seed
        return self

    def initial_seed(self) -> int:
        """Return the seed that the generator was last started from."""
        return self._seed

    def get_state(self) -> dict[str, Any]:
        """Return the state, for `set_state`."""
        return dict(self.bit_generator.state)

    def set_state(self, new_state: dict[str, Any]) -> None:
        """Continue from a state that `get_state` returned."""
        self.bit_generator.state = new_state

    def spawn(self, n_children: int) -> list[np.random.Generator]:
        """Return generators that are independent of this one and of each other."""
        return [np.random.Generator(bits) for bits in self.bit_generator.spawn(n_children)]


GeneratorArgument = np.random.Generator | None
"""A generator, or None for that of this thread."""


class _Default(threading.local):
    def __init__(self) -> None:
        self.generator = Generator()


_default = _Default()


def manual_seed(seed: int) -> Generator:
    """Restart this thread's generator from a seed, and return it.

    >>> import tinygrad_cnn as tg
    >>> _ = tg.manual_seed(0)
    >>> a = tg.rand(2)
    >>> _ = tg.manual_seed(0)
    >>> bool((a == tg.rand(2)).all())
    True
    """
    _default.generator = Generator().manual_seed(seed)
    return _default.generator


def default_generator() -> Generator:
    """Return this thread's generator, from which functions draw if no generator is given.

    >>> import tinygrad_cnn as tg
    >>> tg.default_generator() is tg.default_generator()
    True
    """
    return _default.generator


def replace_generator(generator: Generator) -> None:
    """Have functions draw from another generator, in this thread, if none is given to them."""
    _default.generator = generator
