"""Tensors put together and taken apart by rule: block_diag, cartesian_prod, diff, trapezoid, cov, vander."""

from __future__ import annotations

from itertools import combinations as _combinations
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from tinygrad_cnn.ops.arguments import array_of, one_dim, want_same_dtype, whole
from tinygrad_cnn.ops.broadcast import cast
from tinygrad_cnn.ops.choices import clamp, where
from tinygrad_cnn.ops.comparison import logical_xor
from tinygrad_cnn.ops.distance import p_norm
from tinygrad_cnn.ops.elementwise import div, mul, pow, sqrt, sub
from tinygrad_cnn.ops.index import narrow, take_at
from tinygrad_cnn.ops.matrix import matmul
from tinygrad_cnn.ops.rearrange import diagonal, meshgrid
from tinygrad_cnn.ops.reduce import norm, sum
from tinygrad_cnn.ops.scan import cumsum
from tinygrad_cnn.ops.shape import cat, movedim, reshape, squeeze, stack, transpose, unsqueeze
from tinygrad_cnn.ops.split_join import atleast_2d, tensor_split, vstack
from tinygrad_cnn.tape.capture import constant
from tinygrad_cnn.tape.record import make_tensor
from tinygrad_cnn.typing import T

__all__ = [
    "block_diag",
    "cartesian_prod",
    "combinations",
    "corrcoef",
    "cov",
    "cumulative_trapezoid",
    "diff",
    "dist",
    "dsplit",
    "hsplit",
    "renorm",
    "row_stack",
    "trapezoid",
    "trapz",
    "vander",
    "vsplit",
]

row_stack = vstack


def block_diag(*tensors: T) -> T:
    """Return the matrix with the given ones along its diagonal, and zeros elsewhere; vectors are rows.

    >>> import tinygrad_cnn as tg
    >>> tg.block_diag(tg.ones(1, 2), tg.tensor([[5.0]]))
    tensor([[1., 1., 0.],
            [0., 0., 5.]])
    """
    if any(t.ndim > 2 for t in tensors):
        raise ValueError(f"block_diag: wanted at most two dimensions, got shapes {[t.shape for t in tensors]}")
    blocks = [atleast_2d(t) for t in tensors]
    widths = [b.shape[1] for b in blocks]
    rows = []
    for i, block in enumerate(blocks):
        before, after = (
            np.zeros((block.shape[0], n), block.dtype) for n in (_total(widths[:i]), _total(widths[i + 1 :]))
        )
        rows.append(cat([make_tensor(block, before), block, make_tensor(block, after)], 1))
    return cat(rows, 0)


def _total(numbers: list[int]) -> int:
    return int(np.sum(numbers, dtype=np.int64))


def cartesian_prod(*tensors: T) -> T:
    """Return all ways to take one entry of each vector, as rows, the last vector's entry changing fastest.

    >>> import tinygrad_cnn as tg
    >>> tg.cartesian_prod(tg.tensor([1, 2]), tg.tensor([3, 4])).tolist()
    [[1, 3], [1, 4], [2, 3], [2, 4]]
    """
    if any(t.ndim != 1 for t in tensors):
        raise ValueError(f"cartesian_prod: wanted vectors, got shapes {[t.shape for t in tensors]}")
    if len(tensors) == 1:
        return tensors[0]
    grid: tuple[Any, ...] = meshgrid(*tensors, indexing="ij")
    return stack([reshape(t, t.array.size) for t in grid], 1)


