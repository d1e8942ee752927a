"""Models that are ready to train."""

from tinygrad_cnn.models.lenet import LeNet
from tinygrad_cnn.models.lenet5 import LeNet5

__all__ = ["LeNet", "LeNet5"]
