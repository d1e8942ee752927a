"""Matrix products of arrays, large ones shared among threads."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.dispatch import numpy_kernel
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.kernels.threads import parallel_for
from tinygrad_cnn.kernels.thresholds import BLAS_THREADS_FROM
from tinygrad_cnn.typing import Array


def matmul(a: Array, b: Array) -> Array:
    """Return a @ b: an outer product as a product of elements, and two large matrices by `large_matmul`."""
    if a.shape[-1] == 1 and a.ndim > 1:
        return np.multiply(a, b)  # BLAS takes several times as long
    if a.size * b.shape[-1] < BLAS_THREADS_FROM or a.ndim != 2 or b.ndim != 2:
        return np.matmul(a, b)
    return large_matmul(a, b)


@numpy_kernel(np.matmul)
def large_matmul(a: Array, b: Array) -> Array:
    """Return a @ b for two matrices, in bands of rows, or of columns where there are many more of them."""
    (rows, _), columns = a.shape, b.shape[1]
    cost = a.size * columns
    out = empty((rows, columns), a.dtype)
    if 4 * rows >= columns:  # BLAS is faster on a band of rows: it packs the other matrix once, not for each block
        parallel_for(lambda i, j: np.matmul(a[i:j], b, out=out[i:j]), rows, cost)
    else:
        parallel_for(lambda i, j: np.matmul(a, b[:, i:j], out=out[:, i:j]), columns, cost)
    return out


@numpy_kernel(reference.linear)
def linear(x: Array, w: Array, bias: Array | None) -> Array:
    """Return x @ w.T, plus the bias, for rows x (..., C) and a weight w (O, C).

    Of a matrix x it computes w @ x.T and returns its transpose: BLAS is faster so, and a batch that lies innermost
    in x lies innermost in the result.
    """
    out = matmul(w, x.T).T if x.ndim == 2 else matmul(x, w.T)
    if bias is not None:
        out += bias
    return out
