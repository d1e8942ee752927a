"""Matrix products."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cnn.ops.arguments import want_same_dtype
from tinygrad_cnn.ops.broadcast import broadcasting
from tinygrad_cnn.ops.shape import reshape, squeeze, unsqueeze
from tinygrad_cnn.tape import Array, operation

if TYPE_CHECKING:
    from tinygrad_cnn.tensor import Tensor

__all__ = [
    "linear",
    "matmul",
]


@broadcasting(
    input=lambda g, other: g @ other.mT,
    other=lambda g, input: input.mT @ g,
)
def _matmul(input: Array, other: Array) -> Array:
    return np.matmul(input, other)


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Multiply matrices (..., n, k) and (..., k, m); leading dimensions broadcast, and a vector is a row or column.

    >>> import tinygrad_cnn as tg
    >>> (tg.ones(5, 2, 3) @ tg.ones(3, 4)).shape
    (5, 2, 4)
    """
    want_same_dtype("matmul", input=input, other=other)
    a, b = tuple(input.shape), tuple(other.shape)
    if not a or not b or a[-1] != b[max(len(b) - 2, 0)]:
        raise ValueError(f"matmul: shapes {a} and {b} do not fit: wanted (..., n, k) and (..., k, m)")
    rows = input if len(a) > 1 else unsqueeze(input, 0)
    columns = other if len(b) > 1 else unsqueeze(other, 1)
    product = _matmul(rows, columns)
    if len(b) == 1:
        product = squeeze(product, -1)
    return product if len(a) > 1 else squeeze(product, -1 if len(b) == 1 else -2)


def _rows(x: Any) -> Any:
    """Return (..., n) as a matrix of rows of n."""
    return x if len(x.shape) == 2 else reshape(x, (-1, x.shape[-1]) if x.shape[-1] else (0, 0))


@operation(
    input=lambda g, weight: g @ weight,
    weight=lambda g, input: _rows(g).mT @ _rows(input),
    bias=lambda g: _rows(g).sum(0),
)
def _linear(input: Array, weight: Array, bias: Array | None) -> Array:
    out = np.matmul(input, weight.T)
    if bias is not None:
        out += bias
    return out


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return input @ weight.T + bias: z_j = sum_i w_ji x_i + b_j for each row x.

    Shapes: input (..., in_features), weight (out_features, in_features), bias (out_features,).
    """
    want_same_dtype("linear", input=input, weight=weight, bias=bias)
    x, w = tuple(input.shape), tuple(weight.shape)
    if len(w) != 2 or not x or x[-1] != w[1]:
        raise ValueError(f"linear: input of shape {x} does not fit a weight of shape {w}: wanted (..., {w[-1]})")
    if bias is not None and tuple(bias.shape) != w[:1]:
        raise ValueError(f"linear: bias of shape {tuple(bias.shape)}; wanted {w[:1]} for a weight of shape {w}")
    return _linear(input, weight, bias)
