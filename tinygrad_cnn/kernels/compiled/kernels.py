"""The compiled kernels.

Each has the name and the arguments of its NumPy counterpart, and returns None for what it is not made for.
"""

from tinygrad_cnn.kernels.compiled.conv import conv2d, conv2d_input, conv2d_weight
from tinygrad_cnn.kernels.compiled.layout import lay_anew
from tinygrad_cnn.kernels.compiled.pool import max_pool2d, max_unpool2d
from tinygrad_cnn.kernels.compiled.product import large_product
from tinygrad_cnn.kernels.compiled.rectify import positive, where_nonzero
from tinygrad_cnn.kernels.compiled.sums import channel_sums

__all__ = [
    "channel_sums",
    "conv2d",
    "conv2d_input",
    "conv2d_weight",
    "large_product",
    "lay_anew",
    "max_pool2d",
    "max_unpool2d",
    "positive",
    "where_nonzero",
]
