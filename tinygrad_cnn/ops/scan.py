"""Cumulative operations (cumsum, cumprod, logcumsumexp), and products (prod).

The derivative of a product divides by its factors only if none is 0; so those of every order hold at zeros too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.kernels.sums import product, running_total
from tinygrad_cnn.ops.arguments import array_of, many_dims, one_dim, want_float
from tinygrad_cnn.ops.broadcast import cast, in_wider_type
from tinygrad_cnn.ops.index import narrow
from tinygrad_cnn.ops.rearrange import flip
from tinygrad_cnn.ops.reduce import Dims, logsumexp
from tinygrad_cnn.ops.shape import cat, reshape, squeeze, stack
from tinygrad_cnn.support.dtypes import as_dtype, float64, int64
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "cumprod",
    "cumsum",
    "logcumsumexp",
    "prod",
]


@operation(input=lambda g, dim: _from_the_end(g, dim))
def _cumsum(input: Array, *, dim: int) -> Array:
    return running_total(input, dim)


def _accumulating_dtype(input: T, dtype: Any) -> Any:
    """Return the type of a sum or product: the given one, else int64 for booleans and integers."""
    return as_dtype(dtype) if dtype is not None else input.dtype if input.dtype.kind == "f" else int64


def cumsum(input: T, dim: int, dtype: Any = None) -> T:
    """Return the cumulative sum along a dimension; of booleans and integers it is int64.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([1, 2, 3]).cumsum(0)
    tensor([1, 3, 6])
    """
    axis = one_dim("cumsum", dim, input.ndim)
    running = cast(input, dtype=_accumulating_dtype(input, dtype))
    return _cumsum(running, dim=axis) if input.shape else running


def _from_the_end(g: Any, dim: int) -> Any:
    """Return the sum of each number and all after it."""
    return flip(_cumsum(flip(g, dim), dim=dim), dim)


def _recurrence(terms: Any, factors: Any, dim: int) -> Any:
    """Return s with s_k = terms_k + factors_k s_(k+1), over distances 1, 2, 4, ... (Hillis & Steele, 1986)."""
    length, step = terms.shape[dim], 1
    while step < length:
        rest = length - step
        near = narrow(factors, dim, 0, rest)
        sums = narrow(terms, dim, 0, rest) + near * narrow(terms, dim, step, rest)
        terms = cat([sums, narrow(terms, dim, rest, step)], dim)
        factors = cat([near * narrow(factors, dim, step, rest), narrow(factors, dim, rest, step)], dim)
        step *= 2
    return terms


@operation(input=lambda g, input, out, dim: _cumprod_back(g, input, out, dim))
def _cumprod(input: Array, *, dim: int) -> Array:
    wide = float64 if input.dtype.kind == "f" else input.dtype
    return np.multiply.accumulate(input, dim, wide).astype(input.dtype, copy=False)


def _cumprod_back(g: Any, input: Any, out: Any, dim: int) -> Any:
    """Divide each sum of later products by the input, if no factor is 0."""
    if array_of(input).all():
        return _from_the_end(g * out, dim) / input
    length = input.shape[dim]
    following = cat([narrow(input, dim, 1, length - 1), np.ones_like(array_of(narrow(input, dim, 0, 1)))], dim)
    return _product_before(input, dim) * _recurrence(g, following, dim)


def cumprod(input: T, dim: int, dtype: Any = None) -> T:
    """Return the cumulative product along a dimension.

    >>> import tinygrad_cnn as tg
    >>> tg.cumprod(tg.tensor([1.0, 2.0, 3.0]), 0)
    tensor([1., 2., 6.])
    """
    axis = one_dim("cumprod", dim, input.ndim)
    running = cast(input, dtype=_accumulating_dtype(input, dtype))
    return _cumprod(running, dim=axis) if input.shape else running


@in_wider_type
def _running_logsumexp(input: T, dim: int) -> T:
    """Combine each entry with all before it, over distances 1, 2, 4, ..., so that the error grows with log2(n)."""
    length, step = input.shape[dim] if input.shape else 1, 1
    while step < length:
        later, earlier = narrow(input, dim, step, length - step), narrow(input, dim, 0, length - step)
        input = cat([narrow(input, dim, 0, step), logsumexp(stack([earlier, later]), 0)], dim)
        step *= 2
    return input


def logcumsumexp(input: T, dim: int) -> T:
    """Return the cumulative `logsumexp` along a dimension, without overflow.

    >>> import tinygrad_cnn as tg
    >>> tg.logcumsumexp(tg.tensor([0.0, 0.0]), 0)
    tensor([0.0000, 0.6931])
    """
    want_float("logcumsumexp", input)
    axis = one_dim("logcumsumexp", dim, input.ndim)
    return _running_logsumexp(cast(input, dtype=input.dtype), axis)


def prod(input: T, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> T:
    """Return the product over the given dimensions, by default all; of booleans and integers it is int64.

    >>> import tinygrad_cnn as tg
    >>> x = tg.tensor([2.0, 0.0, 3.0], requires_grad=True)
    >>> x.prod().backward()
    >>> x.grad
    tensor([0., 6., 0.])
    """
    dims = many_dims("prod", dim, input.ndim)
    factors: Any = cast(input, dtype=_accumulating_dtype(input, dtype))
    if dim is None and not keepdim:
        factors, dims = reshape(factors, -1), (0,)
    for d in dims:
        factors = _prod(factors, dim=d)
    return factors if keepdim else squeeze(factors, dims)


@operation(input=lambda g, input, out, dim: _product_of_others(g, input, out, dim))
def _prod(input: Array, *, dim: int) -> Array:
    """The product over a dimension, which is kept with length 1."""
    return product(input, dim)


def _product_of_others(g: Any, input: Any, out: Any, dim: int) -> Any:
    """Return g times the product of all other factors: by a division, if none is 0."""
    if array_of(input).all():
        return g * out / input
    before, after = _product_before(input, dim), flip(_product_before(flip(input, dim), dim), dim)
    return g * (before * after)


def _product_before(input: Any, dim: int) -> Any:
    """Return the product of all factors before each."""
    earlier = narrow(cumprod(input, dim), dim, 0, input.shape[dim] - 1)
    return cat([np.ones_like(array_of(narrow(input, dim, 0, 1))), earlier], dim)
