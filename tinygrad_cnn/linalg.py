"""Linear algebra, under the names that PyTorch keeps in ``torch.linalg``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_cnn import ops
from tinygrad_cnn.ops.inversion import cholesky, det, inv, matrix_power, multi_dot, slogdet, solve

if TYPE_CHECKING:
    from tinygrad_cnn.tensor import Tensor

__all__ = [
    "cholesky",
    "det",
    "inv",
    "matrix_power",
    "multi_dot",
    "norm",
    "slogdet",
    "solve",
    "vector_norm",
]


def vector_norm(
    x: Tensor, ord: float = 2, dim: int | Sequence[int] | None = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """Return (sum |x|^ord)^(1/ord) over the given dimensions, or all: see `tinygrad_cnn.norm`."""
    if not isinstance(ord, (int, float)):
        raise ValueError(f"vector_norm: the order is {ord!r}; wanted a number")
    return ops.norm(x, ord, dim, keepdim, dtype)


def norm(
    A: Tensor,
    ord: float | str | None = None,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    dtype: Any = None,
) -> Tensor:
    """Return the norm of a vector, or the Frobenius norm of a matrix, over the given dimensions, or all.

    Of the matrix norms there is only "fro": an order given as a number is for vectors.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.norm(tg.ones(2, 2), "fro").item()
    2.0
    """
    over = A.ndim if dim is None else len(dim) if isinstance(dim, Sequence) else 1
    if ord == "fro" and over != 2:
        raise ValueError(f"norm: 'fro' is for matrices, got {over} dimensions")
    if isinstance(ord, (int, float)) and over != 1:
        raise ValueError(f"norm: the order {ord} is for vectors, got {over} dimensions; see vector_norm")
    return ops.norm(A, "fro" if ord is None else ord, dim, keepdim, dtype)
