"""Fully connected layers: Linear, Bilinear."""

from __future__ import annotations

from math import sqrt
from typing import Any

from tinygrad_cnn import creation, ops
from tinygrad_cnn.nn import functional as F
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

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features = whole("Linear", "in_features", in_features, 1)
        self.out_features = whole("Linear", "out_features", out_features, 1)
        self.weight = Parameter(creation.empty(self.out_features, self.in_features, device=device, dtype=dtype))
        self.register_parameter(
            "bias", Parameter(creation.empty(out_features, device=device, dtype=dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise weight and bias again."""
        init.layer_default_(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return input @ weight.T + bias."""
        return ops.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes, as PyTorch writes them."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """x1 A_o x2 + b_o for each output o: (..., in1_features) and (..., in2_features) to (..., out_features).

    Weight (out_features, in1_features, in2_features) and bias start uniform on +-1 / sqrt(in1_features).

    >>> import tinygrad_cnn as tg
    >>> tg.nn.Bilinear(3, 4, 2)(tg.ones(5, 3), tg.ones(5, 4)).shape
    (5, 2)
    """

    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in1_features = whole("Bilinear", "in1_features", in1_features, 1)
        self.in2_features = whole("Bilinear", "in2_features", in2_features, 1)
        self.out_features = whole("Bilinear", "out_features", out_features, 1)
        self.weight = Parameter(
            creation.empty(out_features, in1_features, in2_features, device=device, dtype=dtype)
        )
        self.register_parameter(
            "bias", Parameter(creation.empty(out_features, device=device, dtype=dtype)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise weight and bias again."""
        bound = 1 / sqrt(self.in1_features)
        for parameter in self.parameters(recurse=False):
            init.uniform_(parameter, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Return x1 A_o x2 + b_o for each output."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes, as PyTorch writes them."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
