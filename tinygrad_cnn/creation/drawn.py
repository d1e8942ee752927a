"""Tensors of random numbers, from the given generator or, by default, from this thread's (``torch.rand``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.creation.leaf import fraction_dtype, from_array, number_dtype, shaped
from tinygrad_cnn.ops.arguments import array_of, lengths, whole
from tinygrad_cnn.random import GeneratorArgument as Generator
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.support.arrays import want_range
from tinygrad_cnn.support.dtypes import as_dtype, int64, last_whole_number
from tinygrad_cnn.tape.capture import effect
from tinygrad_cnn.tensor import Tensor


@shaped
def rand(
    *size: Any, generator: Generator = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return random numbers, uniform on [0, 1).

    >>> import tinygrad_cnn as tg
    >>> tg.rand(2, 3).shape
    (2, 3)
    """
    wanted = fraction_dtype("rand", dtype)
    drawn = (generator or default_generator()).random(lengths("rand", size))
    return from_array(np.asarray(drawn).astype(wanted), requires_grad, device)


@shaped
def randn(
    *size: Any, generator: Generator = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return random numbers from the normal distribution of mean 0 and variance 1.

    >>> import tinygrad_cnn as tg
    >>> tg.randn(2, 3).shape
    (2, 3)
    """
    wanted = fraction_dtype("randn", dtype)
    drawn = (generator or default_generator()).standard_normal(lengths("randn", size))
    return from_array(np.asarray(drawn).astype(wanted), requires_grad, device)


@shaped
def randint(
    low: Any = None,
    high: Any = None,
    size: Any = None,
    generator: Generator = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return random integers from low to high - 1: ``randint([low,] high, size)``; low defaults to 0.

    >>> import tinygrad_cnn as tg
    >>> tg.randint(10, (2, 3)).shape
    (2, 3)
    """
    if size is None and not isinstance(high, (int, np.integer, type(None))):
        high, size = None, high
    if low is None or high is None:
        low, high = 0, low if high is None else high
    if high is None:
        raise TypeError("randint: wanted randint([low,] high, size), got no high")
    if high <= low:
        raise ValueError(f"randint: wanted low less than high, got {low} and {high}")
    wanted = as_dtype(dtype or np.int64)
    want_range("randint", low, high - 1, wanted)
    drawn = (generator or default_generator()).integers(
        low, high, lengths("randint", (() if size is None else size,))
    )
    return from_array(np.asarray(drawn).astype(wanted, copy=False), requires_grad, device)


@shaped
def randperm(
    n: int, *, generator: Generator = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return the integers from 0 to n - 1 in random order.

    >>> import tinygrad_cnn as tg
    >>> tg.randperm(4).sort().values
    tensor([0, 1, 2, 3])
    """
    wanted = number_dtype("randperm", int64 if dtype is None else dtype)
    count = whole("randperm", "n", n, 0)
    if count - 1 > last_whole_number(wanted):
        raise ValueError(f"randperm: not all numbers from 0 to {count - 1} are numbers of {wanted}")
    drawn = (generator or default_generator()).permutation(count)
    return from_array(drawn.astype(wanted, copy=False), requires_grad, device)


@effect
def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return random numbers from normal distributions; mean and std are tensors, which broadcast, or numbers.

    >>> import tinygrad_cnn as tg
    >>> tg.normal(tg.zeros(3), 2.0).shape
    (3,)
    """
    means, deviations = array_of(mean), array_of(std)
    if np.less(deviations, 0).any():
        raise ValueError("normal: std has negative entries")
    met = np.broadcast_shapes(np.shape(means), np.shape(deviations))
    shape = met if size is None else lengths("normal", (size,))
    tensors = [t.dtype for t in (means, deviations) if isinstance(t, np.ndarray)]
    wanted = fraction_dtype("normal", np.result_type(*tensors) if tensors and dtype is None else dtype)
    drawn = np.asarray((generator or default_generator()).normal(means, deviations, shape))
    return from_array(drawn.astype(wanted), requires_grad, device)


def rand_like(
    input: Tensor,
    *,
    generator: Generator = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return `rand` of a tensor's shape and type.

    >>> import tinygrad_cnn as tg
    >>> tg.rand_like(tg.ones(2, 3)).shape
    (2, 3)
    """
    dtype = dtype or input.dtype
    return rand(input.shape, generator=generator, dtype=dtype, device=device, requires_grad=requires_grad)


def randn_like(
    input: Tensor,
    *,
    generator: Generator = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return `randn` of a tensor's shape and type.

    >>> import tinygrad_cnn as tg
    >>> tg.randn_like(tg.ones(2, 3)).shape
    (2, 3)
    """
    dtype = dtype or input.dtype
    return randn(input.shape, generator=generator, dtype=dtype, device=device, requires_grad=requires_grad)


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
    """Return `randint` of a tensor's shape and type.

    >>> import tinygrad_cnn as tg
    >>> tg.randint_like(tg.ones(2, 3), 10).shape
    (2, 3)
    """
    return randint(low, high, input.shape, generator, dtype or input.dtype, device, requires_grad)
