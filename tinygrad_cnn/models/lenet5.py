"""LeNet-5 as published: LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition"
(Proceedings of the IEEE, 1998), section II.B, except for the output: a linear layer that gives logits, in place of
the paper's radial basis functions.
"""

from __future__ import annotations

from math import prod

import tinygrad_cnn.nn.functional as F
from tinygrad_cnn import nn
from tinygrad_cnn.creation import empty, eye
from tinygrad_cnn.nn import init
from tinygrad_cnn.tensor import Tensor

# The maps of S2 that each map of C3 is connected to: table I of the paper, column by column.
CONNECTIONS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip


class LeNet5(nn.Module):
    """Classify images of 32 x 32 pixels, (N, 1, 32, 32) to logits (N, num_classes), with 60,850 parameters for 10.

    Images of 28 x 28 pixels are padded with two zeros on each side, the background of MNIST's files. The activation
    of all layers before the output is 1.7159 tanh(2/3 x). Weights start uniform on +-2.4 / fan_in. It is fastest to
    learn from pixels scaled as in the paper: background -0.1, ink 1.175, that is 1.275 x - 0.1 for x in [0, 1].

    >>> import tinygrad_cnn as tg
    >>> tg.models.LeNet5()(tg.ones(2, 1, 32, 32)).shape
    (2, 10)
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)
        self.s2 = Subsampling(6)
        self.c3 = PartialConv2d(6, CONNECTIONS, 5)
        self.s4 = Subsampling(16)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, num_classes)
        for layer in (self.c1, self.c5, self.f6, self.output):
            _initialize(layer.weight, layer.bias, prod(layer.weight.shape[1:]))

    def forward(self, input: Tensor) -> Tensor:
        """Return the logits of a batch of images."""
        if input.shape[1:] not in ((1, 32, 32), (1, 28, 28)):
            raise ValueError(
                f"LeNet5: wanted images of shape (N, 1, 32, 32), or (N, 1, 28, 28) to be padded, got {input.shape}"
            )
        padding = (32 - input.shape[-1]) // 2
        x = F.pad(input, (padding,) * 4) if padding else input  # N 1 32 32
        x = squash(self.c1(x))  # N 6 28 28
        x = self.s2(x)  # N 6 14 14
        x = squash(self.c3(x))  # N 16 10 10
        x = self.s4(x)  # N 16 5 5
        x = squash(self.c5(x)).flatten(1)  # N 120
        x = squash(self.f6(x))  # N 84
        logits: Tensor = self.output(x)
        return logits


class Subsampling(nn.Module):
    """Subsample maps: the squashed sum of each 2 x 2 window, times a coefficient and plus a bias for each map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(empty(channels, 1, 1))
        self.bias = nn.Parameter(empty(channels, 1, 1))
        _initialize(self.weight, self.bias, 4)

    def forward(self, input: Tensor) -> Tensor:
        """Return maps of half the height and width."""
        return squash(F.avg_pool2d(input, 2) * (4 * self.weight) + self.bias)


class PartialConv2d(nn.Module):
    """A convolution whose output map i reads only the input maps ``connections[i]``.

    The weight (connections, KH, KW) holds only the existing kernels, in the order of the connections.
    """

    def __init__(self, in_channels: int, connections: tuple[tuple[int, ...], ...], kernel_size: int) -> None:
        super().__init__()
        self.shape = (len(connections), in_channels, kernel_size, kernel_size)
        places = [o * in_channels + c for o, channels in enumerate(connections) for c in channels]
        self.weight = nn.Parameter(empty(len(places), kernel_size, kernel_size))
        self.bias = nn.Parameter(empty(len(connections)))
        self.register_buffer("whole", eye(len(connections) * in_channels)[:, places], persistent=False)
        first = 0
        for o, channels in enumerate(connections):
            kernels = self.weight.detach()[first : first + len(channels)]
            _initialize(kernels, self.bias.detach()[o : o + 1], kernels.numel())
            first += len(channels)

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution with the full weight, which is 0 where there is no connection."""
        weight = (self.whole @ self.weight.flatten(1)).reshape(self.shape)
        return F.conv2d(input, weight, self.bias)


def squash(x: Tensor) -> Tensor:
    """Return 1.7159 tanh(2/3 x), which maps 1 to 1 and -1 to -1 (appendix A of the paper)."""
    return 1.7159 * F.tanh(x * (2 / 3))


def _initialize(weight: Tensor, bias: Tensor | None, fan_in: int) -> None:
    for tensor in (weight, bias):
        if tensor is not None:
            init.uniform_(tensor, -2.4 / fan_in, 2.4 / fan_in)
