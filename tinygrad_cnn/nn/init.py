"""Initialisation of parameters, in place; random values come from a NumPy generator.

xavier: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010), eq. 16.
kaiming: He et al., "Delving Deep into Rectifiers" (2015), eq. 10 and 14.
"""

from __future__ import annotations

from math import prod, sqrt

import numpy as np

from tinygrad_cnn.ops.arguments import want_float
from tinygrad_cnn.support.did_you_mean import did_you_mean
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tensor import Tensor

Generator = np.random.Generator


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with random numbers, uniform on [a, b)."""
    want_float("uniform_", tensor)
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with random numbers from the normal distribution."""
    want_float("normal_", tensor)
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill a tensor with one value."""
    with no_grad():
        return tensor.fill_(val)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill a tensor with 0."""
    return constant_(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill a tensor with 1."""
    return constant_(tensor, 1)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor for weights before a nonlinearity that keeps the variance; param: the slope of leaky_relu.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.init.calculate_gain("tanh")
    1.6666666666666667
    """
    gains = {
        "linear": 1.0,
        "conv2d": 1.0,
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": sqrt(2),
        "leaky_relu": sqrt(2 / (1 + (0.01 if param is None else param) ** 2)),
    }
    if nonlinearity not in gains:
        raise ValueError(
            f"calculate_gain: nonlinearity {nonlinearity!r} is unknown; wanted one of {', '.join(gains)}"
            f"{did_you_mean(str(nonlinearity), gains)}"
        )
    return gains[nonlinearity]


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill a weight uniformly on +-gain sqrt(3 / fan), so that a layer keeps the variance of its input.

    Mode "fan_out" keeps the variance of the gradient in the backward pass instead. ``a`` is leaky_relu's slope.
    """
    bound = sqrt(3) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill a weight from the normal distribution of standard deviation gain / sqrt(fan): see `kaiming_uniform_`."""
    return normal_(tensor, 0, _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity), generator)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a weight uniformly on +-gain sqrt(6 / (fan_in + fan_out)): between forward's and backward's optimum."""
    bound = gain * sqrt(6 / sum(_fans("xavier_uniform_", tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a weight from the normal distribution of standard deviation gain sqrt(2 / (fan_in + fan_out))."""
    return normal_(tensor, 0, gain * sqrt(2 / sum(_fans("xavier_normal_", tensor))), generator)


def layer_default_(weight: Tensor, bias: Tensor | None, generator: Generator | None = None) -> None:
    """Fill a layer as PyTorch does: weight and bias uniform on +-1 / sqrt(fan_in)."""
    kaiming_uniform_(weight, a=sqrt(5), generator=generator)
    if bias is not None:
        bound = 1 / sqrt(_fans("layer_default_", weight)[0])
        uniform_(bias, -bound, bound, generator)


def _fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """Return fan_in, the inputs of each output of a layer, and fan_out, the outputs of each input."""
    shape = tensor.shape
    if len(shape) < 2 or not prod(shape):
        raise ValueError(f"{name}: wanted a weight (out, in, ...) that is not empty, got shape {shape}")
    return prod(shape[1:]), shape[0] * prod(shape[2:])


def _kaiming_std(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fans = dict(zip(("fan_in", "fan_out"), _fans(name, tensor), strict=True))
    if mode not in fans:
        raise ValueError(f"{name}: mode {mode!r} is unknown; wanted fan_in or fan_out")
    return calculate_gain(nonlinearity, a) / sqrt(fans[mode])


explain_missing_names("torch.nn.init", __name__)
