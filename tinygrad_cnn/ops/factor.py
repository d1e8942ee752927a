"""Factors of matrices: eigenvalues (eigh), singular values (svd), QR, the pseudoinverse and least squares.

Derivatives of eigenvectors and singular vectors exist where the values are different. (Giles, "Collected matrix
derivative results", 2008; Walter and Lehmann, "Algorithmic differentiation of linear algebra functions", 2018;
Golub and Pereyra, "The differentiation of pseudo-inverses", 1973.)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.ops.arguments import array_of, want_float, want_same_dtype
from tinygrad_cnn.ops.choices import where
from tinygrad_cnn.ops.index import narrow
from tinygrad_cnn.ops.linalg import _mT, _solve, _square
from tinygrad_cnn.ops.matrix import matmul
from tinygrad_cnn.ops.rearrange import diag_embed, tril, triu
from tinygrad_cnn.ops.reduce import sum
from tinygrad_cnn.ops.shape import cat, squeeze, unsqueeze
from tinygrad_cnn.tape.capture import constant
from tinygrad_cnn.tape.record import make_tensor, operation
from tinygrad_cnn.typing import Array, T

__all__ = ["pinverse"]

# --- recorded operations ---


def _reciprocal_differences(values: Any) -> Any:
    """Return 1 / (v_j - v_i), and 0 on the diagonal."""
    apart = unsqueeze(values, -2) - unsqueeze(values, -1)
    same = np.eye(values.shape[-1], dtype=np.bool_)
    return where(same, 0.0, 1 / where(same, 1.0, apart))


def _eigh_back(g: Any, out: Any) -> Any:
    values, vectors = out
    inner = matmul(_mT(vectors), g[1]) * _reciprocal_differences(values) + diag_embed(g[0])
    return matmul(matmul(vectors, inner), _mT(vectors))


@operation(input=_eigh_back)
def _eigh(input: Array, *, lower: bool) -> tuple[Array, Array]:
    values, vectors = np.linalg.eigh(input, "L" if lower else "U")
    return values, vectors


def _svd_back(g: Any, out: Any) -> Any:
    u, s, v = out[0], out[1], _mT(out[2])
    gu, gs, gv = g[0], g[1], _mT(g[2])
    apart = _reciprocal_differences(s * s)

    def skew(vectors: Any, gradient: Any) -> Any:
        x = matmul(_mT(vectors), gradient)
        return (x - _mT(x)) * apart

    row, column = unsqueeze(s, -2), unsqueeze(s, -1)
    inner = skew(u, gu) * row + skew(v, gv) * column + diag_embed(gs)
    back = matmul(matmul(u, inner), _mT(v))
    if u.shape[-2] > s.shape[-1]:
        across = gu / row
        back = back + matmul(across - matmul(u, matmul(_mT(u), across)), _mT(v))
    if v.shape[-2] > s.shape[-1]:
        across = gv / row
        back = back + matmul(u, _mT(across - matmul(v, matmul(_mT(v), across))))
    return back


@operation(input=_svd_back)
def _svd(input: Array) -> tuple[Array, Array, Array]:
    u, s, vh = np.linalg.svd(input, full_matrices=False)
    return u, s, vh


@operation(input=lambda g, input: _singular_values_back(g, input))
def _svdvals(input: Array) -> Array:
    return np.linalg.svd(input, compute_uv=False)


def _singular_values_back(g: Any, input: Any) -> Any:
    u, _, vh = _svd(input)
    return matmul(u * unsqueeze(g, -2), vh)


def _qr_back(g: Any, out: Any) -> Any:
    q, r = out
    m = matmul(r, _mT(g[1])) - matmul(_mT(g[0]), q)
    symmetric = tril(m) + _mT(tril(m, -1))
    return _mT(_solve(r, _mT(g[0] + matmul(q, symmetric))))


@operation(input=_qr_back)
def _qr(input: Array) -> tuple[Array, Array]:
    q, r = np.linalg.qr(input)
    return q, r


def _pinv_back(g: Any, input: Any, out: Any) -> Any:
    p, pt, gt = out, _mT(out), _mT(g)
    left = matmul(gt, matmul(p, pt))
    right = matmul(matmul(pt, p), gt)
    back = left - matmul(input, matmul(p, left)) + right - matmul(matmul(right, p), input)
    return back - matmul(matmul(pt, g), pt)


@operation(input=_pinv_back)
def _pinv(input: Array, *, rtol: Any, hermitian: bool) -> Array:
    return np.linalg.pinv(input, rtol, hermitian)


# --- functions of `tinygrad_cnn.linalg` ---


class Eigh(NamedTuple):
    """Eigenvalues in ascending order, and eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


