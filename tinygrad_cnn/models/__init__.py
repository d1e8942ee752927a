"""Models that are ready to train."""

from tinygrad_cnn.models.lenet import LeNet

__all__ = ["LeNet"]
