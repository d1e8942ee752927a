"""Sums over all of a batch of images but the channels: what bias and normalization ask for in every step."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.dispatch import numpy_kernel
from tinygrad_cnn.kernels.thresholds import CHANNEL_SUMS_COMPILED_FROM
from tinygrad_cnn.typing import Array


@numpy_kernel(reference.channel_sums, compiled_from=CHANNEL_SUMS_COMPILED_FROM)
def channel_sums(x: Array) -> Array:
    """Return the sum over N, H and W of an N C H W array: (C,)."""
    total: Array = np.add.reduce(x, (0, 2, 3))
    return total
