"""Optimizers and learning-rate schedules, under PyTorch's names."""

from tinygrad_cnn.optim import lr_scheduler
from tinygrad_cnn.optim.optimizer import Optimizer
from tinygrad_cnn.optim.sgd import SGD

__all__ = ["SGD", "Optimizer", "lr_scheduler"]