class Svd(NamedTuple):
    """Left singular vectors as columns, singular values in descending order, right singular vectors as rows."""

    U: Any
    S: Any
    Vh: Any


class Qr(NamedTuple):
    """Orthonormal columns, and an upper triangle."""

    Q: Any
    R: Any


class Lstsq(NamedTuple):
    """The solution of least squares, the sums of squared residuals, the rank, and no singular values."""

    solution: Any
    residuals: Any
    rank: Any
    singular_values: Any


def _matrices(name: str, A: Any) -> Any:
    if A.ndim < 2:
        raise ValueError(f"{name}: wanted matrices (..., m, n), got shape {A.shape}")
    want_float(name, A)
    return A


def _lower(name: str, UPLO: str) -> bool:
    if UPLO not in ("L", "U", "l", "u"):
        raise ValueError(f"{name}: UPLO is {UPLO!r}; wanted 'L' or 'U'")
    return UPLO in "Ll"


def eigh(A: T, UPLO: str = "L") -> Eigh:
    """Return the eigenvalues and eigenvectors of symmetric matrices (..., n, n), of which one triangle is read.

    The signs of the eigenvectors are arbitrary, so a loss must not depend on them.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.eigh(tg.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([1., 2.])
    """
    values: Any = _eigh(_square("eigh", A), lower=_lower("eigh", UPLO))
    return Eigh(*values)


def eigvalsh(A: T, UPLO: str = "L") -> T:
    """Return the eigenvalues of symmetric matrices in ascending order: see `eigh`.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.eigvalsh(tg.tensor([[2.0, 0.0], [0.0, 3.0]]))
    tensor([2., 3.])
    """
    values: Any = _eigh(_square("eigvalsh", A), lower=_lower("eigvalsh", UPLO))
    return values[0]


def svd(A: T, full_matrices: bool = True) -> Svd:
    """Return U, S and Vh with A = U diag(S) Vh: U and Vh with orthonormal columns and rows, S descending.

    With ``full_matrices`` U and Vh are square; a gradient then needs square matrices A, as the further columns are
    arbitrary. The derivatives exist where the singular values are different.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.svd(tg.tensor([[3.0, 0.0], [0.0, -4.0]])).S
    tensor([4., 3.])
    """
    _matrices("svd", A)
    parts: Any = _svd(A)
    rows, columns = A.shape[-2:]
    if full_matrices and rows != columns:
        if A.requires_grad:
            raise RuntimeError("svd: full matrices of a matrix that is not square have no gradient; pass False")
        parts = (make_tensor(A, part) for part in np.linalg.svd(A.array))
    return Svd(*parts)


def svdvals(A: T) -> T:
    """Return the singular values of each matrix in descending order: see `svd`.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.svdvals(tg.tensor([[3.0, 0.0], [0.0, 2.0]]))
    tensor([3., 2.])
    """
    return _svdvals(_matrices("svdvals", A))


