"""Activation functions.

At a corner each has PyTorch's derivative: 0 if one side is constant, else the derivative of the left side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_cnn.creation import zeros_like
from tinygrad_cnn.nn.functional.in_place import accepting_inplace
from tinygrad_cnn.ops import (
    abs,
    argmax,
    clamp,
    hardshrink,
    narrow,
    prelu,
    scatter,
    sigmoid,
    tanh,
    where,
)
from tinygrad_cnn.ops import activation as ops
from tinygrad_cnn.ops import log_softmax as ops_log_softmax
from tinygrad_cnn.ops import softmax as ops_softmax
from tinygrad_cnn.ops.arguments import one_dim, want_float
from tinygrad_cnn.ops.choices import _clamp
from tinygrad_cnn.ops.loss import _log_one_plus_exp
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tape.capture import effect
from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.tensor import Tensor

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "rrelu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
]


def _of(function: Callable[..., Tensor], input: Tensor, inplace: bool, *arguments: Any) -> Tensor:
    """Return a function of the input, which it overwrites if ``inplace``."""
    return input._become(function.__name__, function, *arguments) if inplace else function(input, *arguments)


# --- piecewise linear ---


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return input where it is positive, else 0; at 0 the derivative is 0.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.relu(tg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return input.relu_() if inplace else ops.relu(input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Return input where it is above the threshold, else the value, whose derivative is 0.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.threshold(tg.tensor([0.5, 2.0]), 1.0, 0.0)
    tensor([0., 2.])
    """
    return _of(ops.threshold, input, inplace, threshold, value)


