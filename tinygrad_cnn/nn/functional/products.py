"""Bilinear products, and scaled dot-product attention."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.nn.functional.noise import dropout
from tinygrad_cnn.ops.arguments import array_of, want_same_dtype
from tinygrad_cnn.random import GeneratorArgument as Generator
from tinygrad_cnn.tape.capture import constant, effect
from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

__all__ = ["bilinear", "scaled_dot_product_attention"]


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x1 A_o x2 + b_o for each output o and each pair of vectors.

    Shapes: input1 (..., I), input2 (..., J), weight (O, I, J), bias (O,); the result is (..., O).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.bilinear(tg.ones(2, 3), tg.ones(2, 4), tg.ones(5, 3, 4)).shape
    (2, 5)
    """
    want_same_dtype("bilinear", input1=input1, input2=input2, weight=weight, bias=bias)
    a, b, w = input1.shape, input2.shape, weight.shape
    if len(w) != 3 or not a or not b or a[:-1] != b[:-1] or (a[-1], b[-1]) != w[1:]:
        raise ValueError(f"bilinear: shapes {a}, {b} and {w} do not fit: wanted (..., I), (..., J) and (O, I, J)")
    if bias is not None and bias.shape != w[:1]:
        raise ValueError(f"bilinear: bias has shape {bias.shape}; wanted {w[:1]}")
    outputs, rows, columns = w
    table = weight.permute(1, 0, 2).reshape(rows, outputs * columns)
    halfway = (input1.unsqueeze(-2) @ table).reshape(*a[:-1], outputs, columns)
    product = (halfway @ input2.unsqueeze(-1)).squeeze(-1)
    return product if bias is None else product + bias


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    *,
    generator: Generator = None,
) -> Tensor:
    """Return the attention softmax(scale q k^T + mask) v: the mean of the values for each query.

    Shapes: query (..., L, E), key (..., S, E), value (..., S, V); the result is (..., L, V). The mask broadcasts to
    (..., L, S): a boolean mask is true where a query attends to a key, numbers are added. If ``is_causal``, query i
    attends to keys 0 to i. A query without keys gets zeros. The scale defaults to 1 / sqrt(E). Dropout is
    applied whenever ``dropout_p`` is above 0. (Vaswani et al., "Attention is all you need", 2017, equation 1.)

    >>> import tinygrad_cnn as tg
    >>> q, kv = tg.zeros(1, 2), tg.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> tg.nn.functional.scaled_dot_product_attention(q, kv, kv)
    tensor([[0.5000, 0.5000]])
    """
    name = "scaled_dot_product_attention"
    q, k, v = query.shape, key.shape, value.shape
    if min(len(q), len(k), len(v)) < 2 or q[-1] != k[-1] or k[-2] != v[-2]:
        raise ValueError(
            f"{name}: shapes {q}, {k} and {v} do not fit: wanted (..., L, E), (..., S, E), (..., S, V)"
        )
    if is_causal and attn_mask is not None:
        raise ValueError(f"{name}: got both attn_mask and is_causal; wanted one of them")
    scores = query @ key.transpose(-1, -2) * (1 / sqrt(q[-1]) if scale is None else scale)
    hidden = empty = None
    if is_causal:
        hidden = constant(~np.tri(q[-2], k[-2], dtype=np.bool_))
    elif attn_mask is not None:
        blocked, hidden, empty = _blocked(attn_mask)
        if attn_mask.dtype.kind != "b":
            scores = scores + ops.where(blocked, 0.0, attn_mask)
    weights = ops.softmax(scores if hidden is None else ops.where(hidden, -np.inf, scores), -1)
    if empty is not None:
        weights = ops.where(empty, 0.0, weights)
    return dropout(weights, dropout_p, generator=generator) @ value


@effect
def _blocked(attn_mask: Any) -> tuple[Array, Array, Array]:
    """Return where a mask blocks, the same in rows that allow something, and which rows allow nothing."""
    mask = array_of(attn_mask)
    blocked: Array = ~mask if mask.dtype.kind == "b" else np.atleast_1d(mask == -np.inf)
    empty: Any = blocked.all(axis=-1, keepdims=True)
    return blocked, blocked & ~empty, empty


explain_calls(globals())
