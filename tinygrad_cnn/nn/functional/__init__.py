"""The functions that layers apply, under PyTorch's names: ``import tinygrad_cnn.nn.functional as F``."""

from tinygrad_cnn.nn.functional import normalization, pooling, vision
from tinygrad_cnn.nn.functional.normalization import *
from tinygrad_cnn.nn.functional.pooling import *
from tinygrad_cnn.nn.functional.vision import *
from tinygrad_cnn.ops import (
    avg_pool1d,
    avg_pool2d,
    categorical_cross_entropy,
    conv1d,
    conv2d,
    conv_transpose1d,
    conv_transpose2d,
    cross_entropy,
    linear,
    log_softmax,
    max_pool1d,
    max_pool2d,
    nll_loss,
    one_hot,
    relu,
    sigmoid,
    softmax,
    tanh,
)

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "categorical_cross_entropy",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "cross_entropy",
    "linear",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "nll_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]

__all__ += [*normalization.__all__, *pooling.__all__, *vision.__all__]
