"""Embeddings: rows looked up in a table, and sums of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.tensor import Tensor

__all__ = ["embedding", "embedding_bag"]

MODES = ("sum", "mean", "max")


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Return the row of the weight for each index; the row ``padding_idx`` gets no gradient.

    Shapes: input (...) of integers, weight (V, D); the result is (..., D). Rows that are looked up and whose norm
    is above ``max_norm`` are first scaled down to it, in the weight. With ``scale_grad_by_freq``, gradients are
    divided by how often the row is looked up. They are dense, also with ``sparse``. Raises IndexError for an index
    that is not within 0 to V - 1.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.embedding(tg.tensor([1, 1]), tg.eye(2))
    tensor([[0., 1.],
            [0., 1.]])
    """
    indices = _indices("embedding", input, weight)
    _limit_norms(weight, indices, max_norm, norm_type)
    found = weight[indices] if indices.ndim else weight[indices.reshape(1)][0]
    if scale_grad_by_freq:
        _scale_gradient(found, indices)
    if padding_idx is None:
        return found
    padding = _padding_row("embedding", padding_idx, weight)
    return ops.where(ops.unsqueeze(ops.eq(input, padding), -1), found.detach(), found)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Return the sum, mean or largest entries of the rows of each bag of indices: `embedding`, then a reduction.

    Shapes: input (B, N), a bag in each row, or (N,) with the beginnings of the bags in ``offsets`` (B,), or with
    ``include_last_offset`` (B + 1,) that ends with N; weight (V, D); the result is (B, D). Indices equal to
    ``padding_idx`` do not count, and an empty bag gives 0. ``per_sample_weights``, of the shape of the input, scale
    the rows in the mode "sum".

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.embedding_bag(tg.tensor([0, 1, 1]), tg.eye(2), tg.tensor([0, 1]), mode="sum")
    tensor([[1., 0.],
            [0., 2.]])
    """
    if scale_grad_by_freq:
        raise ValueError("embedding_bag: scale_grad_by_freq is not supported; use embedding, and sum its rows")
    if mode not in MODES:
        raise ValueError(f"embedding_bag: mode is {mode!r}; wanted one of {', '.join(MODES)}")
    if per_sample_weights is not None and (mode != "sum" or per_sample_weights.shape != input.shape):
        raise ValueError(
            f"embedding_bag: per_sample_weights have shape {per_sample_weights.shape} in mode {mode!r}; wanted the "
            f"input's shape {input.shape} and the mode 'sum'"
        )
    indices = _indices("embedding_bag", input, weight)
    scales, counts = per_sample_weights, np.ones(indices.shape, bool)
    bags = indices
    if indices.ndim != 2 or offsets is not None:
        places, counts = _places(indices, offsets, include_last_offset)
        bags, scales = indices[places], None if scales is None else scales[places]
    _limit_norms(weight, indices, max_norm, norm_type)
    if padding_idx is not None:
        counts = counts & (bags != _padding_row("embedding_bag", padding_idx, weight))
    rows = weight[bags]
    if scales is not None:
        rows = rows * ops.unsqueeze(scales, -1)
    return _reduced(rows, counts, mode)


def _reduced(rows: Any, counts: Any, mode: str) -> Any:
    """Return one row for each bag, from rows (B, N, D) and which of them count (B, N)."""
    numbers, mask = counts.sum(1, keepdims=True), counts[..., None]
    if mode == "max" and rows.shape[1]:
        largest = ops.max(ops.masked_fill(rows, ~mask, -np.inf), 1).values
        return ops.masked_fill(largest, numbers == 0, 0.0)
    total = ops.sum(ops.masked_fill(rows, ~mask, 0.0), 1)
    return total / np.maximum(numbers, 1).astype(rows.dtype) if mode == "mean" else total


def _places(indices: Any, offsets: Any, include_last: bool) -> tuple[Any, Any]:
    """Return the places (B, N) in the flat input of the indices of each bag, and which of them are in the bag."""
    if indices.ndim != 1 or offsets is None:
        raise ValueError(
            f"embedding_bag: the input has shape {indices.shape}, offsets are {offsets}; wanted an input (B, N) "
            "and no offsets, or (N,) and offsets"
        )
    starts = np.asarray(array_of(offsets))
    ends = starts[1:] if include_last else np.append(starts[1:], len(indices))
    starts = starts[: len(ends)]
    ordered = starts.ndim == 1 and starts.dtype.kind in "iu" and np.all(starts <= ends)
    if not ordered or (len(ends) and (starts[0] != 0 or ends[-1] > len(indices))):
        raise ValueError(f"embedding_bag: the offsets are {starts.tolist()}; wanted integers that grow from 0")
    at = starts[:, None] + np.arange(max(ends - starts, default=0))
    inside = at < ends[:, None]
    return np.where(inside, at, 0), inside


def _indices(name: str, input: Any, weight: Any) -> Any:
    indices = np.asarray(array_of(input))
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{name}: wanted integers as input, got {indices.dtype}")
    if weight.ndim != 2:
        raise ValueError(f"{name}: weight has shape {weight.shape}; wanted (V, D)")
    rows = weight.shape[0]
    if indices.size and not (indices.min() >= 0 and indices.max() < rows):
        wrong = indices.min() if indices.min() < 0 else indices.max()
        raise IndexError(f"{name}: the index {wrong} is not one of {rows} rows")
    return indices


def _padding_row(name: str, padding_idx: int, weight: Any) -> int:
    rows: int = weight.shape[0]
    if not -rows <= padding_idx < rows:
        raise ValueError(f"{name}: padding_idx {padding_idx} is not one of {rows} rows")
    return padding_idx % rows


def _scale_gradient(rows: Any, indices: Any) -> None:
    """Have the gradient of each row divided by how often its index occurs."""
    if rows.requires_grad and indices.size:
        often = np.bincount(indices.ravel())[indices].astype(rows.dtype)[..., None]
        rows.register_hook(lambda g: g / often)


def _limit_norms(weight: Any, indices: Any, max_norm: float | None, norm_type: float) -> None:
    """Scale rows that are looked up, in place, so that their norms are at most ``max_norm``."""
    if max_norm is None:
        return
    looked_up = np.unique(indices)
    rows = weight.detach().array[looked_up]
    norms = np.linalg.norm(rows, norm_type, axis=1)
    large = norms > max_norm
    if large.any():
        scales = (max_norm / (norms[large] + 1e-7)).astype(rows.dtype)
        with no_grad():
            weight[looked_up[large]] = rows[large] * scales[:, None]


explain_calls(globals())
