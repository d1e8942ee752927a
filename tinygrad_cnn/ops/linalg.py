"""Linear algebra: inverses, determinants, solve, Cholesky, powers and exponentials; leading dimensions are a batch.

The derivatives are those of Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008), and, for Cholesky's factor, of Murray, "Differentiation of the Cholesky decomposition"
(2016), written in matrix products so that they can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.ops.arguments import want_float, want_same_dtype
from tinygrad_cnn.ops.broadcast import apart, broadcasting, half_in_float32
from tinygrad_cnn.ops.choices import where
from tinygrad_cnn.ops.matrix import matmul
from tinygrad_cnn.ops.rearrange import tril
from tinygrad_cnn.ops.reduce import sum
from tinygrad_cnn.ops.shape import reshape, squeeze, transpose, unsqueeze
from tinygrad_cnn.tape.record import make_tensor, operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "adjoint",
    "chain_matmul",
    "cholesky_inverse",
    "cholesky_solve",
    "det",
    "inverse",
    "logdet",
    "matrix_exp",
    "matrix_power",
    "slogdet",
]


def _mT(x: Any) -> Any:
    return transpose(x, -1, -2)


def _as_matrices(g: Any) -> Any:
    """Return a batch of numbers as a batch of 1 x 1 matrices."""
    return reshape(g, (*g.shape, 1, 1))


# --- recorded operations ---


@operation(input=lambda g, out: -matmul(matmul(_mT(out), g), _mT(out)))
def _inv(input: Array) -> Array:
    return np.linalg.inv(input)


@broadcasting(
    input=lambda g, input, out: -matmul(_solve(_mT(input), g), _mT(out)),
    other=lambda g, input: _solve(_mT(input), g),
)
def _solve(input: Array, other: Array) -> Array:
    return np.linalg.solve(input, other)


@operation(input=lambda g, input: _as_matrices(g) * _cofactors(input))
def _det(input: Array) -> Array:
    return np.linalg.det(input)


def _cofactors_back(g: Any, input: Any, out: Any) -> Any:
    inverse = _mT(_inv(input))
    return sum(g * inverse, (-2, -1), keepdim=True) * out - matmul(matmul(inverse, _mT(g)), out)


# det(A) A^-T, computed from singular values without a division, so that singular matrices have a first derivative.
@operation(input=_cofactors_back)
def _cofactors(input: Array) -> Array:
    u, s, v = np.linalg.svd(input)
    others = np.where(np.eye(s.shape[-1], dtype=np.bool_), 1, s[..., None, :]).prod(-1)
    sign = np.sign(np.linalg.det(u) * np.linalg.det(v))
    return np.matmul(u * (others * sign[..., None])[..., None, :], v)


@operation(input=lambda g, input: _as_matrices(g) * _mT(_inv(input)))
def _logabsdet(input: Array) -> Array:
    return np.linalg.slogdet(input).logabsdet


@operation()
def _sign_of_det(input: Array) -> Array:
    return np.linalg.slogdet(input).sign


def _cholesky_back(g: Any, out: Any) -> Any:
    """Return L^-T P L^-1, made symmetric, where P is the lower triangle of L^T g with half its diagonal."""
    n, inverse = out.shape[-1], _inv(out)
    half = np.tri(n, dtype=g.dtype) - np.eye(n, dtype=g.dtype) / 2
    s = matmul(matmul(_mT(inverse), matmul(_mT(out), g) * half), inverse)
    return (s + _mT(s)) / 2


@operation(input=_cholesky_back)
def _cholesky(input: Array) -> Array:
    return np.linalg.cholesky(input)


# --- functions of `tinygrad_cnn.linalg` ---


def _square(name: str, A: Any) -> Any:
    if len(A.shape) < 2 or A.shape[-1] != A.shape[-2]:
        raise ValueError(f"{name}: wanted square matrices (..., n, n), got shape {tuple(A.shape)}")
    want_float(name, A)
    return A


def inv(A: T) -> T:
    """Return the inverse of each matrix (..., n, n); ValueError if one is singular.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.inv(tg.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return _inv(_square("inv", A))


def inverse(input: T) -> T:
    """Return the inverse of each matrix: `linalg.inv`.

    >>> import tinygrad_cnn as tg
    >>> tg.inverse(tg.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return inv(input)


def det(A: T) -> T:
    """Return the determinant of each matrix (..., n, n).

    The first derivative, the cofactors, exists for singular matrices too; the second needs the inverse.

    >>> import tinygrad_cnn as tg
    >>> tg.det(tg.tensor([[2.0, 0.0], [1.0, 3.0]]))
    tensor(6.)
    """
    return _det(_square("det", A))


class Slogdet(NamedTuple):
    """The sign of a determinant, and the logarithm of its absolute value."""

    sign: Any
    logabsdet: Any


def slogdet(A: T) -> Slogdet:
    """Return the sign of the determinant of each matrix, and the logarithm of its absolute value, without overflow.

    >>> import tinygrad_cnn as tg
    >>> sign, logabsdet = tg.linalg.slogdet(-tg.eye(3))
    >>> sign.item(), logabsdet.item()
    (-1.0, 0.0)
    """
    return Slogdet(_sign_of_det(_square("slogdet", A)), _logabsdet(A))


def logdet(input: T) -> T:
    """Return the logarithm of the determinant of each matrix: -inf for 0, NaN for a negative determinant.

    >>> import tinygrad_cnn as tg
    >>> tg.logdet(tg.eye(2) * 2)
    tensor(1.3863)
    """
    sign, logabsdet = slogdet(input)
    return where(sign < 0, float("nan"), logabsdet)


def solve(A: T, B: T, *, left: bool = True) -> T:
    """Solve A X = B for X, or X A = B if not ``left``: more exact and faster than with the inverse.

    Shapes: A (..., n, n); B (..., n, k), whose leading dimensions broadcast, or vectors: (n,), or (..., n) with the
    leading dimensions of A. ValueError if a matrix is singular.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.solve(tg.tensor([[2.0, 0.0], [0.0, 4.0]]), tg.tensor([2.0, 8.0]))
    tensor([1., 2.])
    """
    want_same_dtype("solve", A=_square("solve", A), B=B)
    vector = len(B.shape) == 1 or tuple(A.shape[:-1]) == tuple(B.shape)
    if vector and not left:
        raise ValueError("solve: wanted matrices B for left=False, got vectors")
    b = unsqueeze(B, -1) if vector else B
    if b.shape[-2 if left else -1] != A.shape[-1]:
        raise ValueError(f"solve: B of shape {tuple(B.shape)} does not fit A of shape {tuple(A.shape)}")
    if not left:
        return _mT(_solve(_mT(A), _mT(b)))
    return squeeze(_solve(A, b), -1) if vector else _solve(A, b)


def cholesky(A: T, *, upper: bool = False) -> T:
    """Return the lower triangular L with L L^T = A, or L^T if ``upper``, of symmetric positive matrices.

    Only the lower triangle is read; the gradient is symmetric. ValueError if a matrix is not positive definite.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.cholesky(tg.tensor([[4.0, 2.0], [2.0, 2.0]]))
    tensor([[2., 0.],
            [1., 1.]])
    """
    factor = _cholesky(_square("cholesky", A))
    return _mT(factor) if upper else factor


def cholesky_solve(B: T, L: T, upper: bool = False) -> T:
    """Solve A X = B for X, given Cholesky's factor of A: L with A = L L^T, or U with A = U^T U if ``upper``.

    >>> import tinygrad_cnn as tg
    >>> tg.cholesky_solve(tg.ones(2, 1), 2 * tg.eye(2))
    tensor([[0.2500],
            [0.2500]])
    """
    lower = _triangle("cholesky_solve", L, upper)
    want_same_dtype("cholesky_solve", B=B, L=L)
    if B.ndim < 2 or B.shape[-2] != L.shape[-1]:
        raise ValueError(f"cholesky_solve: B of shape {B.shape} does not fit L of shape {L.shape}")
    return _solve(_mT(lower), _solve(lower, B))


def cholesky_inverse(L: T, upper: bool = False) -> T:
    """Return the inverse of A, given Cholesky's factor of A: see `cholesky_solve`.

    >>> import tinygrad_cnn as tg
    >>> tg.cholesky_inverse(tg.tensor([[2.0]])).tolist()
    [[0.25]]
    """
    inverse = _inv(_triangle("cholesky_inverse", L, upper))
    return matmul(_mT(inverse), inverse)


def _triangle(name: str, L: T, upper: bool) -> T:
    """Return the lower triangle of a factor; the other triangle is not read."""
    factor: T = _square(name, L)
    return tril(_mT(factor) if upper else factor)


@half_in_float32
def matrix_exp(A: T) -> T:
    """Return the exponential I + A + A^2 / 2! + ... of each matrix.

    The matrix is halved until its norm is below 1/2, its series is summed to the 14th power, and the sum is squared
    as often. (Higham, "Functions of Matrices", 2008, chapter 10.)

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.matrix_exp(tg.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    base: T = _square("matrix_exp", A)
    norm = np.abs(base.array).sum(-2).max(initial=0.0)
    halvings = max(0, int(np.frexp(norm)[1]) + 1) if np.isfinite(norm) else 0
    identity = np.eye(base.shape[-1], dtype=base.dtype)
    scaled = base / 2.0**halvings
    out = scaled / 14 + identity
    for n in range(13, 0, -1):
        out = matmul(scaled, out) / n + identity
    for _ in range(halvings):
        out = matmul(out, out)
    return out


def matrix_power(A: T, n: int) -> T:
    """Return the n-th power of each matrix by repeated squaring; negative powers are powers of the inverse.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.matrix_power(tg.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    base: T = _square("matrix_power", A)
    if n == 0:
        return make_tensor(base, np.eye(base.shape[-1], dtype=base.dtype) + np.zeros_like(base.array))
    if n < 0:
        return matrix_power(_inv(base), -n)
    if n == 1:
        return apart(base, A)
    half = base if n < 4 else matrix_power(base, n // 2)
    return matmul(matmul(half, half), base) if n % 2 else matmul(half, half)


def adjoint(input: T) -> T:
    """Return the transpose of each matrix, as numbers are real. A view.

    >>> import tinygrad_cnn as tg
    >>> tg.adjoint(tg.tensor([[1.0, 2.0]])).tolist()
    [[1.0], [2.0]]
    """
    return _mT(input)


def chain_matmul(*matrices: T) -> T:
    """Multiply matrices in the order that takes the fewest multiplications: `linalg.multi_dot`.

    >>> import tinygrad_cnn as tg
    >>> tg.chain_matmul(tg.ones(2, 3), tg.ones(3, 4), tg.ones(4, 1)).tolist()
    [[12.0], [12.0]]
    """
    return apart(matrices[0], matrices[0]) if len(matrices) == 1 else multi_dot(matrices)


def multi_dot(tensors: Sequence[T]) -> T:
    """Multiply two or more matrices in the order that takes the fewest multiplications.

    The first and the last may be vectors: a row and a column. (Cormen et al., "Introduction to Algorithms", 14.2.)

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.multi_dot([tg.ones(2, 3), tg.ones(3, 4), tg.ones(4, 5)]).shape
    (2, 5)
    """
    if len(tensors) < 2:
        raise ValueError(f"multi_dot: wanted at least two tensors, got {len(tensors)}")
    count = len(tensors)
    shapes = [t.shape for t in tensors]
    ranks = [{1, 2} if i in (0, count - 1) else {2} for i in range(count)]
    if any(len(shape) not in rank for shape, rank in zip(shapes, ranks, strict=True)):
        raise ValueError(f"multi_dot: wanted matrices, or vectors as first and last, got shapes {shapes}")
    sides = [shapes[0][0] if len(shapes[0]) == 2 else 1, *(shape[-2:][0] for shape in shapes[1:])]
    sides.append(shapes[-1][1] if len(shapes[-1]) == 2 else 1)
    best: dict[tuple[int, int], tuple[int, int]] = {
        (i, i): (0, i) for i in range(count)
    }  # the cost, and where to split
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            best[i, j] = min(
                (best[i, k][0] + best[k + 1, j][0] + sides[i] * sides[k + 1] * sides[j + 1], k) for k in range(i, j)
            )

    def product(i: int, j: int) -> T:
        cut = best[i, j][1]
        return tensors[i] if i == j else matmul(product(i, cut), product(cut + 1, j))

    return product(0, count - 1)
