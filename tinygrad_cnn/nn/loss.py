"""Losses as modules."""

from __future__ import annotations

from tinygrad_cnn import ops
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.ops.softmax import REDUCTIONS
from tinygrad_cnn.suggest import did_you_mean
from tinygrad_cnn.tensor import Tensor


class _Loss(Module):
    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"{type(self).__name__}: reduction {reduction!r} is unknown; wanted one of {', '.join(REDUCTIONS)}"
                f"{did_you_mean(str(reduction), REDUCTIONS)}"
            )
        self.reduction = reduction


class CrossEntropyLoss(_Loss):
    """The loss of a classifier from its logits, as `cross_entropy`: softmax is part of it.

    >>> import tinygrad_cnn as tg
    >>> round(tg.nn.CrossEntropyLoss()(tg.zeros(3, 10), tg.tensor([1, 2, 3])).item(), 4)
    2.3026
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of logits (N, C, ...), given class indices or probabilities."""
        return ops.cross_entropy(input, target, reduction=self.reduction)


class NLLLoss(_Loss):
    """The loss of a classifier from its log-probabilities, as `nll_loss`."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of log-probabilities (N, C, ...), given class indices."""
        return ops.nll_loss(input, target, reduction=self.reduction)
