"""Convolution and its two gradients. Each is linear in both operands, and the derivatives of each are the others.

With z = conv2d(x, w), the gradient for x is conv2d_input(g, w) and the gradient for w is conv2d_weight(g, x). The
gradients of these two are convolutions again, so derivatives of any order exist.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tinygrad_cnn.kernels import conv as kernels
from tinygrad_cnn.kernels.geometry import Geometry
from tinygrad_cnn.ops.arguments import images_missing, pair, single, too_small, want_same_dtype
from tinygrad_cnn.ops.elementwise import add
from tinygrad_cnn.ops.index import getitem
from tinygrad_cnn.ops.padding import pad
from tinygrad_cnn.ops.reduce import _sum
from tinygrad_cnn.ops.shape import reshape, squeeze, unsqueeze
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array, Pair, Shape, Size, T

__all__ = [
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
]


@operation(
    input=lambda g, weight, input_shape, geometry: _conv2d_input(
        g, weight, size=input_shape[2:], geometry=geometry
    ),
    weight=lambda g, input, weight_shape, geometry: _conv2d_weight(
        g, input, kernel=weight_shape[2:], geometry=geometry
    ),
    bias=lambda g: _sum(g, dim=(0, 2, 3), keepdim=False),
)
def _conv2d(input: Array, weight: Array, bias: Array | None, *, geometry: Geometry) -> Array:
    return kernels.conv2d(input, weight, bias, geometry)


def _forward_to(size: Pair, input: Any, weight: Any, geometry: Geometry) -> Any:
    """Return the convolution's output cropped to a size: an input with unused rows gives a larger one."""
    out = _conv2d(input, weight, None, geometry=geometry)
    return out if out.shape[2:] == size else getitem(out, (..., slice(size[0]), slice(size[1])))


@operation(
    grad=lambda g, weight, grad_shape, geometry: _forward_to(grad_shape[2:], g, weight, geometry),
    weight=lambda g, grad, weight_shape, geometry: _conv2d_weight(
        grad, g, kernel=weight_shape[2:], geometry=geometry
    ),
)
def _conv2d_input(grad: Array, weight: Array, *, size: Pair, geometry: Geometry) -> Array:
    return kernels.conv2d_input(grad, weight, size, geometry)


@operation(
    grad=lambda g, input, grad_shape, geometry: _forward_to(grad_shape[2:], input, g, geometry),
    input=lambda g, grad, input_shape, geometry: _conv2d_input(grad, g, size=input_shape[2:], geometry=geometry),
)
def _conv2d_weight(grad: Array, input: Array, *, kernel: Pair, geometry: Geometry) -> Array:
    return kernels.conv2d_weight(grad, input, kernel, geometry)


