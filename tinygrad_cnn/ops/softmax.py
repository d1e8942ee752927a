"""Softmax, its logarithm, and one-hot vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.kernels import sums
from tinygrad_cnn.ops.arguments import array_of, one_dim
from tinygrad_cnn.ops.broadcast import cast
from tinygrad_cnn.ops.elementwise import exp
from tinygrad_cnn.ops.reduce import _sum
from tinygrad_cnn.ops.shape import reshape
from tinygrad_cnn.support.dtypes import as_dtype, as_float
from tinygrad_cnn.tape.record import Operation, operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "log_softmax",
    "one_hot",
    "softmax",
]


@operation(input=lambda g, out, dim: out * (g - _sum(g * out, dim=(dim,), keepdim=True)))
def _softmax(input: Array, *, dim: int) -> Array:
    x = as_float(input)
    wide = sums.widened(x)
    e = np.exp(wide - np.maximum.reduce(wide, dim, keepdims=True, initial=-np.inf))
    e /= sums.total(e, (dim,), True)
    return e if wide is x else e.astype(x.dtype)


@operation(input=lambda g, out, dim: g - exp(out) * _sum(g, dim=(dim,), keepdim=True))
def _log_softmax(input: Array, *, dim: int) -> Array:
    x = as_float(input)
    wide = sums.widened(x)
    z = wide - np.maximum.reduce(wide, dim, keepdims=True, initial=-np.inf)
    z -= np.log(sums.total(np.exp(z), (dim,), True))
    return z if wide is x else z.astype(x.dtype)


def _converted(input: T, dtype: Any) -> T:
    return input if dtype is None or input.dtype == dtype else cast(input, dtype=as_dtype(dtype))


def _along(function: Operation, input: T, dim: int) -> T:
    """Apply softmax or log_softmax along a dimension; a 0-d tensor counts as a vector of one."""
    axis = one_dim(function.name, dim, input.ndim)
    return function(input, dim=axis) if input.shape else reshape(function(reshape(input, (1,)), dim=0), ())


def softmax(input: T, dim: int, dtype: Any = None) -> T:
    """Return e^x / sum e^x along a dimension: positive numbers that add up to 1 (the report's equation 3).

    If ``dtype`` is given, the input is first converted to it.

    >>> import tinygrad_cnn as tg
    >>> tg.softmax(tg.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return _along(_softmax, _converted(input, dtype), dim)


def log_softmax(input: T, dim: int, dtype: Any = None) -> T:
    """Return the logarithm of `softmax`, without overflow or underflow.

    >>> import tinygrad_cnn as tg
    >>> tg.log_softmax(tg.zeros(1, 2), dim=1)
    tensor([[-0.6931, -0.6931]])
    """
    return _along(_log_softmax, _converted(input, dtype), dim)


def one_hot(target: T, num_classes: int = -1) -> T:
    """Return, for each class index, a row of int64 that is 1 at that index and 0 elsewhere.

    By default (-1), ``num_classes`` is the largest index plus 1.

    >>> import tinygrad_cnn as tg
    >>> tg.one_hot(tg.tensor([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if num_classes == -1:
        indices = array_of(target)
        if not indices.size:
            raise ValueError("one_hot: an empty target has no largest class; give num_classes")
        num_classes = int(indices.max()) + 1
    return _one_hot(target, num_classes=num_classes)


@operation()
def _one_hot(target: Array, *, num_classes: int) -> Array:
    _check_classes("one_hot", target, num_classes)
    return (target[..., None] == np.arange(num_classes)).astype(np.int64)


def _check_classes(name: str, target: Array, classes: int) -> None:
    if target.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: wanted class indices (integers) as target, got {target.dtype}; convert with .long()"
        )
    if target.size and not (target.min() >= 0 and target.max() < classes):
        wrong = target.min() if target.min() < 0 else target.max()
        raise IndexError(f"{name}: target has the class {wrong}; wanted 0 to {classes - 1} for {classes} classes")
