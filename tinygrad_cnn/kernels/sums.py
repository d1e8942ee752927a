"""Sums over all of a batch of images but the channels: what bias and normalization ask for in every step."""

from __future__ import annotations

from functools import partial

import numpy as np

from tinygrad_cnn.kernels.dispatch import compiled_if_large
from tinygrad_cnn.typing import Array


@partial(compiled_if_large, smallest=1 << 14)
def channel_sums(x: Array) -> Array:
    """Return the sum over N, H and W of an N C H W array: (C,)."""
    total: Array = np.add.reduce(x, (0, 2, 3))
    return total
