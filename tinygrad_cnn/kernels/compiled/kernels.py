"""The compiled kernels.

Each has the name and the arguments of its NumPy counterpart, and returns None for what it is not made for.
"""

from tinygrad_cnn.kernels.compiled.batch_innermost import copy_to_batch_innermost
from tinygrad_cnn.kernels.compiled.conv import conv2d, conv2d_input, conv2d_weight
from tinygrad_cnn.kernels.compiled.matmul import large_product
from tinygrad_cnn.kernels.compiled.pool import max_pool2d, max_unpool2d
from tinygrad_cnn.kernels.compiled.relu import relu, where_nonzero
from tinygrad_cnn.kernels.compiled.sums import channel_sums

__all__ = [
    "channel_sums",
    "conv2d",
    "conv2d_input",
    "conv2d_weight",
    "copy_to_batch_innermost",
    "large_product",
    "max_pool2d",
    "max_unpool2d",
    "relu",
    "where_nonzero",
]
