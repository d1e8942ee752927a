"""The networks of the works that the report builds on, as their authors wrote them."""

from __future__ import annotations

import tinygrad_cnn.nn.functional as F
from tinygrad_cnn import nn
from tinygrad_cnn.creation import zeros
from tinygrad_cnn.models.lenet5 import CONNECTIONS
from tinygrad_cnn.nn import init
from tinygrad_cnn.ops import relu, sigmoid
from tinygrad_cnn.tensor import Tensor

__all__ = ["DuanCNN", "PorpigliaLeNet", "SalmonMLP"]


class PorpigliaLeNet(nn.Module):
    """LeNet with sigmoids and mean pooling, (N, 1, 28, 28) to logits (N, num_classes); 42,404 parameters for 10.

    Convolutions have no bias. A map of the second one has a single kernel, which it applies to the sum of the maps
    that it is connected to: those of LeNet-5. Kernels start normal with deviation 1, dense layers with 0.5.
    Source: G. Porpiglia, "CNN-from-scratch" (2020), https://github.com/GiacomoPorpiglia/CNN-from-scratch.

    >>> import tinygrad_cnn as tg
    >>> tg.models.PorpigliaLeNet()(tg.ones(2, 1, 28, 28)).shape
    (2, 10)
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, bias=False)
        self.conv2 = nn.Conv2d(1, 16, 5, bias=False)
        self.fc1 = nn.Linear(256, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)
        connections = zeros(16, 6, 1, 1)
        for row, maps in zip(connections.array, CONNECTIONS, strict=True):
            row[list(maps)] = 1
        self.register_buffer("connections", connections, persistent=False)
        for layer in (self.conv1, self.conv2, self.fc1, self.fc2, self.fc3):
            for parameter in layer.parameters():
                init.normal_(parameter, std=1.0 if isinstance(layer, nn.Conv2d) else 0.5)

    def forward(self, input: Tensor) -> Tensor:
        """Return the logits of a batch of images."""
        _want_images("PorpigliaLeNet", input)
        x = F.avg_pool2d(sigmoid(self.conv1(input)), 2)  # N 6 12 12
        x = F.conv2d(x, self.connections * self.conv2.weight)  # N 16 8 8
        x = F.avg_pool2d(sigmoid(x), 2).flatten(1)  # N 256
        x = sigmoid(self.fc1(x))
        x = sigmoid(self.fc2(x))
        logits: Tensor = self.fc3(x)
        return logits


class DuanCNN(nn.Module):
    """One convolution of five 3 x 3 kernels and one dense layer, (N, 1, 28, 28) to logits (N, num_classes).

    33,855 parameters for ten classes. The convolution has no bias; after it stands ReLU. Weights start normal:
    kernels with deviation 1/3, the dense layer with 1 / sqrt(its weights), its bias with 1 / sqrt(num_classes).
    Source: Y. Duan, "MNIST-with-CNN-from-Scratch" (2021), https://github.com/yawen-d/MNIST-with-CNN-from-Scratch.

    >>> import tinygrad_cnn as tg
    >>> tg.models.DuanCNN()(tg.ones(2, 1, 28, 28)).shape
    (2, 10)
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 5, 3, bias=False)
        self.fc = nn.Linear(5 * 26 * 26, num_classes)
        deviations = 1 / 3, self.fc.weight.numel() ** -0.5, num_classes**-0.5
        for parameter, deviation in zip(self.parameters(), deviations, strict=True):
            init.normal_(parameter, std=deviation)

    def forward(self, input: Tensor) -> Tensor:
        """Return the logits of a batch of images."""
        _want_images("DuanCNN", input)
        logits: Tensor = self.fc(relu(self.conv(input)).flatten(1))
        return logits


class SalmonMLP(nn.Module):
    """A dense layer of ten units with ReLU, and one of the classes, (N, 1, 28, 28) to logits (N, num_classes).

    7,960 parameters for ten classes, which start uniform on [-0.5, 0.5]. Source: W. Salmon, "Simple MNIST NN from
    scratch (numpy, no TF/Keras)" (Kaggle, 2021).

    >>> import tinygrad_cnn as tg
    >>> tg.models.SalmonMLP()(tg.ones(2, 1, 28, 28)).shape
    (2, 10)
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, 10)
        self.fc2 = nn.Linear(10, num_classes)
        for parameter in self.parameters():
            init.uniform_(parameter, -0.5, 0.5)

    def forward(self, input: Tensor) -> Tensor:
        """Return the logits of a batch of images."""
        _want_images("SalmonMLP", input)
        logits: Tensor = self.fc2(relu(self.fc1(input.flatten(1))))
        return logits


def _want_images(name: str, input: Tensor) -> None:
    if input.shape[1:] != (1, 28, 28):
        raise ValueError(f"{name}: wanted images of shape (N, 1, 28, 28), got {input.shape}")
