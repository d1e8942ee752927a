"""Embedding: rows looked up in a table."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.tensor import Tensor

__all__ = ["embedding"]


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Return the row of the weight for each index; the row ``padding_idx`` gets no gradient.

    Shapes: input (...) of integers, weight (V, D); the result is (..., D). Raises IndexError for an index that is
    not within 0 to V - 1.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.embedding(tg.tensor([1, 1]), tg.eye(2))
    tensor([[0., 1.],
            [0., 1.]])
    """
    indices = np.asarray(array_of(input))
    if indices.dtype.kind not in "iu":
        raise TypeError(f"embedding: wanted integers as input, got {indices.dtype}")
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight has shape {weight.shape}; wanted (V, D)")
    rows = weight.shape[0]
    if indices.size and not (indices.min() >= 0 and indices.max() < rows):
        wrong = indices.min() if indices.min() < 0 else indices.max()
        raise IndexError(f"embedding: the index {wrong} is not one of {rows} rows")
    found = weight[indices] if indices.ndim else weight[indices.reshape(1)][0]
    if padding_idx is None:
        return found
    if not -rows <= padding_idx < rows:
        raise ValueError(f"embedding: padding_idx {padding_idx} is not one of {rows} rows")
    return ops.where(ops.unsqueeze(ops.eq(input, padding_idx % rows), -1), found.detach(), found)


explain_calls(globals())
