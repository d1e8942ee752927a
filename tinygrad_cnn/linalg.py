"""Linear algebra, under the names of ``torch.linalg``."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, prod
from typing import Any

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.ops.arguments import as_tuple, many_dims, one_dim, want_float, want_same_dtype
from tinygrad_cnn.ops.factor import eigh, eigvalsh, lstsq, matrix_rank, pinv, qr, solve_triangular, svd, svdvals
from tinygrad_cnn.ops.linalg import cholesky, det, inv, matrix_exp, matrix_power, multi_dot, slogdet, solve
from tinygrad_cnn.ops.matrix import matmul
from tinygrad_cnn.ops.reduce import as_type
from tinygrad_cnn.ops.spellings import spell
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.capture import constant
from tinygrad_cnn.typing import T

__all__ = [
    "LinAlgError",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_exp",
    "matrix_norm",
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
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]

LinAlgError = ValueError
"""What a singular matrix raises here; PyTorch's class is a RuntimeError."""


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

    One dimension gives `vector_norm`, two `matrix_norm`. Without an order it is the root of the sum of squares.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.norm(tg.ones(2, 2), "fro").item(), tg.linalg.norm(tg.ones(3, 2), 1).item()
    (2.0, 3.0)
    """
    dims = tuple(range(A.ndim)) if dim is None else as_tuple(dim)
    if isinstance(ord, str) and len(dims) != 2:
        raise ValueError(f"norm: {ord!r} is for matrices, got {len(dims)} dimensions")
    if isinstance(ord, str) or (ord is not None and len(dims) != 1):
        return matrix_norm(A, ord, dims, keepdim, dtype=dtype)
    return ops.norm(A, "fro" if ord is None else ord, dim, keepdim, dtype)


def matrix_norm(
    A: T, ord: float | str = "fro", dim: Sequence[int] = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> T:
    """Return the norm of the matrices that lie along two dimensions.

    The order is "fro" (the root of the sum of squares), 2 or -2 (the largest or smallest singular value), "nuc"
    (the sum of singular values), or the largest sum of absolute values in a column (1) or a row (inf); -1 and -inf
    give the smallest.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.matrix_norm(tg.tensor([[3.0, 0.0], [0.0, -4.0]]), "nuc")
    tensor(7.)
    """
    orders = ("fro", "nuc", 1, -1, 2, -2, inf, -inf)
    if len(as_tuple(dim)) != 2 or ord not in orders:
        raise ValueError(
            f"matrix_norm: over {len(as_tuple(dim))} dimensions the order is {ord!r}; wanted two dimensions "
            f"and one of {orders}, or see vector_norm"
        )
    x = as_type(A, dtype)
    want_float("matrix_norm", x)
    if ord == "fro":
        return ops.norm(x, "fro", dim, keepdim)
    many_dims("matrix_norm", dim, A.ndim)
    dims = tuple(one_dim("matrix_norm", d, A.ndim) for d in dim)
    if ord in ("nuc", 2, -2):
        values = ops.unsqueeze(svdvals(ops.movedim(x, dims, (-2, -1))), -1)
        sums = ops.movedim(values, (-2, -1), dims)
        along, over = dims[::-1]
    else:
        along, over = dims if abs(float(ord)) == 1 else dims[::-1]
        sums = ops.sum(ops.abs(x), along, keepdim=True)
    if ord == "nuc" or (not sums.shape[over] and float(ord) > 0):  # of no sums, the largest is 0
        extreme = ops.sum(sums, over, keepdim=True)
    else:
        extreme = (ops.amax if float(ord) > 0 else ops.amin)(sums, over, keepdim=True)
    return extreme if keepdim else ops.squeeze(extreme, dims)


def cond(A: T, p: float | str | None = None) -> T:
    """Return the condition number of each matrix: the norm of A times that of its inverse, of the order p.

    By default, or with 2 or -2, it is the largest singular value over the smallest, or the other way round. That of
    a singular matrix is infinite.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.cond(tg.tensor([[2.0, 0.0], [0.0, 0.5]]))
    tensor(4.)
    """
    if p in (None, 2, -2):
        values = svdvals(A)
        largest, smallest = ops.select(values, -1, 0), ops.select(values, -1, -1)
        return smallest / largest if p == -2 else largest / smallest
    singular = slogdet(A).sign == 0
    mask = ops.unsqueeze(ops.unsqueeze(singular, -1), -1)
    inverse = inv(ops.where(mask, np.eye(A.shape[-1], dtype=A.dtype), A))
    order = "fro" if p is None else p
    return ops.where(singular, inf, matrix_norm(A, order) * matrix_norm(inverse, order))


def cross(input: T, other: T, *, dim: int = -1) -> T:
    """Return the cross product of vectors along a dimension of length 3.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.cross(tg.tensor([1.0, 0.0, 0.0]), tg.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    if input.ndim != other.ndim or {3} != {x.shape[one_dim("cross", dim, x.ndim)] for x in (input, other)}:
        raise ValueError(
            f"cross: shapes {input.shape} and {other.shape} do not fit: wanted 3 along dimension {dim}"
        )
    return ops.cross(input, other, dim)


def vecdot(x: T, y: T, *, dim: int = -1) -> T:
    """Return the dot products of vectors along a dimension; the other dimensions broadcast.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.vecdot(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    want_same_dtype("vecdot", x=x, y=y)
    return ops.sum(ops.mul(x, y), dim)


def diagonal(A: T, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> T:
    """Return the diagonal of each matrix: `tinygrad_cnn.diagonal` of the last two dimensions.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.diagonal(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([1., 4.])
    """
    return ops.diagonal(A, offset, dim1, dim2)


def vander(x: T, *, N: int | None = None) -> T:
    """Return the powers of each entry of vectors (..., n) as a row, N of them, from 0: a Vandermonde matrix.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.vander(tg.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [1, 2, 4],
            [1, 3, 9]])
    """
    x = x if x.ndim else ops.unsqueeze(x, 0)
    return ops.pow(ops.unsqueeze(x, -1), constant(np.arange(x.shape[-1] if N is None else N)))


def tensorinv(A: T, ind: int = 2) -> T:
    """Return the inverse of A as a linear map from its dimensions behind ``ind`` to those before.

    The products of both groups of lengths must be equal, as a matrix must be square.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.tensorinv(tg.eye(4).reshape(2, 2, 4)).shape
    (4, 2, 2)
    """
    if not 0 < ind <= A.ndim or prod(A.shape[:ind]) != prod(A.shape[ind:]):
        raise ValueError(f"tensorinv: shape {A.shape} is not square when parted before dimension {ind}")
    rows = prod(A.shape[:ind])
    return ops.reshape(inv(ops.reshape(A, rows, rows)), A.shape[ind:] + A.shape[:ind])


def tensorsolve(A: T, B: T, dims: Sequence[int] | None = None) -> T:
    """Return the X with tensordot(A, X, X.ndim) = B; ``dims`` of A are moved behind the others first.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.tensorsolve(tg.eye(4).reshape(2, 2, 4) * 2, tg.ones(2, 2)).tolist()
    [0.5, 0.5, 0.5, 0.5]
    """
    if dims is not None:
        A = ops.movedim(A, tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape = A.shape[B.ndim :]
    if prod(shape) != prod(B.shape) or prod(A.shape[: B.ndim]) != prod(B.shape):
        raise ValueError(f"tensorsolve: A of shape {A.shape} does not fit B of shape {B.shape}")
    return ops.reshape(solve(ops.reshape(A, -1, prod(shape)), ops.reshape(B, -1)), shape)


spell(globals(), [name for name in __all__ if name != "LinAlgError"])
explain_missing_names("torch.linalg", __name__)
