"""Margin losses of several classes, and losses of several labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_cnn import creation, ops
from tinygrad_cnn.nn.functional.activation import logsigmoid
from tinygrad_cnn.nn.functional.old_arguments import with_old_arguments
from tinygrad_cnn.ops.arguments import array_of, want_float
from tinygrad_cnn.ops.loss import reduced
from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.tensor import Tensor

__all__ = [
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "triplet_margin_with_distance_loss",
]


@with_old_arguments
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean over classes j of max(0, margin - x_y + x_j)^p, without j = y, times the weight of class y.

    Shapes: input (N, C) or (C,), target (N,) or () of classes, weight (C,).

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.multi_margin_loss(tg.tensor([[0.0, 1.0]]), tg.tensor([0]))
    tensor(1.)
    """
    want_float("multi_margin_loss", input)
    classes = np.asarray(array_of(target))
    input = input if input.ndim else ops.reshape(input, (1,))
    if input.ndim == 1 and classes.shape == (1,):  # a batch of one
        input = ops.reshape(input, (1, -1))
    if p not in (1, 2) or input.ndim not in (1, 2) or classes.shape != input.shape[:-1]:
        raise ValueError(
            f"multi_margin_loss: p is {p}, shapes are {input.shape} and {classes.shape}; wanted 1 or 2, and (N, C) "
            "and (N,), or (C,) and ()"
        )
    own = _is_class("multi_margin_loss", classes[..., None], input)[..., 0, :]
    right = ops.sum(ops.where(own, input, 0.0), -1, keepdim=True)
    apart = ops.clamp(margin - right + input, 0.0) ** p
    if weight is not None:
        apart = apart * ops.unsqueeze(weight[creation.from_numpy(classes)], -1)
    losses = ops.sum(ops.where(own, 0.0, apart), -1) / input.shape[-1]
    return reduced("multi_margin_loss", losses, reduction)


def _is_class(name: str, classes: Any, input: Tensor) -> Any:
    """Return whether each class is that of an index: (..., k) to (..., k, C)."""
    count = input.shape[-1]
    if classes.dtype.kind not in "iu" or (classes.size and not (classes.min() >= 0 and classes.max() < count)):
        raise IndexError(f"{name}: the target has to be integers from 0 to {count - 1}")
    return classes[..., None] == np.arange(count)


@with_old_arguments
def multilabel_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return the sum of max(0, 1 - x_j + x_i) over labels j and classes i that are no labels, over the classes.

    Shapes: input and target (N, C) or (C,). A row of the target has the labels, then -1 if there are fewer than C.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.multilabel_margin_loss(tg.tensor([[0.5, 0.0]]), tg.tensor([[0, -1]]))
    tensor(0.2500)
    """
    want_float("multilabel_margin_loss", input)
    labels = np.asarray(array_of(target))
    if not input.ndim:
        input, labels = ops.reshape(input, (1,)), np.atleast_1d(labels)
    if labels.shape != input.shape or input.ndim not in (1, 2):
        raise ValueError(f"multilabel_margin_loss: shapes {input.shape} and {labels.shape}; wanted (N, C), twice")
    valid = np.logical_and.accumulate(labels >= 0, -1)
    own = _is_class("multilabel_margin_loss", np.where(valid, labels, 0), input) & valid[..., None]
    right = ops.sum(ops.where(own, ops.unsqueeze(input, -2), 0.0), -1, keepdim=True)
    apart = ops.clamp(1 - right + ops.unsqueeze(input, -2), 0.0)
    counted = valid[..., None] & ~own.any(-2, keepdims=True)
    losses = ops.sum(ops.where(counted, apart, 0.0), (-2, -1)) / input.shape[-1]
    return reduced("multilabel_margin_loss", losses, reduction)


@with_old_arguments
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """Return the mean over classes of the binary cross-entropy of logits; the weight is that of each class.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.multilabel_soft_margin_loss(tg.zeros(1, 2), tg.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    losses = losses if weight is None else losses * weight
    return reduced("multilabel_soft_margin_loss", ops.mean(losses, -1), reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, margin + d(anchor, positive) - d(anchor, negative)) for a distance, by default the Euclidean.

    With ``swap``, d(positive, negative) replaces the last term where it is smaller.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.triplet_margin_with_distance_loss(tg.zeros(1, 2), tg.zeros(1, 2), tg.ones(1, 2), margin=2.0)
    tensor(0.5858)
    """
    if margin <= 0:
        raise ValueError(f"triplet_margin_with_distance_loss: margin is {margin}; wanted more than 0")
    distance = distance_function or ops.pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    far = ops.minimum(far, distance(positive, negative)) if swap else far
    return reduced("triplet_margin_with_distance_loss", ops.clamp(margin + near - far, 0.0), reduction)


explain_calls(globals())
