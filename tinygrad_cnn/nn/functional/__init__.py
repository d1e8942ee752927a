"""The functions that layers apply, under PyTorch's names: ``import tinygrad_cnn.nn.functional as F``.

What is a function of the package too (``tg.relu``) is named here again; what PyTorch has only here has its file.
"""

from tinygrad_cnn.nn.functional import activation, lookup, loss, noise, products
from tinygrad_cnn.nn.functional.activation import *
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
    max_pool2d,
    nll_loss,
    one_hot,
    pairwise_distance,
)

__all__ = [
    "avg_pool2d",
    "categorical_cross_entropy",
    "conv2d",
    "cosine_similarity",
    "cross_entropy",
    "linear",
    "max_pool2d",
    "nll_loss",
    "one_hot",
    "pairwise_distance",
]
__all__ += activation.__all__ + lookup.__all__ + loss.__all__ + noise.__all__ + products.__all__
