"""The functions that layers apply, under PyTorch's names: ``import tinygrad_cnn.nn.functional as F``."""

from tinygrad_cnn.nn.functional import lookup, loss, noise, products
from tinygrad_cnn.nn.functional.lookup import *
from tinygrad_cnn.nn.functional.loss import *
from tinygrad_cnn.nn.functional.noise import *
from tinygrad_cnn.nn.functional.products import *
from tinygrad_cnn.ops import (
    avg_pool2d,
    categorical_cross_entropy,
    conv2d,
    cosine_similarity,
    cross_entropy,
    linear,
    log_softmax,
    max_pool2d,
    nll_loss,
    one_hot,
    pairwise_distance,
    relu,
    sigmoid,
    softmax,
    tanh,
)

__all__ = [
    "avg_pool2d",
    "categorical_cross_entropy",
    "conv2d",
    "cosine_similarity",
    "cross_entropy",
    "linear",
    "log_softmax",
    "max_pool2d",
    "nll_loss",
    "one_hot",
    "pairwise_distance",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]

__all__ += lookup.__all__ + loss.__all__ + noise.__all__ + products.__all__
