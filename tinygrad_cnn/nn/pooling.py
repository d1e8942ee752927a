"""Pooling layers."""

from __future__ import annotations

from collections.abc import Iterable

from tinygrad_cnn import ops
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.ops.arguments import pair
from tinygrad_cnn.tensor import Tensor


class _Pool2d(Module):
    def __init__(
        self,
        kernel_size: int | Iterable[int],
        stride: int | Iterable[int] | None = None,
        padding: int | Iterable[int] = 0,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.kernel_size = pair(name, "kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else pair(name, "stride", stride, 1)
        self.padding = pair(name, "padding", padding, 0)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool2d(_Pool2d):
    """The largest value of each window, as `max_pool2d`; the stride is the kernel's size if left out.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.MaxPool2d(2)(tg.ones(1, 6, 24, 24)).shape
    (1, 6, 12, 12)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the largest value of each window."""
        largest: Tensor = ops.max_pool2d(input, self.kernel_size, self.stride, self.padding)
        return largest


class AvgPool2d(_Pool2d):
    """The mean of each window, padding counted as zeros, as `avg_pool2d`."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the mean of each window."""
        return ops.avg_pool2d(input, self.kernel_size, self.stride, self.padding)
