"""Activation functions as modules."""

from __future__ import annotations

from tinygrad_cnn import ops
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.tensor import Tensor


class ReLU(Module):
    """input where it is positive, else 0."""

    def forward(self, input: Tensor) -> Tensor:
        """Return max(input, 0)."""
        return ops.relu(input)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, input: Tensor) -> Tensor:
        """Return tanh(input)."""
        return ops.tanh(input)


class Sigmoid(Module):
    """1 / (1 + e^-input)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return 1 / (1 + e^-input)."""
        return ops.sigmoid(input)


class Softmax(Module):
    """e^x / sum e^x along a dimension. To train a classifier, give `CrossEntropyLoss` the logits instead."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Return positive numbers that add up to 1 along the dimension."""
        return ops.softmax(input, self.dim)

    def extra_repr(self) -> str:
        """Return the dimension."""
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """The logarithm of `Softmax`, which neither overflows nor underflows."""

    def forward(self, input: Tensor) -> Tensor:
        """Return log-probabilities along the dimension."""
        return ops.log_softmax(input, self.dim)
