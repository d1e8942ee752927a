"""Linear algebra, under the names of ``torch.linalg``."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from tinygrad_cnn import ops
from tinygrad_cnn.ops.arguments import as_tuple, many_dims, want_float
from tinygrad_cnn.ops.factor import eigh, eigvalsh, lstsq, matrix_rank, pinv, qr, solve_triangular, svd, svdvals
from tinygrad_cnn.ops.linalg import cholesky, det, inv, matrix_power, multi_dot, slogdet, solve
from tinygrad_cnn.ops.reduce import as_type
from tinygrad_cnn.ops.spellings import spell
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.typing import T

__all__ = [
    "cholesky",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "vector_norm",
]


def vector_norm(
    x: T, ord: float = 2, dim: int | Sequence[int] | None = None, keepdim: bool = False, dtype: Any = None
) -> T:
    """Return the norm (sum |x|^ord)^(1/ord) over the given dimensions, by default all: see `tinygrad_cnn.norm`.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.vector_norm(tg.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if not isinstance(ord, (int, float)):
        raise ValueError(f"vector_norm: the order is {ord!r}; wanted a number")
    return ops.norm(x, ord, dim, keepdim, dtype)


def norm(
    A: T,
    ord: float | str | None = None,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    dtype: Any = None,
) -> T:
    """Return the norm of vectors or matrices over the given dimensions, by default all.

    One dimension gives `vector_norm`, two a matrix norm: "fro", or the largest sum of absolute values in a column
    (order 1) or a row (inf); -1 and -inf give the smallest. Without an order it is the root of the sum of squares.
    Raises ValueError for the norms of singular values: 2, -2 and "nuc".

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.norm(tg.ones(2, 2), "fro").item(), tg.linalg.norm(tg.ones(3, 2), 1).item()
    (2.0, 3.0)
    """
    dims = tuple(range(A.ndim)) if dim is None else as_tuple(dim)
    if ord == "fro" and len(dims) != 2:
        raise ValueError(f"norm: 'fro' is for matrices, got {len(dims)} dimensions")
    if isinstance(ord, (int, float)) and len(dims) != 1:
        return _matrix_norm(as_type(A, dtype), ord, dims, keepdim)
    return ops.norm(A, "fro" if ord is None else ord, dim, keepdim, dtype)


def _matrix_norm(A: T, ord: float, dims: tuple[int, ...], keepdim: bool) -> T:
    """Return the largest or smallest sum of absolute values in columns (order 1, -1) or rows (inf, -inf)."""
    if len(dims) != 2 or abs(ord) not in (1, inf):
        raise ValueError(
            f"norm: over {len(dims)} dimensions the order is {ord}; wanted 'fro', 1, -1, inf or -inf of two, "
            "or see vector_norm"
        )
    want_float("norm", A)
    many_dims("norm", dims, A.ndim)
    along, over = dims if abs(ord) == 1 else dims[::-1]
    sums = ops.sum(ops.abs(A), along, keepdim=True)
    largest = ops.amax if sums.shape[over] else ops.sum  # of no sums, the largest is 0
    extreme = (largest if ord > 0 else ops.amin)(sums, over, keepdim=True)
    return extreme if keepdim else ops.squeeze(extreme, dims)


spell(globals(), __all__)
explain_missing_names("torch.linalg", __name__)
