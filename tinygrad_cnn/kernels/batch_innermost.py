"""Images N C H W, laid out in memory as H C W N: as convolution likes them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tinygrad_cnn.kernels.dispatch import compiled_if_large
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.typing import Array

MANY = 1 << 14
"""Numbers from which on it is worth to look at how they lie."""


def to_batch_innermost(x: Array) -> Array:
    """Return N C H W as H C W N in one piece of memory."""
    image = x.transpose(2, 1, 3, 0)
    return image if image.flags.c_contiguous else copy_to_batch_innermost(x)


@partial(compiled_if_large, smallest=MANY)
def copy_to_batch_innermost(x: Array) -> Array:
    """Copy N C H W to H C W N."""
    image = x.transpose(2, 1, 3, 0)
    if image.strides[3] % 4096 or not x.size:
        return np.ascontiguousarray(image)
    # Samples a power of two apart share few places in a cache: row by row, they are first brought closer together.
    copy = empty(image.shape, x.dtype)
    _, channels, width, batch = copy.shape
    for row, target in zip(image, copy, strict=True):
        samples = np.empty((batch, channels * width + 16), x.dtype)[:, :-16]
        samples.reshape(batch, channels, width)[...] = row.transpose(2, 0, 1)
        target.reshape(-1, batch)[...] = samples.T
    return copy


def in_same_layout(a: Any, b: Any) -> tuple[Any, Any]:
    """Return two operands, both as H C W N if they are large images of which only one lies so.

    NumPy would go through them as the other lies, and lay its result so too.
    """
    if (
        getattr(a, "ndim", 0) != 4
        or a.size < MANY
        or getattr(b, "shape", None) != a.shape
        or a.strides == b.strides
    ):
        return a, b
    if (a.strides[0] == a.itemsize) == (b.strides[0] == b.itemsize):
        return a, b
    return to_batch_innermost(a).transpose(3, 1, 0, 2), to_batch_innermost(b).transpose(3, 1, 0, 2)


def from_batch_innermost(x: Array) -> Array:
    """Return H C W N as the N C H W view that callers see."""
    return x.transpose(3, 1, 0, 2)
