"""Functions that make tensors (``torch.tensor``, ``torch.zeros``, ``torch.rand``, ...).

Shapes are given as one sequence or as several integers, as in PyTorch.
"""

from tinygrad_cnn.creation.drawn import normal, rand, rand_like, randint, randint_like, randn, randn_like, randperm
from tinygrad_cnn.creation.given import (
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
    ones,
    ones_like,
    tensor,
    tril_indices,
    triu_indices,
    zeros,
    zeros_like,
)
from tinygrad_cnn.creation.leaf import from_array
from tinygrad_cnn.tape.mistakes import explain_calls

__all__ = [
    "arange",
    "as_tensor",
    "clone",
    "empty",
    "empty_like",
    "eye",
    "from_array",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "linspace",
    "logspace",
    "normal",
    "ones",
    "ones_like",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "tensor",
    "tril_indices",
    "triu_indices",
    "zeros",
    "zeros_like",
]

SIZED = "arange empty eye full linspace logspace normal ones rand randint randn randperm zeros".split()
"""The functions that PyTorch also lets write to a given tensor (``out``)."""

explain_calls(globals(), set(__all__) - {*SIZED, "from_array"})
