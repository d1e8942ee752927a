"""Convolution in its three forms. Each is linear in both operands, and they differentiate into one another.

With z = conv2d(x, w): the gradient for x is conv2d_input(g, w), for w it is conv2d_weight(g, x); and the gradients
of these two are again convolutions, so there is no end to the orders of derivatives.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinygrad_cnn.kernels import conv as kernels
from tinygrad_cnn.kernels.conv import Geometry, Pair
from tinygrad_cnn.ops.arguments import pair, want_same_dtype
from tinygrad_cnn.ops.shape import squeeze, unsqueeze
from tinygrad_cnn.tape import Array, operation

if TYPE_CHECKING:
    from tinygrad_cnn.tensor import Tensor

__all__ = [
    "conv2d",
]


@operation(
    input=lambda g, weight, input_shape, geometry: _conv2d_input(
        g, weight, size=input_shape[2:], geometry=geometry
    ),
    weight=lambda g, input, weight_shape, geometry: _conv2d_weight(
        g, input, kernel=weight_shape[2:], geometry=geometry
    ),
    bias=lambda g: g.sum((0, 2, 3)),
)
def _conv2d(input: Array, weight: Array, bias: Array | None, *, geometry: Geometry) -> Array:
    out = kernels.conv2d(input, weight, geometry)
    if bias is not None:
        out += bias[:, None, None]
    return out


@operation(
    grad=lambda g, weight, geometry: _conv2d(g, weight, None, geometry=geometry),
    weight=lambda g, grad, weight_shape, geometry: _conv2d_weight(
        grad, g, kernel=weight_shape[2:], geometry=geometry
    ),
)
def _conv2d_input(grad: Array, weight: Array, *, size: Pair, geometry: Geometry) -> Array:
    return kernels.conv2d_input(grad, weight, size, geometry)


@operation(
    grad=lambda g, input, geometry: _conv2d(input, g, None, geometry=geometry),
    input=lambda g, grad, input_shape, geometry: _conv2d_input(grad, g, size=input_shape[2:], geometry=geometry),
)
def _conv2d_weight(grad: Array, input: Array, *, kernel: Pair, geometry: Geometry) -> Array:
    return kernels.conv2d_weight(grad, input, kernel, geometry)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Iterable[int] = 1,
    padding: int | Iterable[int] = 0,
    dilation: int | Iterable[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Slide kernels over images: out[n, o, y, x] = bias[o] + sum over c, i, j of weight[o, c, i, j] * window.

    Shapes: input (N, C, H, W) or (C, H, W), weight (O, C / groups, KH, KW), bias (O,); the result is
    (N, O, OH, OW) with OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1. The kernel is not flipped: this
    is the cross-correlation that the field calls convolution.

    >>> import tinygrad_cnn as tg
    >>> tg.conv2d(tg.ones(1, 1, 3, 3), tg.ones(1, 1, 2, 2)).shape
    (1, 1, 2, 2)
    """
    if len(input.shape) == 3:
        return squeeze(conv2d(unsqueeze(input, 0), weight, bias, stride, padding, dilation, groups), 0)
    geometry = Geometry(
        pair("conv2d", "stride", stride, 1),
        pair("conv2d", "padding", padding, 0),
        pair("conv2d", "dilation", dilation, 1),
        groups,
    )
    want_same_dtype("conv2d", input=input, weight=weight, bias=bias)
    _check(tuple(input.shape), tuple(weight.shape), None if bias is None else tuple(bias.shape), geometry)
    return _conv2d(input, weight, bias, geometry=geometry)


def _check(x: tuple[int, ...], w: tuple[int, ...], bias: tuple[int, ...] | None, geometry: Geometry) -> None:
    given = f"(input {x}, weight {w})"
    if len(x) != 4 or len(w) != 4:
        raise ValueError(f"conv2d: wanted input (N, C, H, W) and weight (O, C / groups, KH, KW) {given}")
    groups = geometry.groups
    if groups < 1 or w[0] % groups or x[1] % groups:
        raise ValueError(f"conv2d: groups {groups} does not divide {x[1]} input and {w[0]} output channels {given}")
    if x[1] != w[1] * groups:
        raise ValueError(f"conv2d: input has {x[1]} channels, weight expects {w[1] * groups} {given}")
    if bias is not None and bias != w[:1]:
        raise ValueError(f"conv2d: bias has shape {bias}, wanted {w[:1]} {given}")
    if min(w[2:]) < 1 or min(geometry.output_size((x[2], x[3]), (w[2], w[3]))) < 1:
        raise ValueError(f"conv2d: the kernel is larger than its input {given}, {geometry}")
