"""The functions that layers apply, under PyTorch's names: ``import tinygrad_cnn.nn.functional as F``.

What is a function of the package too (``tg.relu``) is named here again; what PyTorch has only here has its file.
"""

from tinygrad_cnn.nn.functional import activation
from tinygrad_cnn.nn.functional.activation import *
from tinygrad_cnn.ops import (
    avg_pool2d,
    categorical_cross_entropy,
    conv2d,
    cross_entropy,
    linear,
    max_pool2d,
    nll_loss,
    one_hot,
)

__all__ = [
    "avg_pool2d",
    "categorical_cross_entropy",
    "conv2d",
    "cross_entropy",
    "linear",
    "max_pool2d",
    "nll_loss",
    "one_hot",
]
__all__ += activation.__all__
