"""Matrix products of arrays, large ones shared among threads."""

from __future__ import annotations

from math import inf

import numpy as np
from numpy.lib import NumpyVersion

from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.dispatch import numpy_kernel
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.kernels.sums import total
from tinygrad_cnn.kernels.threads import parallel_for
from tinygrad_cnn.kernels.thresholds import BLAS_THREADS_FROM, MATMUL_BLOCK_TERMS, MATMUL_BLOCKED_UP_TO
from tinygrad_cnn.typing import Array

_COPIES_FOR_BLAS = NumpyVersion(np.__version__) >= "2.3.0"


@numpy_kernel(np.matmul, compiled_from=inf)
def matmul(a: Array, b: Array) -> Array:
    """Return a @ b, two large matrices by `large_matmul`."""
    terms = a.shape[-1]
    if not _COPIES_FOR_BLAS:
        a, b = _for_blas(a), _for_blas(b)
    if terms == 1 and a.ndim > 1:
        return np.multiply(a, b)  # an outer product, for which BLAS takes several times as long
    if a.ndim == b.ndim == 2 and a.size * b.shape[1] >= BLAS_THREADS_FROM:
        return large_matmul(a, b)
    return in_blocks(a, b) if terms > 2 * MATMUL_BLOCK_TERMS and is_long(a, b) else np.matmul(a, b)


def is_long(a: Array, b: Array) -> bool:
    """Return whether a @ b has many terms and few results: then BLAS adds the terms one after the other."""
    return (
        a.shape[-1] > 2 * MATMUL_BLOCK_TERMS
        and min(a.ndim, b.ndim) > 1
        and a.shape[-2] * b.shape[-1] <= MATMUL_BLOCKED_UP_TO
        and a.dtype.char in "fd"
    )


def _for_blas(x: Array) -> Array:
    """Return x, or a copy if BLAS cannot read x in place.

    NumPy before 2.3 makes no such copy: it multiplies by a plain loop then, which takes 30 times as long and adds
    all terms one after the other.
    """
    (rows, columns), (down, across) = (1, *x.shape)[-2:], (x.size * x.itemsize, *x.strides)[-2:]
    by_rows = across == x.itemsize and down >= columns * across
    by_columns = down == x.itemsize and across >= rows * down
    return x if by_rows or by_columns else np.ascontiguousarray(x)


def in_blocks(a: Array, b: Array) -> Array:
    """Return a @ b as the sum of the products of blocks of columns of a and rows of b."""
    (*batch, rows, terms), block = a.shape, MATMUL_BLOCK_TERMS
    whole = terms - terms % block
    blocks = a[..., :whole].reshape(*batch, rows, -1, block).swapaxes(-3, -2)
    products = np.matmul(blocks, b[..., :whole, :].reshape(*b.shape[:-2], -1, block, b.shape[-1]))
    out = total(products, (products.ndim - 3,))
    return out if whole == terms else out + np.matmul(a[..., whole:], b[..., whole:, :])


@numpy_kernel(np.matmul)
def large_matmul(a: Array, b: Array) -> Array:
    """Return a @ b for two matrices, in bands of rows, or of columns where there are many more of them."""
    (rows, _), columns = a.shape, b.shape[1]
    cost = a.size * columns
    if is_long(a, b):
        return in_blocks(a, b)
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
