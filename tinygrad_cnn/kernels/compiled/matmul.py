"""Matrix products by compiled loops, without the copies ("packing") that BLAS makes of both matrices."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tinygrad_cnn.kernels.compiled.machine_code import address
from tinygrad_cnn.kernels.compiled.plans import MatmulPlan, packed_size
from tinygrad_cnn.kernels.compiled.thread_pool import band_count, parallel_for
from tinygrad_cnn.kernels.compiled.vectors import WIDE
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.kernels.thresholds import (
    MATMUL_COMPILED_BELOW,
    MATMUL_COMPILED_COLUMNS,
    MATMUL_COMPILED_ROWS,
    MATMUL_COMPILED_TERMS,
)
from tinygrad_cnn.typing import Array

multiply = address("matmul_loops", "multiply")


def large_matmul(a: Array, b: Array) -> Array | None:
    """Return a @ b, of matrices that are each contiguous, by rows or by columns."""
    (rows, terms), columns = a.shape, b.shape[1]
    if rows < MATMUL_COMPILED_ROWS or columns < MATMUL_COMPILED_COLUMNS or terms > MATMUL_COMPILED_TERMS:
        return None
    if max(a.size, b.size) >= MATMUL_COMPILED_BELOW * WIDE:
        return None
    down, across = not a.flags.c_contiguous, not b.flags.c_contiguous
    a, b = a.T if down else a, b.T if across else b
    if not (a.flags.c_contiguous and b.flags.c_contiguous):
        return None
    plan, count = _plan(rows, terms, columns, down, across), band_count(rows, rows * terms * columns)
    out, b = empty((rows, columns), a.dtype), b.reshape(-1)
    packed = empty((count * packed_size(terms),), a.dtype) if across else b
    parallel_for(multiply, plan, (a.reshape(-1), b, packed, out.reshape(-1)), rows, count)
    return out


@lru_cache(maxsize=256)
def _plan(rows: int, terms: int, columns: int, down: bool, across: bool) -> Array:
    return np.array(MatmulPlan(terms, columns, 1 if down else terms, rows if down else 1, across))
