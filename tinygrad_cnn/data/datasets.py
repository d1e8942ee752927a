"""The datasets by name, as in torchvision: ``datasets.MNIST``."""

from tinygrad_cnn.data.mnist import MNIST

__all__ = ["MNIST"]
