"""A PyTorch-like autograd micro-framework on NumPy."""

import sys
from math import e, inf, nan, pi
from typing import TYPE_CHECKING

from numpy import dtype

from tinygrad_cnn import (
    autograd,
    creation,
    data,
    distributed,
    distributions,
    linalg,
    models,
    nn,
    onnx,
    ops,
    optim,
    special,
    utils,
)
from tinygrad_cnn.autograd import set_grad_enabled
from tinygrad_cnn.autograd.function import Function
from tinygrad_cnn.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from tinygrad_cnn.compiling.compile import compile
from tinygrad_cnn.creation import (
    arange,
    as_tensor,
    clone,
    empty,
    empty_like,
    eye,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    normal,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    tensor,
    tril_indices,
    triu_indices,
    zeros,
    zeros_like,
)
from tinygrad_cnn.inspection import explain, profile, summary
from tinygrad_cnn.kernels.dispatch import set_compiled_kernels, use_kernels
from tinygrad_cnn.kernels.threads import get_num_threads, set_num_threads
from tinygrad_cnn.ops import *
from tinygrad_cnn.ops.spellings import spell as _spell
from tinygrad_cnn.random import Generator, default_generator, manual_seed
from tinygrad_cnn.storage.safetensors import load, save
from tinygrad_cnn.support.devices import accelerator, backends, cuda, device
from tinygrad_cnn.support.dtypes import (
    bool_,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    result_type,
    set_default_dtype,
    uint8,
)
from tinygrad_cnn.support.dtypes import bool_ as bool
from tinygrad_cnn.support.dtypes import default_dtype as get_default_dtype
from tinygrad_cnn.support.dtypes import float16 as half
from tinygrad_cnn.support.dtypes import float32 as float
from tinygrad_cnn.support.dtypes import float64 as double
from tinygrad_cnn.support.dtypes import int16 as short
from tinygrad_cnn.support.dtypes import int32 as int
from tinygrad_cnn.support.dtypes import int64 as long
from tinygrad_cnn.support.missing_names import show_public_names as _show_public_names
from tinygrad_cnn.tape.grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad
from tinygrad_cnn.tensor import Tensor

__version__ = "0.1.0"

_spell(globals(), vars(ops)["__all__"])
_spell(globals(), creation.SIZED)
_show_public_names(
    __name__,
    internal="TYPE_CHECKING compiling creation kernels methods storage support sys tape typing".split(),
)
if not TYPE_CHECKING:

    def __getattr__(name):
        """Return an old name, which `compat` has, or raise an error that says what to use instead."""
        from tinygrad_cnn.compat import old_names
        from tinygrad_cnn.support.missing_names import refuse

        if name in old_names.__all__:
            return getattr(old_names, name)
        return refuse(f"torch.{name}", dir(sys.modules[__name__]))
