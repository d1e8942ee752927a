"""A PyTorch-like autograd micro-framework on NumPy."""

from tinygrad_cnn import autograd, linalg, models, nn, optim
from tinygrad_cnn.autograd import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from tinygrad_cnn.creation import (
    arange,
    as_tensor,
    empty,
    eye,
    from_numpy,
    full,
    linspace,
    ones,
    ones_like,
    rand,
    randint,
    randn,
    tensor,
    zeros,
    zeros_like,
)
from tinygrad_cnn.dtypes import bool_, float16, float32, float64, int8, int16, int32, int64, uint8
from tinygrad_cnn.gradcheck import GradcheckError, gradcheck, gradgradcheck
from tinygrad_cnn.ops import *
from tinygrad_cnn.random import default_generator, manual_seed
from tinygrad_cnn.serialization import load, save
from tinygrad_cnn.tensor import Tensor

__version__ = "0.1.0"
