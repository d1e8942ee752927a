"""The functions that layers apply, under PyTorch's names: ``import tinygrad_cnn.nn.functional as F``."""

from tinygrad_cnn.ops import (
    avg_pool2d,
    categorical_cross_entropy,
    conv2d,
    cross_entropy,
    linear,
    log_softmax,
    max_pool2d,
    nll_loss,
    one_hot,
    relu,
    sigmoid,
    softmax,
    tanh,
)

__all__ = [
    "avg_pool2d",
    "categorical_cross_entropy",
    "conv2d",
    "cross_entropy",
    "linear",
    "log_softmax",
    "max_pool2d",
    "nll_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]
