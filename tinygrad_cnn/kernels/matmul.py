"""Matrix products of arrays, large ones shared among threads."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn.kernels.dispatch import compiled_if_large
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.kernels.sums import total
from tinygrad_cnn.kernels.threads import BLAS_SHARES, in_bands
from tinygrad_cnn.typing import Array

LONG = 1024
"""Terms of a block. BLAS adds those of a small product one by one: of 3,000,000 float32, 4 digits are right."""

SMALL = 1 << 12
"""Numbers of a product up to which its terms come in blocks; a larger one BLAS cuts into blocks itself."""


def matmul(a: Array, b: Array) -> Array:
    """Return a @ b: a small product of many terms in blocks of them, a large product of two matrices in bands."""
    terms = a.shape[-1]
    if terms == 1 and a.ndim > 1:
        return np.multiply(a, b)  # an outer product, for which BLAS takes several times as long
    if terms > 4 * LONG and a.ndim == b.ndim == 2 and len(a) * b.shape[1] <= SMALL and a.dtype.char in "fd":
        return _in_blocks(a, b)
    if a.size * b.shape[-1] < BLAS_SHARES or a.ndim != 2 or b.ndim != 2:
        return np.matmul(a, b)
    return large_product(a, b)


def _in_blocks(a: Array, b: Array) -> Array:
    """Return a @ b as the sum of the products of blocks of columns of a and rows of b."""
    whole = a.shape[1] - a.shape[1] % LONG
    blocks = a[:, :whole].reshape(len(a), -1, LONG).swapaxes(0, 1)
    out = total(np.matmul(blocks, b[:whole].reshape(-1, LONG, b.shape[1])), (0,))
    return out if whole == a.shape[1] else out + np.matmul(a[:, whole:], b[whole:])


@compiled_if_large
def large_product(a: Array, b: Array) -> Array:
    """Return a @ b for two matrices, in bands of rows, or of columns where there are many more."""
    (rows, _), columns = a.shape, b.shape[1]
    cost = a.size * columns
    out = empty((rows, columns), a.dtype)
    if 4 * rows >= columns:  # BLAS likes a band of rows better: it copies the other matrix once, not for each block
        in_bands(lambda i, j: np.matmul(a[i:j], b, out=out[i:j]), rows, cost)
    else:
        in_bands(lambda i, j: np.matmul(a, b[:, i:j], out=out[:, i:j]), columns, cost)
    return out
