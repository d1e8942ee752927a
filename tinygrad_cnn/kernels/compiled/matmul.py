"""Matrix products by compiled loops, on the matrices as they lie."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tinygrad_cnn.kernels.compiled.matmul_loops import Plan, multiply, own_size
from tinygrad_cnn.kernels.compiled.simd import WIDE
from tinygrad_cnn.kernels.compiled.thread_pool import bands, in_bands
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.typing import Array

FEWEST_ROWS, FEWEST_COLUMNS = 3, 10
"""Fewer leave much of a tile empty: BLAS is faster."""

LARGEST = WIDE << 14
"""Numbers of a matrix from which on it pays to lay both anew in blocks for the cache, as BLAS does."""

MOST_TERMS = 4096
"""Of more, BLAS adds up parts, which rounds less."""


def large_product(a: Array, b: Array) -> Array | None:
    """Return a @ b, of matrices that each lie in one piece, by rows or by columns."""
    (rows, terms), columns = a.shape, b.shape[1]
    if rows < FEWEST_ROWS or columns < FEWEST_COLUMNS or terms > MOST_TERMS or max(a.size, b.size) >= LARGEST:
        return None
    down, across = not a.flags.c_contiguous, not b.flags.c_contiguous
    a, b = a.T if down else a, b.T if across else b
    if not (a.flags.c_contiguous and b.flags.c_contiguous):
        return None
    plan, count = _plan(rows, terms, columns, down, across), bands(rows, rows * terms * columns)
    out, b = empty((rows, columns), a.dtype), b.reshape(-1)
    own = empty((count * own_size(terms),), a.dtype) if across else b
    in_bands(multiply, plan, (a.reshape(-1), b, own, out.reshape(-1)), rows, count)
    return out


@lru_cache(maxsize=256)
def _plan(rows: int, terms: int, columns: int, down: bool, across: bool) -> Array:
    return np.array(Plan(terms, columns, 1 if down else terms, rows if down else 1, across))
