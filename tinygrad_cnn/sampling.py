"""Functions that make random tensors: from the generator that they are given, or from this thread's."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.creation import around, chosen_dtype
from tinygrad_cnn.dtypes import as_dtype
from tinygrad_cnn.ops.arguments import array_of, lengths
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tensor import Tensor

__all__ = ["normal", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm"]

Generator = np.random.Generator | None


def rand(
    *size: Any, generator: Generator = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return random numbers, uniform on [0, 1)."""
    drawn = (generator or default_generator()).random(lengths("rand", size))
    return around(np.asarray(drawn).astype(chosen_dtype(dtype)), requires_grad, device)


def randn(
    *size: Any, generator: Generator = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return random numbers from the normal distribution of mean 0 and variance 1."""
    drawn = (generator or default_generator()).standard_normal(lengths("randn", size))
    return around(np.asarray(drawn).astype(chosen_dtype(dtype)), requires_grad, device)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    generator: Generator = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return random integers from low to high - 1: ``randint([low,] high, size)``; low is 0 if left out.

    >>> import tinygrad_cnn as tg
    >>> tg.randint(10, (2, 3)).shape
    (2, 3)
    """
    if size is None and not isinstance(high, (int, np.integer, type(None))):
        high, size = None, high
    if high is None:
        low, high = 0, low
    if high <= low:
        raise ValueError(f"randint: wanted low less than high, got {low} and {high}")
    drawn = (generator or default_generator()).integers(
        low, high, lengths("randint", (() if size is None else size,))
    )
    return around(np.asarray(drawn).astype(as_dtype(dtype or np.int64), copy=False), requires_grad, device)


def randperm(n: int, *, generator: Generator = None, dtype: Any = None, device: Any = None) -> Tensor:
    """Return the integers from 0 to n - 1 in random order."""
    drawn = (generator or default_generator()).permutation(n)
    return around(drawn.astype(as_dtype(dtype or np.int64), copy=False), device=device)


def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator = None) -> Tensor:
    """Return random numbers from normal distributions; mean and std are tensors, which broadcast, or numbers.

    >>> import tinygrad_cnn as tg
    >>> tg.normal(tg.zeros(3), 2.0).shape
    (3,)
    """
    means, deviations = array_of(mean), array_of(std)
    if np.less(deviations, 0).any():
        raise ValueError("normal: std has negative entries")
    shape = (
        np.broadcast_shapes(np.shape(means), np.shape(deviations)) if size is None else lengths("normal", (size,))
    )
    tensors = [t.dtype for t in (means, deviations) if isinstance(t, np.ndarray)]
    drawn = np.asarray((generator or default_generator()).normal(means, deviations, shape))
    return around(drawn.astype(np.result_type(*tensors) if tensors else chosen_dtype(None)))


def rand_like(
    input: Tensor,
    *,
    generator: Generator = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return `rand` of a tensor's shape and type."""
    return rand(
        input.shape, generator=generator, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad
    )


def randn_like(
    input: Tensor,
    *,
    generator: Generator = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return `randn` of a tensor's shape and type."""
    return randn(
        input.shape, generator=generator, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad
    )


def randint_like(
    input: Tensor,
    low: int,
    high: int | None = None,
    *,
    generator: Generator = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return `randint` of a tensor's shape and type."""
    return randint(low, high, input.shape, generator, dtype or input.dtype, device, requires_grad)
