"""Fully connected layers."""

from __future__ import annotations

from typing import Any

from tinygrad_cnn import creation, ops
from tinygrad_cnn.nn import init
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.parameter import Parameter
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.tensor import Tensor


class Linear(Module):
    """input @ weight.T + bias: (..., in_features) to (..., out_features).

    Weight (out_features, in_features) and bias (out_features,) start uniform on +-1 / sqrt(in_features).

    >>> import tinygrad_cnn as tg
    >>> tg.nn.Linear(3, 2)(tg.ones(5, 3)).shape
    (5, 2)
    """

    bias: Parameter | None

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, dtype: Any = None) -> None:
        super().__init__()
        self.in_features = whole("Linear", "in_features", in_features, 1)
        self.out_features = whole("Linear", "out_features", out_features, 1)
        self.weight = Parameter(creation.empty(self.out_features, self.in_features, dtype=dtype))
        self.register_parameter("bias", Parameter(creation.empty(out_features, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.layer_default_(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return input @ weight.T + bias."""
        return ops.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes, as PyTorch writes them."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
