"""Reductions: sums, means, variances, extremes and norms over dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan, prod
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.kernels import sums
from tinygrad_cnn.ops.arguments import array_of, many_dims, one_dim, want_float
from tinygrad_cnn.ops.broadcast import broadcast_to, cast, half_in_float32
from tinygrad_cnn.ops.choices import where
from tinygrad_cnn.ops.comparison import isnan
from tinygrad_cnn.ops.elementwise import abs, exp, sign, square
from tinygrad_cnn.ops.shape import reshape
from tinygrad_cnn.support.dtypes import as_dtype, as_float
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "all",
    "amax",
    "amin",
    "aminmax",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "logsumexp",
    "mean",
    "nanmean",
    "nansum",
    "norm",
    "std",
    "std_mean",
    "sum",
    "var",
    "var_mean",
]

Dims = int | Sequence[int] | None


def _with_ones(shape: tuple[int, ...], dim: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(1 if i in dim else n for i, n in enumerate(shape))


def _spread(g: Any, shape: tuple[int, ...], dim: tuple[int, ...]) -> Any:
    """Return g broadcast along the dimensions that a reduction removed."""
    return broadcast_to(reshape(g, _with_ones(shape, dim)), shape)


def as_type(input: T, dtype: Any) -> T:
    """Return the input converted to a type; None stands for the type that it has."""
    return input if dtype is None or as_dtype(dtype) == input.dtype else cast(input, dtype=as_dtype(dtype))


# --- sums and means ---


@operation(input=lambda g, input_shape, dim: _spread(g, input_shape, dim))
def _sum(input: Array, *, dim: tuple[int, ...], keepdim: bool) -> Array:
    return sums.total(input, dim, keepdim)


def sum(input: T, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> T:
    """Sum over the given dimensions, by default all; the sum of booleans or integers is int64.

    >>> import tinygrad_cnn as tg
    >>> tg.ones(2, 3).sum(dim=0)
    tensor([2., 2., 2.])
    """
    total = _sum(as_type(input, dtype), dim=many_dims("sum", dim, input.ndim), keepdim=keepdim)
    return total if dtype is None else as_type(total, dtype)


# The gradient is multiplied by 1 / n, because float16 has no n above 65,504.
@operation(input=lambda g, input_shape, dim: _spread(g * (1 / _count(input_shape, dim)), input_shape, dim))
def _mean(input: Array, *, dim: tuple[int, ...], keepdim: bool) -> Array:
    return sums.mean(input, dim, keepdim)


def _count(shape: tuple[int, ...], dim: tuple[int, ...]) -> float:
    """Return how many numbers each result reduces; NaN instead of 0, so that a quotient is NaN."""
    return prod([shape[i] for i in dim]) or nan


def mean(input: T, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> T:
    """Average over the given dimensions, by default all; the mean of an empty tensor is NaN.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([[1.0, 2.0], [3.0, 6.0]]).mean(dim=0)
    tensor([2., 4.])
    """
    input = as_type(input, dtype)
    want_float("mean", input)
    return _mean(input, dim=many_dims("mean", dim, input.ndim), keepdim=keepdim)


def nansum(input: T, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> T:
    """Sum all entries that are not NaN.

    >>> import tinygrad_cnn as tg
    >>> tg.nansum(tg.tensor([1.0, tg.nan, 3.0]))
    tensor(4.)
    """
    return sum(where(isnan(input), 0, input), dim, keepdim, dtype)


def nanmean(input: T, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> T:
    """Average all entries that are not NaN; the mean of NaNs alone is NaN.

    >>> import tinygrad_cnn as tg
    >>> tg.nanmean(tg.tensor([1.0, tg.nan, 3.0]))
    tensor(2.)
    """
    return _nanmean(as_type(input, dtype), many_dims("nanmean", dim, input.ndim), keepdim)


@half_in_float32
def _nanmean(input: T, dims: tuple[int, ...], keepdim: bool) -> T:
    counts = np.sum(~np.isnan(array_of(input)), axis=dims, keepdims=keepdim)
    total = nansum(input, dims, keepdim)
    return total / np.asarray(np.where(counts == 0, nan, counts), total.dtype)


def _var_mean_gradient(g: Any, input: Any, out: Any, dim: Any, divisor: float) -> Any:
    """Return the gradient of var(x) and mean(x): 2 (x - mean) / divisor, and 1 / n."""
    shape = input.shape
    distance = input - _spread(out[1], shape, dim)
    count = prod([shape[i] for i in dim])
    return _spread(g[0] * (2 / divisor if divisor else inf), shape, dim) * distance + _spread(
        g[1] * (1 / (count or nan)), shape, dim
    )


@operation(input=lambda g, input, out, dim, divisor: _var_mean_gradient(g, input, out, dim, divisor))
def _var_mean(input: Array, *, dim: tuple[int, ...], divisor: float, keepdim: bool) -> tuple[Array, Array]:
    center = sums.mean(input, dim, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):  # without degrees of freedom, inf or NaN
        variance = np.true_divide(sums.total(np.square(input - center), dim, keepdim), divisor)
    return variance, center if keepdim else center.reshape(variance.shape)


@half_in_float32
def var_mean(
    input: T,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[T, T]:
    """Return the variance and the mean over the given dimensions, by default all.

    The variance is the sum of squared distances from the mean, divided by n - correction (1, or 0 if not unbiased).
    If n - correction is not positive, it is infinite, or NaN where all numbers are equal.

    >>> import tinygrad_cnn as tg
    >>> tg.var_mean(tg.tensor([1.0, 3.0]), correction=0)
    (tensor(1.), tensor(2.))
    """
    if isinstance(dim, bool):  # PyTorch's var(input, unbiased)
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise ValueError("var: wanted unbiased or correction, got both")
    if correction is None:
        correction = 0 if unbiased is False else 1
    want_float("var", input)
    dims = many_dims("var", dim, input.ndim)
    count = prod([input.shape[i] for i in dims])
    both: Any = _var_mean(input, dim=dims, divisor=max(count - correction, 0), keepdim=keepdim)
    return both


def var(
    input: T,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> T:
    """Return the variance of `var_mean`.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([1.0, 3.0]).var().item(), tg.tensor([1.0, 3.0]).var(correction=0).item()
    (2.0, 1.0)
    """
    return var_mean(input, dim, unbiased, keepdim, correction=correction)[0]


@half_in_float32
def std_mean(
    input: T,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[T, T]:
    """Return the standard deviation and the mean; a standard deviation of 0 has a gradient of 0.

    >>> import tinygrad_cnn as tg
    >>> tg.std_mean(tg.tensor([1.0, 3.0]), correction=0)
    (tensor(1.), tensor(2.))
    """
    variance, center = var_mean(input, dim, unbiased, keepdim, correction=correction)
    return _power_flat_at_zero(variance, 0.5), center


def std(
    input: T,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> T:
    """Return the standard deviation of `std_mean`.

    >>> import tinygrad_cnn as tg
    >>> tg.std(tg.tensor([1.0, 3.0]), correction=0)
    tensor(1.)
    """
    return std_mean(input, dim, unbiased, keepdim, correction=correction)[0]


# --- norms ---


def _power_flat_at_zero(base: T, exponent: float) -> T:
    """Return base to the power exponent, with a derivative of 0 where the base is 0."""
    zero: Any = base == 0
    return where(zero, 0.0 if exponent > 0 else inf, where(zero, 1.0, base) ** exponent)


def norm(input: T, p: float | str = "fro", dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> T:
    """Return the p-norm (sum |x|^p)^(1/p) over the given dimensions, by default all; "fro" is the 2-norm.

    p = inf and -inf give the largest and the smallest |x|, p = 0 the number of entries that are not 0. The gradient
    is 0 where the norm is 0, and for entries that are 0.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([3.0, -4.0]).norm().item(), tg.tensor([3.0, -4.0]).norm(1).item()
    (5.0, 7.0)
    """
    if not isinstance(p, (int, float)) and p != "fro":
        raise ValueError(f"norm: the order {p!r} is unknown; wanted a number or 'fro', or see linalg.matrix_norm")
    input = as_type(input, dtype)
    want_float("norm", input)
    return _norm(input, p, many_dims("norm", dim, input.ndim), keepdim)


@half_in_float32
def _norm(input: T, p: float | str, dims: tuple[int, ...], keepdim: bool) -> T:
    if p in ("fro", 2):
        return _power_flat_at_zero(_sum(square(input), dim=dims, keepdim=keepdim), 0.5)
    if p in (inf, -inf):
        return (amax if p == inf else amin)(abs(input), dims, keepdim)
    if p == 0:
        return _sum(square(sign(where(isnan(input), 1.0, input))), dim=dims, keepdim=keepdim)  # NaN is not 0
    size = abs(input)
    if p == 1:
        return _sum(size, dim=dims, keepdim=keepdim)
    total = _sum(_power_flat_at_zero(size, float(p)), dim=dims, keepdim=keepdim)
    return _power_flat_at_zero(total, 1 / float(p))


@operation(input=lambda g, input, out, dim: _shares(g, input, out, dim))
def _logsumexp(input: Array, *, dim: tuple[int, ...], keepdim: bool) -> Array:
    x = as_float(input)
    wide = sums.widened(x)
    top = wide.max(axis=dim, keepdims=True, initial=-inf)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):  # the logarithm of an empty sum is -inf
        out = np.log(sums.total(np.exp(wide - top), dim, True)) + top
    out = out.astype(x.dtype, copy=False)
    return out if keepdim else out.reshape([n for i, n in enumerate(x.shape) if i not in dim])


def _shares(g: Any, input: Any, out: Any, dim: tuple[int, ...]) -> Any:
    """Return g times the softmax of the input, normalised again because a large ``out`` is rounded."""
    e = exp(input - _spread(out, input.shape, dim))
    return _spread(g, input.shape, dim) * (e / _sum(e, dim=dim, keepdim=True))


def logsumexp(input: T, dim: Dims, keepdim: bool = False) -> T:
    """Return log sum e^x over the given dimensions, without overflow.

    >>> import tinygrad_cnn as tg
    >>> tg.logsumexp(tg.tensor([[0.0, 0.0]]), dim=1)
    tensor([0.6931])
    """
    return _logsumexp(input, dim=many_dims("logsumexp", dim, input.ndim), keepdim=keepdim)


# --- extremes ---


def _to_ties(g: Any, input: Any, out: Any, dim: tuple[int, ...]) -> Any:
    """Return g divided evenly among the entries that equal the extreme value (or are NaN, if any is)."""
    x, kept = array_of(input), _with_ones(input.shape, dim)
    ties = (x == array_of(out).reshape(kept)) | (x != x)
    shares = (1 / np.count_nonzero(ties, axis=dim, keepdims=True)).astype(x.dtype)
    return ties.astype(x.dtype) * (reshape(g, kept) * shares)


@operation(input=lambda g, input, out, dim: _to_ties(g, input, out, dim))
def _amax(input: Array, *, dim: tuple[int, ...], keepdim: bool) -> Array:
    return input.max(axis=dim, keepdims=keepdim)


@operation(input=lambda g, input, out, dim: _to_ties(g, input, out, dim))
def _amin(input: Array, *, dim: tuple[int, ...], keepdim: bool) -> Array:
    return input.min(axis=dim, keepdims=keepdim)


def amax(input: T, dim: Dims = None, keepdim: bool = False) -> T:
    """Return the largest entry over the given dimensions, by default all; ties share the gradient evenly.

    >>> import tinygrad_cnn as tg
    >>> tg.amax(tg.tensor([[1, 5], [3, 2]]), dim=1)
    tensor([5, 3])
    """
    return _amax(input, dim=many_dims("amax", dim, input.ndim), keepdim=keepdim)


def amin(input: T, dim: Dims = None, keepdim: bool = False) -> T:
    """Return the smallest entry over the given dimensions, by default all; ties share the gradient evenly.

    >>> import tinygrad_cnn as tg
    >>> tg.amin(tg.tensor([[1, 5], [3, 2]]), dim=1)
    tensor([1, 2])
    """
    return _amin(input, dim=many_dims("amin", dim, input.ndim), keepdim=keepdim)


class MinMax(NamedTuple):
    """The smallest and the largest entries."""

    min: Any
    max: Any


def aminmax(input: T, *, dim: int | None = None, keepdim: bool = False) -> MinMax:
    """Return `amin` and `amax` as a named tuple (min, max).

    >>> import tinygrad_cnn as tg
    >>> tg.aminmax(tg.tensor([1, 5, 3])).max
    tensor(5)
    """
    return MinMax(amin(input, dim, keepdim), amax(input, dim, keepdim))


# --- without a derivative ---


@operation()
def _argmax(input: Array, *, dim: int | None, keepdim: bool) -> Array:
    return np.argmax(input, axis=dim, keepdims=keepdim and input.ndim > 0)


@operation()
def _argmin(input: Array, *, dim: int | None, keepdim: bool) -> Array:
    return np.argmin(input, axis=dim, keepdims=keepdim and input.ndim > 0)


def argmax(input: T, dim: int | None = None, keepdim: bool = False) -> T:
    """Return the index of the largest entry (the first, if tied) along a dimension, or in the flattened tensor.

    >>> import tinygrad_cnn as tg
    >>> tg.argmax(tg.tensor([[1, 5], [3, 2]]), dim=1)
    tensor([1, 0])
    """
    return _argmax(input, dim=None if dim is None else one_dim("argmax", dim, input.ndim), keepdim=keepdim)


def argmin(input: T, dim: int | None = None, keepdim: bool = False) -> T:
    """Return the index of the smallest entry (the first, if tied) along a dimension, or in the flattened tensor.

    >>> import tinygrad_cnn as tg
    >>> tg.argmin(tg.tensor([[1, 5], [3, 2]]), dim=1)
    tensor([0, 1])
    """
    return _argmin(input, dim=None if dim is None else one_dim("argmin", dim, input.ndim), keepdim=keepdim)


@operation()
def _all(input: Array, *, dim: tuple[int, ...], keepdim: bool) -> Array:
    return np.all(input, axis=dim, keepdims=keepdim)


@operation()
def _any(input: Array, *, dim: tuple[int, ...], keepdim: bool) -> Array:
    return np.any(input, axis=dim, keepdims=keepdim)


def all(input: T, dim: Dims = None, keepdim: bool = False) -> T:
    """Return whether no entry is 0 (or False), over the given dimensions, by default all.

    >>> import tinygrad_cnn as tg
    >>> tg.all(tg.tensor([[True, False], [True, True]]), dim=1)
    tensor([False,  True])
    """
    return _all(input, dim=many_dims("all", dim, input.ndim), keepdim=keepdim)


def any(input: T, dim: Dims = None, keepdim: bool = False) -> T:
    """Return whether any entry is not 0 (or False), over the given dimensions, by default all.

    >>> import tinygrad_cnn as tg
    >>> tg.any(tg.tensor([[True, False], [False, False]]), dim=1)
    tensor([ True, False])
    """
    return _any(input, dim=many_dims("any", dim, input.ndim), keepdim=keepdim)


def count_nonzero(input: T, dim: Dims = None) -> T:
    """Count the entries that are not 0, over the given dimensions, by default all.

    >>> import tinygrad_cnn as tg
    >>> tg.count_nonzero(tg.tensor([0, 3, 0, 4]))
    tensor(2)
    """
    return sum(input != 0, dim)
