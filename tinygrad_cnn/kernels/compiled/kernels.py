"""The table's column of compiled kernels, by name: `kernels.dispatch` imports it when it first wants one.

Each takes the arguments of the NumPy kernel of that name, and returns None for those that it is not made for.
"""

from tinygrad_cnn.kernels.compiled.batch_innermost import copy_to_batch_innermost
from tinygrad_cnn.kernels.compiled.conv import conv2d, conv2d_input, conv2d_weight
from tinygrad_cnn.kernels.compiled.elementwise import (
    erf,
    erfc,
    gelu,
    gelu_slope,
    hardswish,
    hardswish_slope,
    leaky,
    sigmoid,
    where_between,
)
from tinygrad_cnn.kernels.compiled.matmul import large_matmul
from tinygrad_cnn.kernels.compiled.pool import max_pool2d, max_unpool2d
from tinygrad_cnn.kernels.compiled.relu import relu, where_nonzero
from tinygrad_cnn.kernels.compiled.resample import resample
from tinygrad_cnn.kernels.compiled.sums import channel_sums

COMPILED = {
    "channel_sums": channel_sums,
    "conv2d": conv2d,
    "conv2d_input": conv2d_input,
    "conv2d_weight": conv2d_weight,
    "copy_to_batch_innermost": copy_to_batch_innermost,
    "erf": erf,
    "erfc": erfc,
    "gelu": gelu,
    "gelu_slope": gelu_slope,
    "hardswish": hardswish,
    "hardswish_slope": hardswish_slope,
    "large_matmul": large_matmul,
    "leaky": leaky,
    "max_pool2d": max_pool2d,
    "max_unpool2d": max_unpool2d,
    "relu": relu,
    "resample": resample,
    "sigmoid": sigmoid,
    "where_between": where_between,
    "where_nonzero": where_nonzero,
}