def combinations(input: T, r: int = 2, with_replacement: bool = False) -> T:
    """Return all ways to choose r entries of a vector, as rows, in the order of ``itertools.combinations``.

    >>> import tinygrad_cnn as tg
    >>> tg.combinations(tg.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input.ndim != 1:
        raise ValueError(f"combinations: wanted a vector, got shape {input.shape}")
    if whole("combinations", "r", r, 0) == 0:
        return make_tensor(input, np.empty(0, input.dtype))
    choose = combinations_with_replacement if with_replacement else _combinations
    rows = list(choose(range(input.shape[0]), r))
    return take_at(input, (np.asarray(rows, np.int64).reshape(len(rows), r),))


def _split(name: str, input: T, indices_or_sections: Any, dim: int, least: int) -> tuple[T, ...]:
    if input.ndim < least:
        raise ValueError(f"{name}: wanted a tensor of at least {least} dimensions, got shape {input.shape}")
    given = array_of(indices_or_sections)
    if not np.ndim(given) and (whole(name, "sections", given, 1), input.shape[dim] % given)[1]:
        raise ValueError(f"{name}: {given} sections do not divide the length {input.shape[dim]} of dimension {dim}")
    return tensor_split(input, indices_or_sections, dim)


def hsplit(input: T, indices_or_sections: Any) -> tuple[T, ...]:
    """Split horizontally, along dimension 1, or 0 of a vector: at indices, or into parts of one size. Views.

    >>> import tinygrad_cnn as tg
    >>> [part.shape for part in tg.hsplit(tg.ones(2, 4), 2)]
    [(2, 2), (2, 2)]
    """
    return _split("hsplit", input, indices_or_sections, 0 if input.ndim == 1 else 1, 1)


def vsplit(input: T, indices_or_sections: Any) -> tuple[T, ...]:
    """Split vertically, along dimension 0: at indices, or into parts of one size. Views.

    >>> import tinygrad_cnn as tg
    >>> [part.shape for part in tg.vsplit(tg.ones(4, 2), 2)]
    [(2, 2), (2, 2)]
    """
    return _split("vsplit", input, indices_or_sections, 0, 2)


def dsplit(input: T, indices_or_sections: Any) -> tuple[T, ...]:
    """Split along dimension 2: at indices, or into parts of one size. Views.

    >>> import tinygrad_cnn as tg
    >>> [part.shape for part in tg.dsplit(tg.ones(1, 2, 4), 2)]
    [(1, 2, 2), (1, 2, 2)]
    """
    return _split("dsplit", input, indices_or_sections, 2, 3)


# --- differences and integrals ---


def diff(input: T, n: int = 1, dim: int = -1, prepend: T | None = None, append: T | None = None) -> T:
    """Return the n-th differences of successive entries along a dimension; of booleans, whether they differ.

    >>> import tinygrad_cnn as tg
    >>> tg.diff(tg.tensor([1, 4, 9, 16]))
    tensor([3, 5, 7])
    """
    if not input.ndim:
        raise ValueError("diff: wanted a tensor of at least one dimension, got a 0-d one")
    axis = one_dim("diff", dim, input.ndim)
    if not whole("diff", "n", n, 0) or not input.shape[axis]:
        return cast(input, dtype=input.dtype)
    parts = [t for t in (prepend, input, append) if t is not None]
    out = cat(parts, axis) if len(parts) > 1 else input
    minus = logical_xor if out.dtype.kind == "b" else sub
    for _ in range(min(n, out.shape[axis])):
        length = out.shape[axis] - 1
        out = minus(narrow(out, axis, 1, length), narrow(out, axis, 0, length))
    return out


def _areas(name: str, y: T, x: T | None, dx: float | None, dim: int) -> tuple[T, int]:
    """Return twice the areas between successive points, and their dimension."""
    if x is not None and dx is not None:
        raise TypeError(f"{name}: wanted x or dx, got both")
    axis = one_dim(name, dim, y.ndim)
    length = y.shape[axis] if y.ndim else 0
    if not length:
        return y * 0.0, axis
    heights = narrow(y, axis, 1, length - 1) + narrow(y, axis, 0, length - 1)
    if x is None:
        return heights * (1 if dx is None else dx), axis
    if x.ndim == 1:
        if x.shape[0] != length:
            raise ValueError(f"{name}: {x.shape[0]} points x for {length} values along dimension {dim}")
        x = reshape(x, *(length if d == axis else 1 for d in range(y.ndim)))
    elif x.ndim < y.ndim:
        x = reshape(x, (1,) * (y.ndim - x.ndim) + x.shape)
    return heights * diff(x, 1, axis - y.ndim), axis - y.ndim


def trapezoid(y: T, x: T | None = None, *, dx: float | None = None, dim: int = -1) -> T:
    """Integrate along a dimension by the trapezoidal rule: between points x, or at a distance dx, by default 1.

    >>> import tinygrad_cnn as tg
    >>> tg.trapezoid(tg.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)
    """
    areas, axis = _areas("trapezoid", y, x, dx, dim)
    return sum(areas, axis) / 2


def trapz(y: T, x: T | None = None, *, dx: float | None = None, dim: int = -1) -> T:
    """Integrate along a dimension: `trapezoid`.

    >>> import tinygrad_cnn as tg
    >>> tg.trapz(tg.tensor([1.0, 2.0, 3.0]))
    tensor(4.)
    """
    return trapezoid(y, x, dx=dx, dim=dim)


def cumulative_trapezoid(y: T, x: T | None = None, *, dx: float | None = None, dim: int = -1) -> T:
    """Return the integral up to each point but the first: see `trapezoid`.

    >>> import tinygrad_cnn as tg
    >>> tg.cumulative_trapezoid(tg.tensor([1.0, 2.0, 3.0]))
    tensor([1.5000, 4.0000])
    """
    areas, axis = _areas("cumulative_trapezoid", y, x, dx, dim)
    return cumsum(areas, axis) / 2


# --- statistics and norms ---


def cov(input: T, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> T:
    """Return the covariances of the rows of a matrix, whose columns are observations.

    ``fweights`` says how often each observation occurs, ``aweights`` how much it counts; the sum of products is
    divided by the number of observations minus ``correction``. A vector is one row.

    >>> import tinygrad_cnn as tg
    >>> tg.cov(tg.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise ValueError(f"cov: wanted at most two dimensions, got shape {input.shape}")
    rows = reshape(input, 1, -1) if input.ndim < 2 else input
    weights = _weights(rows, fweights, aweights)
    total = rows.shape[1] if weights is None else sum(weights)
    weighted = rows if weights is None else mul(rows, weights)
    centered = sub(rows, div(sum(weighted, 1, keepdim=True), total))
    number: Any = total - correction
    if aweights is not None and correction:
        number = total - correction * div(sum(mul(weights, aweights)), total)
    number = max(number, 0) if isinstance(number, int) else clamp(number, 0)
    products = matmul(centered, transpose(centered if weights is None else mul(centered, weights), 0, 1))
    return squeeze(div(products, number))


def _weights(rows: T, fweights: Any, aweights: Any) -> Any:
    for name, weights, kinds in (("fweights", fweights, "iub"), ("aweights", aweights, "f")):
        if weights is None:
            continue
        if weights.shape != rows.shape[1:] or weights.dtype.kind not in kinds or (weights.array < 0).any():
            raise ValueError(
                f"cov: {name} is {weights.dtype} {weights.shape}; wanted {rows.shape[1]} "
                f"{'integers' if 'i' in kinds else 'floating-point numbers'} of at least 0"
            )
    if fweights is None or aweights is None:
        return aweights if fweights is None else fweights
    return mul(fweights, aweights)


def corrcoef(input: T) -> T:
    """Return the coefficients of correlation of the rows of a matrix: `cov` over the standard deviations.

    >>> import tinygrad_cnn as tg
    >>> tg.corrcoef(tg.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise ValueError(f"corrcoef: wanted at most two dimensions, got shape {input.shape}")
    covariances = cov(input)
    if not covariances.ndim:
        return covariances / covariances
    deviations = sqrt(diagonal(covariances))
    return clamp(covariances / unsqueeze(deviations, 1) / unsqueeze(deviations, 0), -1, 1)


def dist(input: T, other: T, p: float = 2) -> T:
    """Return the p-norm of input - other over all entries; for equal tensors the gradient is 0.

    >>> import tinygrad_cnn as tg
    >>> tg.dist(tg.tensor([3.0, 0.0]), tg.tensor([0.0, 4.0]))
    tensor(5.)
    """
    want_same_dtype("dist", input=input, other=other)
    return norm(sub(input, other), p)


def renorm(input: T, p: float, dim: int, maxnorm: float) -> T:
    """Return input with each entry of a dimension scaled down to the p-norm ``maxnorm``, if its norm is above.

    >>> import tinygrad_cnn as tg
    >>> tg.renorm(tg.tensor([[3.0, 4.0], [0.3, 0.4]]), p=2, dim=0, maxnorm=1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    if input.ndim < 2 or p <= 0 or maxnorm < 0:
        raise ValueError(
            f"renorm: got shape {input.shape}, p {p} and maxnorm {maxnorm}; "
            "wanted at least two dimensions, p above 0 and maxnorm of at least 0"
        )
    axis = one_dim("renorm", dim, input.ndim)
    rows = movedim(input, axis, 0)
    norms = p_norm(reshape(rows, rows.shape[0], -1), p, 1)
    scales = where(norms > maxnorm, maxnorm / (norms + 1e-7), 1.0)
    return input * reshape(scales, *(-1 if d == axis else 1 for d in range(input.ndim)))


def vander(x: T, N: int | None = None, increasing: bool = False) -> T:
    """Return the powers of each entry of a vector as a row, N of them, from the highest or, ``increasing``, from 0.

    >>> import tinygrad_cnn as tg
    >>> tg.vander(tg.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    if x.ndim != 1:
        raise ValueError(f"vander: wanted a vector, got shape {x.shape}")
    count = x.shape[0] if N is None else whole("vander", "N", N, 0)
    exponents = np.arange(count) if increasing else np.arange(count)[::-1]
    return pow(unsqueeze(x, -1), make_tensor(x, constant(exponents)))
