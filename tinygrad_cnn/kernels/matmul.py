"""Matrix products of arrays, large ones shared among threads."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn.kernels.dispatch import compiled_if_large
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.kernels.threads import BLAS_SHARES, in_bands
from tinygrad_cnn.typing import Array


def matmul(a: Array, b: Array) -> Array:
    """Return a @ b: a large product of two matrices in bands."""
    if a.shape[-1] == 1 and a.ndim > 1:
        return np.multiply(a, b)  # an outer product, for which BLAS takes several times as long
    if a.size * b.shape[-1] < BLAS_SHARES or a.ndim != 2 or b.ndim != 2:
        return np.matmul(a, b)
    return large_product(a, b)


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
