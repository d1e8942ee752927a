"""LeNet as in the report: two convolutions and three fully connected layers, with ReLU and max-pooling."""

from __future__ import annotations

from tinygrad_cnn import nn
from tinygrad_cnn.ops import flatten, relu
from tinygrad_cnn.tensor import Tensor


class LeNet(nn.Module):
    """Classify images of 28 x 28 pixels, (N, 1, 28, 28) to logits (N, num_classes), with 44,426 parameters for 10.

    After LeCun et al., "Gradient-based learning applied to document recognition" (1998), with modern activations.

    >>> import tinygrad_cnn as tg
    >>> tg.models.LeNet()(tg.ones(2, 1, 28, 28)).shape
    (2, 10)
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(256, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, input: Tensor) -> Tensor:
        """Return the logits of a batch of images."""
        if input.shape[1:] != (1, 28, 28):
            raise ValueError(f"LeNet: wanted images of shape (N, 1, 28, 28), got {input.shape}")
        # relu and max-pooling commute, and pooling first leaves relu a quarter of the work.
        x = relu(self.pool(self.conv1(input)))  # N  6 12 12
        x = relu(self.pool(self.conv2(x)))  # N 16 4 4
        x = flatten(x, 1)
        x = relu(self.fc1(x))
        x = relu(self.fc2(x))
        logits: Tensor = self.fc3(x)
        return logits