def qr(A: T, mode: str = "reduced") -> Qr:
    """Return Q with orthonormal columns and the upper triangle R with A = Q R, for independent first columns.

    With the mode "complete" Q is square; it then has a gradient only for matrices with as many columns as rows, or
    more. With "r" Q is empty, and there is no gradient.

    >>> import tinygrad_cnn as tg
    >>> q, r = tg.linalg.qr(tg.tensor([[3.0, 1.0], [4.0, 2.0]]))
    >>> tg.allclose(q @ r, tg.tensor([[3.0, 1.0], [4.0, 2.0]]), atol=1e-5)
    True
    """
    _matrices("qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"qr: mode is {mode!r}; wanted 'reduced', 'complete' or 'r'")
    rows, columns = A.shape[-2:]
    if mode == "r" or (mode == "complete" and rows > columns):
        if A.requires_grad:
            raise RuntimeError(f"qr: mode {mode!r} of shape {A.shape} has no gradient; use 'reduced'")
        found = np.linalg.qr(A.array, mode)  # type: ignore[call-overload]
        q, r = (np.empty(0, A.dtype), found) if mode == "r" else found
        return Qr(make_tensor(A, q), make_tensor(A, r))
    if rows >= columns:
        parts: Any = _qr(A)
        return Qr(*parts)
    square: Any = _qr(narrow(A, -1, 0, rows))
    rest = matmul(_mT(square[0]), narrow(A, -1, rows, columns - rows))
    return Qr(square[0], cat([square[1], rest], -1))


def pinv(A: T, rtol: float | None = None, *, hermitian: bool = False) -> T:
    """Return the pseudoinverse of each matrix; singular values below ``rtol`` times the largest count as 0.

    By default ``rtol`` is the larger side times the precision of the type. The derivative exists where the rank is
    constant. With ``hermitian``, the lower triangle of symmetric matrices is read.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.pinv(tg.tensor([[1.0], [1.0]]))
    tensor([[0.5000, 0.5000]])
    """
    _matrices("pinv", A)
    if hermitian:
        _square("pinv", A)
    wanted = _tolerance(A, rtol)
    if not A.array.size:
        return _mT(A) * 1
    return _pinv(A, rtol=wanted, hermitian=hermitian)


def pinverse(input: T, rcond: float = 1e-15) -> T:
    """Return the pseudoinverse of each matrix: `linalg.pinv`, with another tolerance.

    >>> import tinygrad_cnn as tg
    >>> tg.pinverse(tg.tensor([[2.0], [0.0]])).tolist()
    [[0.5, 0.0]]
    """
    return pinv(input, rcond)


def _tolerance(A: Any, rtol: Any) -> Any:
    if rtol is None:
        return max(A.shape[-2:]) * float(np.finfo(A.dtype).eps)
    return array_of(rtol)


def lstsq(A: T, B: T, rcond: float | None = None, *, driver: str | None = None) -> Lstsq:
    """Return the X of least norm that makes the sum of squares of A X - B least; see `pinv` about ``rcond``.

    Shapes: A (..., m, n), B (..., m, k), or vectors (..., m) with the leading dimensions of A. Residuals are given,
    as by PyTorch, if m > n and all ranks are n. There is one ``driver``, whatever its name.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.lstsq(tg.tensor([[1.0], [1.0]]), tg.tensor([[1.0], [3.0]])).solution.round(decimals=4)
    tensor([[2.]])
    """
    _matrices("lstsq", A)
    want_same_dtype("lstsq", A=A, B=B)
    vector = B.ndim == 1 or B.shape == A.shape[:-1]
    b = unsqueeze(B, -1) if vector else B
    if b.shape[-2] != A.shape[-2]:
        raise ValueError(f"lstsq: B of shape {B.shape} does not fit A of shape {A.shape}")
    solution = matmul(pinv(A, rcond), b)
    rank = matrix_rank(A, rtol=rcond)
    residuals = make_tensor(A, np.empty(0, A.dtype))
    if A.shape[-2] > A.shape[-1] and (rank.array == A.shape[-1]).all():
        apart = matmul(A, solution) - b
        residuals = sum(apart * apart, -2)
    found = squeeze(solution, -1) if vector else solution
    return Lstsq(found, residuals, rank, make_tensor(A, np.empty(0, A.dtype)))


def solve_triangular(A: T, B: T, *, upper: bool, left: bool = True, unitriangular: bool = False) -> T:
    """Solve A X = B, or X A = B if not ``left``, for X, where only one triangle of A is read.

    The diagonal counts as ones if ``unitriangular``.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.solve_triangular(tg.tensor([[2.0, 9.0], [1.0, 1.0]]), tg.tensor([[4.0], [3.0]]), upper=False)
    tensor([[2.],
            [1.]])
    """
    want_same_dtype("solve_triangular", A=_square("solve_triangular", A), B=B)
    if B.ndim < 2 or B.shape[-2 if left else -1] != A.shape[-1]:
        raise ValueError(f"solve_triangular: B of shape {B.shape} does not fit A of shape {A.shape}")
    inside = int(unitriangular)
    part: Any = triu(A, inside) if upper else tril(A, -inside)
    if unitriangular:
        part = part + constant(np.eye(A.shape[-1], dtype=A.dtype))
    return _solve(part, B) if left else _mT(_solve(_mT(part), _mT(B)))


def matrix_rank(A: T, tol: Any = None, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> T:
    """Return how many singular values of each matrix are above the larger of ``atol`` and rtol times the largest.

    >>> import tinygrad_cnn as tg
    >>> tg.linalg.matrix_rank(tg.ones(3, 3)).item()
    1
    """
    _matrices("matrix_rank", A)
    if hermitian:
        values = np.abs(np.linalg.eigvalsh(_square("matrix_rank", A).array))
    else:
        values = np.linalg.svd(A.array, compute_uv=False) if A.array.size else np.zeros((*A.shape[:-2], 0), A.dtype)
    least = array_of(tol if tol is not None else atol)
    relative = _tolerance(A, rtol if tol is not None or rtol is not None or atol is None else 0.0)
    if tol is not None:
        relative = 0.0
    largest = values.max(-1, initial=0)
    limit = np.maximum(0.0 if least is None else least, relative * largest)
    return make_tensor(A, np.asarray((values > np.asarray(limit)[..., None]).sum(-1)))
