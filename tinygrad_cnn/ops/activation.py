"""Activation functions that PyTorch also has at the top level (relu, prelu); the others are in `nn.functional`."""

from __future__ import annotations

from tinygrad_cnn.kernels import relu as kernels
from tinygrad_cnn.ops.choices import clamp, where
from tinygrad_cnn.ops.elementwise import abs, expm1
from tinygrad_cnn.ops.shape import reshape
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "celu",
    "hardshrink",
    "prelu",
    "relu",
    "selu",
    "threshold",
]


@operation(input=lambda g, out: _where_nonzero(g, out))
def relu(input: Array) -> Array:
    """input where it is positive, else 0; at 0 the derivative is 0."""
    return kernels.relu(input)


# The gradient of relu, which also passes where the result is NaN. The kernel takes its memory from the pool.
@operation(values=lambda g, mask: _where_nonzero(g, mask))
def _where_nonzero(values: Array, mask: Array) -> Array:
    return kernels.where_nonzero(values, mask)


def exponential_below_zero(input: T, alpha: float, divisor: float = 1) -> T:
    """Return input where it is positive, else alpha * (e^(input / divisor) - 1)."""
    return where(input > 0, input, alpha * expm1(clamp(input, max=0) / divisor))


def selu(input: T) -> T:
    """Return a scaled elu that keeps mean 0 and variance 1; at 0, the left derivative (Klambauer et al., 2017).

    >>> import tinygrad_cnn as tg
    >>> tg.selu(tg.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """
    return 1.0507009873554804934 * exponential_below_zero(input, 1.6732632423543772848)


def celu(input: T, alpha: float = 1.0) -> T:
    """Return max(input, 0) + min(0, alpha * (e^(input / alpha) - 1)), smooth at 0 (Barron, 2017).

    >>> import tinygrad_cnn as tg
    >>> tg.celu(tg.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    if alpha == 0:
        raise ValueError("celu: alpha is 0; wanted another number")
    return exponential_below_zero(input, alpha, alpha)


def threshold(input: T, threshold: float, value: float) -> T:
    """Return input where it is above the threshold, else the value, whose derivative is 0.

    >>> import tinygrad_cnn as tg
    >>> tg.threshold(tg.tensor([0.5, 2.0]), 1.0, 0.0)
    tensor([0., 2.])
    """
    return where(input <= threshold, value, input)


def hardshrink(input: T, lambd: float = 0.5) -> T:
    """Return input where its absolute value is above lambd, else 0, whose derivative is 0.

    >>> import tinygrad_cnn as tg
    >>> tg.hardshrink(tg.tensor([-1.0, 0.2, 2.0]))
    tensor([-1.,  0.,  2.])
    """
    return where(abs(input) <= lambd, 0.0, input)


def prelu(input: T, weight: T) -> T:
    """Return input where it is positive, else weight * input; at 0, the left derivative (He et al., 2015).

    Shapes: input (N, C, ...); weight (C,), a slope for each channel, or (1,), one for all.

    >>> import tinygrad_cnn as tg
    >>> tg.prelu(tg.tensor([[-1.0, -1.0, 2.0]]), tg.tensor([0.1, 0.2, 0.3]))
    tensor([[-0.1000, -0.2000,  2.0000]])
    """
    ndim, slopes = input.ndim, weight.shape[0] if weight.ndim else 1
    channels = input.shape[1] if ndim > 1 else 1
    if weight.ndim > 1 or slopes not in (1, channels):
        raise ValueError(
            f"prelu: a weight of shape {weight.shape} does not fit an input of shape {input.shape}; "
            f"wanted (1,) or ({channels},)"
        )
    slope = reshape(weight, (slopes, *(1,) * (ndim - 2)) if ndim > 1 else ())
    return where(input > 0, input, slope * input)