def conv2d(
    input: T,
    weight: T,
    bias: T | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> T:
    """Slide kernels over images: out[n, o, y, x] = bias[o] + sum over c, i, j of weight[o, c, i, j] * window.

    Shapes: input (N, C, H, W) or (C, H, W), weight (O, C / groups, KH, KW), bias (O,); the result is
    (N, O, OH, OW) with OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1. The padding "valid" is 0, "same"
    gives a result of the input's height and width. The kernel is not flipped: this is cross-correlation, which deep
    learning calls convolution.

    >>> import tinygrad_cnn as tg
    >>> tg.conv2d(tg.ones(1, 1, 3, 3), tg.ones(1, 1, 2, 2)).shape
    (1, 1, 2, 2)
    """
    steps, apart = pair("conv2d", "stride", stride, 1), pair("conv2d", "dilation", dilation, 1)
    if isinstance(padding, str):
        input, padding = _padded("conv2d", padding, input, weight, steps, apart)
    geometry = Geometry(steps, pair("conv2d", "padding", padding, 0), apart, groups)
    return _convolved("conv2d", input, weight, bias, geometry)


def conv1d(
    input: T,
    weight: T,
    bias: T | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> T:
    """Slide kernels over sequences: `conv2d` of images of height 1.

    Shapes: input (N, C, L) or (C, L), weight (O, C / groups, K), bias (O,), result (N, O, OL).

    >>> import tinygrad_cnn as tg
    >>> tg.conv1d(tg.tensor([[1.0, 2.0, 4.0]]), tg.tensor([[[-1.0, 1.0]]])).tolist()
    [[1.0, 2.0]]
    """
    rows, kernels = _as_images("conv1d", input, weight)
    steps, apart = (1, single("conv1d", "stride", stride, 1)), (1, single("conv1d", "dilation", dilation, 1))
    if isinstance(padding, str):
        rows, zeros = _padded("conv1d", padding, rows, kernels, steps, apart)
    else:
        zeros = 0, single("conv1d", "padding", padding, 0)
    return squeeze(_convolved("conv1d", rows, kernels, bias, Geometry(steps, zeros, apart, groups)), -2)


def conv_transpose2d(
    input: T,
    weight: T,
    bias: T | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> T:
    """Add up a kernel scaled by each pixel, at the pixel's position: the gradient of `conv2d` for its input.

    Shapes: input (N, C, H, W) or (C, H, W), weight (C, O / groups, KH, KW), bias (O,); the result is (N, O, OH, OW)
    with OH = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1.

    >>> import tinygrad_cnn as tg
    >>> tg.conv_transpose2d(tg.ones(1, 1, 2, 2), tg.ones(1, 1, 2, 2), stride=2).shape
    (1, 1, 4, 4)
    """
    name = "conv_transpose2d"
    geometry = Geometry(
        pair(name, "stride", stride, 1),
        pair(name, "padding", padding, 0),
        pair(name, "dilation", dilation, 1),
        groups,
    )
    return _transposed(name, input, weight, bias, geometry, pair(name, "output_padding", output_padding, 0))


def conv_transpose1d(
    input: T,
    weight: T,
    bias: T | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> T:
    """Transposed convolution of sequences: `conv_transpose2d` of images of height 1.

    Shapes: input (N, C, L) or (C, L), weight (C, O / groups, K), bias (O,), result (N, O, OL).

    >>> import tinygrad_cnn as tg
    >>> tg.conv_transpose1d(tg.tensor([[[1.0, 2.0]]]), tg.ones(1, 1, 2), stride=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    name = "conv_transpose1d"
    rows, kernels = _as_images(name, input, weight)
    geometry = Geometry(
        (1, single(name, "stride", stride, 1)),
        (0, single(name, "padding", padding, 0)),
        (1, single(name, "dilation", dilation, 1)),
        groups,
    )
    extra = 0, single(name, "output_padding", output_padding, 0)
    return squeeze(_transposed(name, rows, kernels, bias, geometry, extra), -2)


def _as_images(name: str, input: T, weight: T) -> tuple[T, T]:
    """Return sequences and their kernels as images and kernels of height 1."""
    if input.ndim not in (2, 3) or weight.ndim != 3:
        given = f"(input {input.shape}, weight {weight.shape})"
        raise ValueError(f"{name}: wanted input (N, C, L) or (C, L) and a weight of 3 dimensions {given}")
    return unsqueeze(input, -2), unsqueeze(weight, -2)


def _convolved(name: str, input: Any, weight: Any, bias: Any, geometry: Geometry) -> Any:
    want_same_dtype(name, input=input, weight=weight, bias=bias)
    if input.ndim == 3:
        return squeeze(_convolved(name, unsqueeze(input, 0), weight, bias, geometry), 0)
    _check_convolution(name, input.shape, weight.shape, None if bias is None else bias.shape, geometry)
    return _conv2d(input, weight, bias, geometry=geometry)


@lru_cache(maxsize=1024, typed=True)  # a model has the same shapes in every step; errors are not cached
def _check_convolution(name: str, x: Shape, w: Shape, bias: Shape | None, geometry: Geometry) -> None:
    """Refuse shapes that do not fit one another."""
    given = _check_operands(name, x, w, bias, geometry)
    if x[1] != w[1] * geometry.groups:
        given += f"; a layer for this input is Conv2d({x[1]}, {w[0]}, ...)"
        raise ValueError(f"{name}: input has {x[1]} channels, weight expects {w[1] * geometry.groups} {given}")
    if min(w[2:]) < 1 or min(geometry.output_size((x[2], x[3]), (w[2], w[3]))) < 1:
        raise ValueError(f"{name}: {too_small(geometry.window((w[2], w[3])), x)} {given}, {geometry}")


def _padded(name: str, padding: str, input: Any, weight: Any, stride: Pair, dilation: Pair) -> tuple[Any, Pair]:
    """Return the input and the padding for "same" or "valid"; an odd "same" pads the end by one more."""
    if padding not in ("same", "valid") or (padding == "same" and max(stride) > 1):
        raise ValueError(f"{name}: padding {padding!r} with stride {stride}; wanted 'valid', or 'same' without one")
    if padding == "valid" or input.ndim not in (3, 4) or weight.ndim != 4:
        return input, (0, 0)
    height, width = (d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True))
    if height % 2 or width % 2:
        input = pad(input, (0, width % 2, 0, height % 2))
    return input, (height // 2, width // 2)


def _transposed(name: str, input: Any, weight: Any, bias: Any, geometry: Geometry, extra: Pair) -> Any:
    want_same_dtype(name, input=input, weight=weight, bias=bias)
    if input.ndim == 3:
        return squeeze(_transposed(name, unsqueeze(input, 0), weight, bias, geometry, extra), 0)
    biases = None if bias is None else bias.shape
    given = _check_operands(name, input.shape, weight.shape, biases, geometry, transposed=True)
    if input.shape[1] != weight.shape[0]:
        raise ValueError(f"{name}: input has {input.shape[1]} channels, weight expects {weight.shape[0]} {given}")
    if any(e >= max(s, d) for e, s, d in zip(extra, geometry.stride, geometry.dilation, strict=True)):
        raise ValueError(f"{name}: output_padding {extra} must be below stride or dilation {given}, {geometry}")
    height, width = (
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, k, e, s, p, d in zip(input.shape[2:], weight.shape[2:], extra, *geometry[:3], strict=True)
    )
    if min(height, width, *weight.shape[2:], *input.shape[2:]) < 1:
        raise ValueError(f"{name}: the output would be {height} high and {width} wide {given}, {geometry}")
    out = _conv2d_input(input, weight, size=(height, width), geometry=geometry)
    return out if bias is None else add(out, reshape(bias, (-1, 1, 1)))


def _check_operands(
    name: str, x: Shape, w: Shape, bias: Shape | None, geometry: Geometry, transposed: bool = False
) -> str:
    """Refuse operands whose shapes do not fit; return the text that names both shapes in error messages."""
    given = f"(input {x}, weight {w})"
    if len(x) != 4 or len(w) != 4:
        kernels = "(C, O / groups, KH, KW)" if transposed else "(O, C / groups, KH, KW)"
        missing = images_missing(x) if len(w) == 4 else ""
        raise ValueError(f"{name}: wanted input (N, C, H, W) and weight {kernels} {given}{missing}")
    groups = geometry.groups
    if groups < 1 or w[0] % groups or x[1] % groups:
        channels = f"{x[1]} input" if transposed else f"{x[1]} input and {w[0]} output"
        raise ValueError(f"{name}: groups {groups} does not divide {channels} channels {given}")
    wanted = (w[1] * groups if transposed else w[0],)
    if bias is not None and bias != wanted:
        raise ValueError(f"{name}: bias has shape {bias}, wanted {wanted} {given}")
    return given
