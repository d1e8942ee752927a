"""Layers that change only the shape."""

from __future__ import annotations

from tinygrad_cnn import ops
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.tensor import Tensor


class Flatten(Module):
    """Make one dimension of all from start_dim to end_dim: by default, each sample a row.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.Flatten()(tg.ones(2, 16, 4, 4)).shape
    (2, 256)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """Return the input in its new shape."""
        return ops.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Return the dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
