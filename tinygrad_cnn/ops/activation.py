"""Activation functions that PyTorch also has at the top level (relu, prelu); the others are in `nn.functional`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.kernels import gaussian, piecewise
from tinygrad_cnn.kernels import relu as kernels
from tinygrad_cnn.kernels.memory import empty_like
from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.ops.choices import clamp, where, where_between
from tinygrad_cnn.ops.elementwise import exp, sigmoid, square
from tinygrad_cnn.ops.shape import reshape
from tinygrad_cnn.support.dtypes import as_float
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


# --- linear in parts: a gate, which has no derivative, lets numbers through or multiplies them ---


@operation(input=lambda g, gate, slope: leaky(g, gate, slope=slope))
def leaky(input: Array, gate: Array, *, slope: float) -> Array:
    """input where the gate, of the same shape, is above 0, else slope * input."""
    return piecewise.leaky(as_float(input), gate, slope)


@operation(input=lambda g, input, lambd: where_between(g, input, low=-lambd, high=lambd, inside=False))
def softshrink(input: Array, *, lambd: float) -> Array:
    """input moved towards 0 by lambd, or 0 where its absolute value is at most lambd."""
    input = as_float(input)
    return np.subtract(input, input.clip(-lambd, lambd))


@operation(input=lambda g, input: _hardswish_slope(g, input))
def hardswish(input: Array) -> Array:
    """input * relu6(input + 3) / 6."""
    return piecewise.hardswish(as_float(input))


# The second derivative is 1 / 3 between -3 and 3, both excluded.
@operation(
    grad=lambda g, input: _hardswish_slope(g, input),
    input=lambda g, grad, input: _between_threes(g * grad * (1 / 3), input),
)
def _hardswish_slope(grad: Array, input: Array) -> Array:
    """grad times the derivative of hardswish: input / 3 + 1 / 2 between -3 and 3, and 0 and 1 beyond."""
    return piecewise.hardswish_slope(grad, input)


def _between_threes(values: Any, gate: Any) -> Any:
    high = float(np.nextafter(gate.dtype.type(3), gate.dtype.type(0)))
    return where_between(values, gate, low=-high, high=high, inside=True)


# --- exponential below 0, and softplus ---


@operation(input=lambda g, input, alpha, scale: g * _slope_below_zero(input, alpha, scale))
def exponential_below_zero(input: Array, *, alpha: float, scale: float) -> Array:
    """input where it is positive, else alpha * (e^(scale * input) - 1)."""
    input = as_float(input)
    out = np.minimum(input, 0, out=empty_like(input))
    out *= scale
    np.expm1(out, out=out)
    out *= alpha
    out += kernels.relu(input)
    return out


def _slope_below_zero(input: Any, alpha: float, scale: float) -> Any:
    """Return 1 where the input is positive, else alpha * scale * e^(scale * input)."""
    slopes = exp(clamp(input, max=0.0) * scale)
    return slopes if alpha * scale == 1 else leaky(slopes, input, slope=alpha * scale)


def selu(input: T) -> T:
    """Return a scaled elu that keeps mean 0 and variance 1; at 0, the left derivative (Klambauer et al., 2017).

    >>> import tinygrad_cnn as tg
    >>> tg.selu(tg.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """
    return 1.0507009873554804934 * exponential_below_zero(input, alpha=1.6732632423543772848, scale=1.0)


def celu(input: T, alpha: float = 1.0) -> T:
    """Return max(input, 0) + min(0, alpha * (e^(input / alpha) - 1)), smooth at 0 (Barron, 2017).

    >>> import tinygrad_cnn as tg
    >>> tg.celu(tg.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    if alpha == 0:
        raise ValueError("celu: alpha is 0; wanted another number")
    return exponential_below_zero(input, alpha=alpha, scale=1 / alpha)


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
    return where_between(input, input, low=-lambd, high=lambd, inside=False)


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


_SOFTPLUS_EXACT_FROM = {"e": 8, "f": 18, "d": 37}
"""From here on log(1 + e^x) is x to rounding, and its derivative 1."""


@operation(input=lambda g, input, beta, threshold: g * _softplus_slope(input, beta, threshold))
def softplus(input: Array, *, beta: float, threshold: float) -> Array:
    """log(1 + e^(beta input)) / beta, a smooth relu; the input itself where beta input > threshold."""
    input = as_float(input)
    scaled = input if beta == 1 else input * beta
    out = piecewise.log_one_plus_exp(scaled)
    if beta != 1:
        out /= beta
    if threshold < _SOFTPLUS_EXACT_FROM[input.dtype.char]:
        np.copyto(out, input, where=scaled > threshold)
    return out


def _softplus_slope(input: Any, beta: float, threshold: float) -> Any:
    scaled = input if beta == 1 else input * beta
    slopes = sigmoid(scaled)
    if threshold >= _SOFTPLUS_EXACT_FROM[input.dtype.char]:
        return slopes
    return where(array_of(scaled) > threshold, 1.0, slopes)


# --- GELU ---


@operation(input=lambda g, input: _gelu_slope(g, input))
def gelu(input: Array) -> Array:
    """input times the standard normal distribution function of input."""
    return gaussian.gelu(as_float(input))


@operation(
    grad=lambda g, input: _gelu_slope(g, input),
    input=lambda g, grad, input: g * (grad * ((2 - square(input)) * density(input))),
)
def _gelu_slope(grad: Array, input: Array) -> Array:
    """grad times the derivative of gelu: the normal distribution function plus input times its density."""
    return gaussian.gelu_slope(grad, input)


def density(x: Any) -> Any:
    """Return the density of the standard normal distribution; where it is 0, the square must not overflow."""
    return gaussian.DENSITY * exp(square(clamp(x, -100.0, 100.0)) * -0.5)
