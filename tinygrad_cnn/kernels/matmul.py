"""Matrix products of arrays, large ones shared among threads."""

from __future__ import annotations

from math import inf

import numpy as np

from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.dispatch import numpy_kernel
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.kernels.sums import total
from tinygrad_cnn.kernels.threads import parallel_for
from tinygrad_cnn.kernels.thresholds import BLAS_THREADS_FROM, MATMUL_BLOCK_TERMS, MATMUL_BLOCKED_UP_TO
from tinygrad_cnn.typing import Array


@numpy_kernel(np.matmul, compiled_from=inf)
def matmul(a: Array, b: Array) -> Array:
    """Return a @ b: a small product of many terms in blocks of them, two large matrices by `large_matmul`."""
    terms = a.shape[-1]
    if terms == 1 and a.ndim > 1:
        return np.multiply(a, b)  # an outer product, for which BLAS takes several times as long
    two_matrices = a.ndim == b.ndim == 2
    long = terms > 4 * MATMUL_BLOCK_TERMS and a.dtype.char in "fd"
    if long and two_matrices and len(a) * b.shape[1] <= MATMUL_BLOCKED_UP_TO:
        return _in_blocks(a, b)
    if not two_matrices or a.size * b.shape[-1] < BLAS_THREADS_FROM:
        return np.matmul(a, b)
    return large_matmul(a, b)


def _in_blocks(a: Array, b: Array) -> Array:
    """Return a @ b as the sum of the products of blocks of columns of a and rows of b."""
    whole = a.shape[1] - a.shape[1] % MATMUL_BLOCK_TERMS
    blocks = a[:, :whole].reshape(len(a), -1, MATMUL_BLOCK_TERMS).swapaxes(0, 1)
    out = total(np.matmul(blocks, b[:whole].reshape(-1, MATMUL_BLOCK_TERMS, b.shape[1])), (0,))
    return out if whole == a.shape[1] else out + np.matmul(a[:, whole:], b[whole:])


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


@numpy_kernel(reference.linear, compiled_from=inf)
def linear(x: Array, w: Array, bias: Array | None) -> Array:
    """Return x @ w.T, plus the bias, for rows x (..., C) and a weight w (O, C).

    Of a matrix x it computes w @ x.T and returns its transpose: BLAS is faster so, and a batch that lies innermost
    in x lies innermost in the result.
    """
    out = matmul(w, x.T).T if x.ndim == 2 else matmul(x, w.T)
    if bias is not None:
        out += bias
    return out