@accepting_inplace
def rrelu(input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Tensor:
    """Return input where it is positive, else a slope times input: in training a random one for each number.

    The slope is uniform between the bounds; in evaluation it is their mean. (Xu et al., 2015.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.rrelu(tg.tensor([-6.0, 2.0]), 0.5, 0.5)
    tensor([-3.,  2.])
    """
    if not lower <= upper:
        raise ValueError(f"rrelu: lower is {lower} and upper {upper}; wanted lower <= upper")
    slope: Any = (lower + upper) / 2
    if training:
        slope = _drawn(None, "uniform", (lower, upper, input.shape), input.dtype)
    return where(input > 0, input, input * slope)


@effect
def _drawn(
    generator: np.random.Generator | None, method: str, arguments: tuple[Any, ...], dtype: np.dtype[Any]
) -> np.ndarray[Any, Any]:
    """Return random numbers that a generator, by default this thread's, draws with one of its methods."""
    drawn = getattr(generator or default_generator(), method)(*arguments)
    return np.asarray(drawn).astype(dtype)


@accepting_inplace
def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """Return input where it is positive, else negative_slope * input.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.leaky_relu(tg.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    return ops.leaky(input, input, slope=float(negative_slope))


@accepting_inplace
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Return input, limited to at least min_val and at most max_val; at the bounds the derivative is 0.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.hardtanh(tg.tensor([-4.0, 0.5, 4.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if not min_val <= max_val:
        raise ValueError(f"hardtanh: wanted min_val <= max_val, got {min_val} and {max_val}")
    if input.dtype.kind != "f":  # the result of integers is integers
        return clamp(input, int(min_val), int(max_val))
    return _clamp(input, min=min_val, max=max_val, strict=True)


@accepting_inplace
def relu6(input: Tensor) -> Tensor:
    """Return min(max(input, 0), 6).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.relu6(tg.tensor([-1.0, 2.0, 8.0]))
    tensor([0., 2., 6.])
    """
    return hardtanh(input, 0.0, 6.0)


@accepting_inplace
def hardsigmoid(input: Tensor) -> Tensor:
    """Return relu6(input + 3) / 6: a piecewise linear sigmoid.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.hardsigmoid(tg.tensor([-4.0, 0.0, 4.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return relu6(input + 3.0) / 6


@accepting_inplace
def hardswish(input: Tensor) -> Tensor:
    """Return input * hardsigmoid(input) (Howard et al., 2019).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.hardswish(tg.tensor([-2.0, 0.0, 4.0]))
    tensor([-0.3333,  0.0000,  4.0000])
    """
    return ops.hardswish(input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Return input moved towards 0 by lambd, or 0 where its absolute value is at most lambd.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.softshrink(tg.tensor([-2.0, 0.2, 2.0]))
    tensor([-1.5000,  0.0000,  1.5000])
    """
    if lambd < 0:
        raise ValueError(f"softshrink: lambd is {lambd}; wanted at least 0")
    return ops.softshrink(input, lambd=lambd)


# --- smooth ---


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return a scaled elu that keeps mean 0 and variance 1; at 0, the left derivative (Klambauer et al., 2017).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.selu(tg.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """
    return _of(ops.selu, input, inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return max(input, 0) + min(0, alpha * (e^(input / alpha) - 1)), smooth at 0 (Barron, 2017).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.celu(tg.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return _of(ops.celu, input, inplace, alpha)


@accepting_inplace
def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Return input where it is positive, else alpha * (e^input - 1) (Clevert et al., 2016).

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.elu(tg.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return ops.exponential_below_zero(input, alpha=alpha, scale=1.0)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Return input times the standard normal distribution function of input (Hendrycks & Gimpel, 2016).

    approximate="tanh" is their cheaper approximation, here computed with the sigmoid, which is exact far below 0.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.gelu(tg.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """
    if approximate == "none":
        return ops.gelu(input)
    if approximate == "tanh":
        x = clamp(input, -100.0, 100.0)  # beyond these, the sigmoid is 0 or 1, and the cube may overflow
        return input * sigmoid(x * (1.5957691216057308 + 0.0713548162726009 * (x * x)))
    raise ValueError(f"gelu: approximate is {approximate!r}; wanted 'none' or 'tanh'")


@accepting_inplace
def silu(input: Tensor) -> Tensor:
    """Return input * sigmoid(input).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.silu(tg.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    return input * sigmoid(input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return log(1 + e^(beta input)) / beta, a smooth relu; the input itself where beta input > threshold.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.softplus(tg.tensor([0.0, 2.0]))
    tensor([0.6931, 2.1269])
    """
    return ops.softplus(input, beta=float(beta), threshold=float(threshold))


@accepting_inplace
def mish(input: Tensor) -> Tensor:
    """Return input * tanh(softplus(input)) (Misra, 2019).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.mish(tg.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """
    return input * tanh(softplus(input))


def logsigmoid(input: Tensor) -> Tensor:
    """Return log(sigmoid(input)), without overflow or underflow.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.logsigmoid(tg.tensor([0.0]))
    tensor([-0.6931])
    """
    return -_log_one_plus_exp(-input)


def softsign(input: Tensor) -> Tensor:
    """Return input / (1 + |input|).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.softsign(tg.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """
    return input / (1 + abs(input))


def tanhshrink(input: Tensor) -> Tensor:
    """Return input - tanh(input).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.tanhshrink(tg.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2384])
    """
    return input - tanh(input)


# --- along a dimension ---


def _guessed(name: str, dim: int | None, ndim: int) -> int:
    """Return a dimension, or if it is None the one that PyTorch takes, with its warning."""
    if dim is not None:
        return dim
    guess = 0 if ndim in (0, 1, 3) else 1
    warn_user(
        f"{name}: implicit dimension choice is deprecated: dimension {guess} is taken; give dim={guess}, or the "
        "dimension of the classes"
    )
    return guess


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """Return e^x / sum e^x along a dimension; if none is given, it is 0 or 1, with a warning, as in PyTorch.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.softmax(tg.zeros(1, 2), dim=1)
    tensor([[0.5000, 0.5000]])
    """
    return ops_softmax(input, _guessed("softmax", dim, input.ndim), dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """Return the logarithm of `softmax`, without overflow or underflow.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.log_softmax(tg.zeros(1, 2), dim=1)
    tensor([[-0.6931, -0.6931]])
    """
    return ops_log_softmax(input, _guessed("log_softmax", dim, input.ndim), dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """Return the softmax of -input.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.softmin(tg.zeros(1, 2), dim=1)
    tensor([[0.5000, 0.5000]])
    """
    return ops_softmax(-input, _guessed("softmin", dim, input.ndim), dtype)


def gumbel_softmax(
    logits: Tensor,
    tau: float = 1,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
    *,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Return a sample of a relaxed categorical distribution: softmax((logits + Gumbel noise) / tau).

    If ``hard``, the sample is one-hot, with the gradient of the relaxed one. ``eps`` is not used, as in PyTorch.
    (Jang et al., "Categorical reparameterization with Gumbel-softmax", 2017.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.gumbel_softmax(tg.zeros(2, 3), hard=True).sum(1)
    tensor([1., 1.])
    """
    want_float("gumbel_softmax", logits)
    drawn = _drawn(generator, "gumbel", (0.0, 1.0, logits.shape), logits.dtype)
    soft = ops_softmax((logits + drawn) / tau, dim)
    if not hard:
        return soft
    largest = argmax(soft, dim, keepdim=True)
    return scatter(zeros_like(soft), dim, largest, 1.0) - soft.detach() + soft


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Return the first half along a dimension times the sigmoid of the second half (Dauphin et al., 2017).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.glu(tg.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5000, 1.0000])
    """
    axis = one_dim("glu", dim, input.ndim)
    if not input.ndim or input.shape[axis] % 2:
        raise ValueError(f"glu: dimension {dim} of an input of shape {input.shape} cannot be halved")
    half = input.shape[axis] // 2
    return narrow(input, axis, 0, half) * sigmoid(narrow(input, axis, half, half))


explain_calls(globals())
