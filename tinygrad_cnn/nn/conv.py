"""Convolutional layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygrad_cnn import creation, ops
from tinygrad_cnn.nn import init
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.parameter import Parameter
from tinygrad_cnn.ops.arguments import pair, whole
from tinygrad_cnn.tensor import Tensor


class Conv2d(Module):
    """Slide kernels over images: (N, in_channels, H, W) to (N, out_channels, OH, OW), as `conv2d` does.

    Weight (out_channels, in_channels / groups, KH, KW) and bias (out_channels,) start uniform on +-1 / sqrt(fan_in)
    with fan_in = in_channels / groups * KH * KW.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.Conv2d(1, 6, 5)(tg.ones(2, 1, 28, 28)).shape
    (2, 6, 24, 24)
    """

    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Iterable[int],
        stride: int | Iterable[int] = 1,
        padding: int | Iterable[int] = 0,
        dilation: int | Iterable[int] = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_channels = whole("Conv2d", "in_channels", in_channels, 1)
        self.out_channels = whole("Conv2d", "out_channels", out_channels, 1)
        self.kernel_size = pair("Conv2d", "kernel_size", kernel_size, 1)
        self.stride = pair("Conv2d", "stride", stride, 1)
        self.padding = pair("Conv2d", "padding", padding, 0)
        self.dilation = pair("Conv2d", "dilation", dilation, 1)
        self.groups = whole("Conv2d", "groups", groups, 1)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: groups {groups} does not divide {in_channels} input and {out_channels} output channels"
            )
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self.weight = Parameter(creation.empty(shape, dtype=dtype))
        self.register_parameter("bias", Parameter(creation.empty(out_channels, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.layer_default_(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution of images with the weight."""
        return ops.conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """Return the sizes, as PyTorch writes them: what has its default value is left out."""
        extra = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        for name, default in (("padding", (0, 0)), ("dilation", (1, 1)), ("groups", 1)):
            if (value := getattr(self, name)) != default:
                extra += f", {name}={value}"
        return extra if self.bias is not None else f"{extra}, bias=False"
