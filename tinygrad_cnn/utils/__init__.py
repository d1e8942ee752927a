"""PyTorch's other place for `data`: ``from tinygrad_cnn.utils.data import DataLoader``."""

from tinygrad_cnn.utils import data

__all__ = ["data"]
