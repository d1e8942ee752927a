"""A small convolutional network: few parameters, with batch normalisation and global average pooling."""

from __future__ import annotations

from tinygrad_cnn import nn
from tinygrad_cnn.tensor import Tensor


class SmallCNN(nn.Module):
    """Classify images of 28 x 28 pixels, (N, 1, 28, 28) to logits (N, num_classes), with 8,554 parameters for 10.

    Four convolutions without padding, each with batch normalisation (Ioffe & Szegedy, 2015) and ReLU. The first is
    pooled before it is normalised, which leaves a quarter of the work. The means of the last 22 maps go to a dense
    layer (global average pooling; Lin, Chen & Yan, "Network in network", 2014). ``dropout`` is the probability with
    which each number is set to 0 after the first and before the dense layer.

    >>> import tinygrad_cnn as tg
    >>> tg.models.SmallCNN()(tg.ones(2, 1, 28, 28)).shape
    (2, 10)
    """

    def __init__(self, num_classes: int = 10, dropout: float = 0.05) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 5, bias=False),  # N 8 24 24; the bias is that of the normalisation
            nn.MaxPool2d(2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Dropout(dropout),
            *_block(8, 16),  # N 16 10 10
            *_block(16, 20),  # N 20 8 8
            *_block(20, 22),  # N 22 6 6
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
        )
        self.fc = nn.Linear(22, num_classes)

    def forward(self, input: Tensor) -> Tensor:
        """Return the logits of a batch of images."""
        if input.shape[1:] != (1, 28, 28):
            raise ValueError(f"SmallCNN: wanted images of shape (N, 1, 28, 28), got {input.shape}")
        logits: Tensor = self.fc(self.features(input))
        return logits


def _block(before: int, after: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(before, after, 3, bias=False), nn.BatchNorm2d(after), nn.ReLU()
