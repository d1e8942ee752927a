"""Resizing images: padding, interpolation, and pixel shuffle."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from math import floor
from typing import Any

import numpy as np

from tinygrad_cnn.nn.functional.pooling import adaptive_avg_pool1d, adaptive_avg_pool2d
from tinygrad_cnn.ops import add, permute, reshape
from tinygrad_cnn.ops.arguments import sizes, want_float, whole
from tinygrad_cnn.ops.broadcast import apart, half_in_float32
from tinygrad_cnn.ops.index import getitem
from tinygrad_cnn.ops.padding import pad
from tinygrad_cnn.tape.capture import constant
from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.tensor import Tensor

__all__ = [
    "channel_shuffle",
    "interpolate",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

_MODES = {
    "nearest": (3, 4, 5),
    "nearest-exact": (3, 4, 5),
    "linear": (3,),
    "bilinear": (4,),
    "bicubic": (4,),
    "area": (3, 4),
}


@half_in_float32
def interpolate(
    input: Tensor,
    size: int | Iterable[int] | None = None,
    scale_factor: float | Iterable[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Tensor:
    """Resize images: to the "nearest" pixel, by "linear" or "bicubic" interpolation, or by means over an "area".

    Shapes: input (N, C, L), (N, C, H, W) (where linear is called "bilinear") or, for nearest, (N, C, D, H, W). Give
    either the size or the factor. "nearest-exact" measures from the pixels' centres. ``align_corners`` aligns the
    centres of the corner pixels; otherwise the image corners are aligned.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.interpolate(tg.tensor([[[1.0, 2.0]]]), scale_factor=2).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    """
    shape, spatial = input.shape, input.shape[2:]
    if mode not in _MODES or len(shape) not in _MODES[mode] or 0 in shape[1:]:
        known = ", ".join(f"{name} ({' or '.join(map(str, dims))} dimensions)" for name, dims in _MODES.items())
        raise ValueError(f"interpolate: mode {mode!r} of an input of shape {shape}; wanted one of {known}")
    if mode in ("nearest", "nearest-exact", "area") and align_corners is not None:
        raise ValueError("interpolate: align_corners is for the linear modes and bicubic")
    want_float("interpolate", input)
    wanted, factors = _target(spatial, size, scale_factor, bool(recompute_scale_factor))
    if mode == "area":
        return adaptive_avg_pool1d(input, wanted[0]) if len(spatial) == 1 else adaptive_avg_pool2d(input, wanted)
    for axis, (n, out, factor) in enumerate(zip(spatial, wanted, factors, strict=True)):
        ahead: tuple[slice, ...] = (slice(None),) * (axis + 2)
        if mode in ("nearest", "nearest-exact"):
            nearest = _nearest(n, out, factor, 0.5 if mode == "nearest-exact" else 0.0)
            input = getitem(input, (*ahead, constant(nearest)))
            continue
        taps = (_cubic_taps if mode == "bicubic" else _linear_taps)(
            n, out, factor, bool(align_corners), input.dtype
        )
        shape = (-1, *(1,) * (len(spatial) - axis - 1))
        parts = [getitem(input, (*ahead, constant(at))) * constant(w.reshape(shape)) for at, w in taps]
        input = reduce(add, parts)
    return input


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Return `interpolate` of the same arguments: its older name.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.upsample(tg.ones(1, 1, 2, 2), scale_factor=2).shape
    (1, 1, 4, 4)
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Return `interpolate` in the mode "nearest": an older name.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.upsample_nearest(tg.tensor([[[[0.0, 1.0]]]]), scale_factor=2).shape
    (1, 1, 2, 4)
    """
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Return `interpolate` in the mode "bilinear" with aligned corners: an older name.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.upsample_bilinear(tg.tensor([[[[0.0, 1.0]]]]), size=(1, 3)).tolist()
    [[[[0.0, 0.5, 1.0]]]]
    """
    return interpolate(input, size, scale_factor, "bilinear", True)


def _target(
    spatial: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """Return the output lengths, and the factors if they were given and determine the positions."""
    if (size is None) == (scale_factor is None):
        raise ValueError(f"interpolate: wanted size or scale_factor, got {size} and {scale_factor}")
    given = size if scale_factor is None else scale_factor
    values = tuple(given) if np.ndim(given) else (given,) * len(spatial)
    if len(values) != len(spatial):
        raise ValueError(f"interpolate: got {values} for {len(spatial)} spatial dimensions")
    if scale_factor is None:
        wanted = sizes("interpolate", (values,))
    else:
        wanted = tuple(floor(n * factor) for n, factor in zip(spatial, values, strict=True))
    if min(wanted) < 1:
        raise ValueError(f"interpolate: from {spatial} to {wanted} by {given}; wanted lengths of at least 1")
    used = scale_factor is not None and not recompute
    return wanted, tuple(float(v) for v in values) if used else (None,) * len(spatial)


def _nearest(n: int, out: int, factor: float | None, shift: float) -> Any:
    """Return the index of the nearest entry for each output, computed in float32 as PyTorch does."""
    scale = np.float32(n / out if factor is None else 1 / factor)
    return np.minimum(((np.arange(out, dtype=np.float32) + np.float32(shift)) * scale).astype(np.int64), n - 1)


def _positions(n: int, out: int, factor: float | None, align_corners: bool, dtype: Any) -> Any:
    """Return the position of each output among the input's entries, which may lie outside of them."""
    at = np.arange(out, dtype=dtype)
    if align_corners:
        return at * ((n - 1) / (out - 1) if out > 1 else 0.0)
    return (at + 0.5) * (n / out if factor is None else 1 / factor) - 0.5


def _linear_taps(n: int, out: int, factor: float | None, align_corners: bool, dtype: Any) -> Any:
    """Yield the entries that each output is a mean of, and their weights."""
    position = np.clip(_positions(n, out, factor, align_corners, dtype), 0, n - 1)
    low, share = position.astype(np.int64), position % 1
    return [(low, 1 - share), (np.minimum(low + 1, n - 1), share)]


def _cubic_taps(n: int, out: int, factor: float | None, align_corners: bool, dtype: Any) -> Any:
    """Yield the same for cubic convolution with a = -0.75 (Keys, 1981)."""
    position, a = _positions(n, out, factor, align_corners, dtype), -0.75
    low = np.floor(position)
    taps = []
    for k in (-1, 0, 1, 2):
        d = np.abs(position - low - k)
        near, far = ((a + 2) * d - (a + 3)) * d * d + 1, ((d - 5) * d + 8) * d * a - 4 * a
        taps.append((np.clip(low.astype(np.int64) + k, 0, n - 1), np.where(d <= 1, near, far).astype(dtype)))
    return taps


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Rearrange groups of channels as pixels: (..., C * r * r, H, W) to (..., C, H * r, W * r).

    Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
    network" (2016).

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.pixel_shuffle(tg.arange(4.0).reshape(4, 1, 1), 2).tolist()
    [[[0.0, 1.0], [2.0, 3.0]]]
    """
    r, shape = whole("pixel_shuffle", "upscale_factor", upscale_factor, 1), input.shape
    if len(shape) < 3 or shape[-3] % (r * r):
        raise ValueError(f"pixel_shuffle: wanted (..., C, H, W) with C a multiple of {r * r}, got shape {shape}")
    *before, channels, height, width = shape
    n, c = len(before), channels // (r * r)
    blocks = reshape(input, (*before, c, r, r, height, width))
    woven = permute(blocks, (*range(n + 1), n + 3, n + 1, n + 4, n + 2))
    return apart(reshape(woven, (*before, c, height * r, width * r)), input)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Undo `pixel_shuffle`: (..., C, H * r, W * r) to (..., C * r * r, H, W).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.pixel_unshuffle(tg.ones(1, 1, 4, 4), 2).shape
    (1, 4, 2, 2)
    """
    r, shape = whole("pixel_unshuffle", "downscale_factor", downscale_factor, 1), input.shape
    if len(shape) < 3 or shape[-2] % r or shape[-1] % r:
        raise ValueError(f"pixel_unshuffle: wanted (..., C, H, W), H and W multiples of {r}, got shape {shape}")
    *before, channels, height, width = shape
    n = len(before)
    blocks = reshape(input, (*before, channels, height // r, r, width // r, r))
    moved = permute(blocks, (*range(n + 1), n + 2, n + 4, n + 1, n + 3))
    return apart(reshape(moved, (*before, channels * r * r, height // r, width // r)), input)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Interleave groups of channels of (N, C, ...): the first of each group, then the second of each, and so on.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.channel_shuffle(tg.arange(4).reshape(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    shape = input.shape
    if len(shape) < 3 or shape[1] % whole("channel_shuffle", "groups", groups, 1):
        raise ValueError(f"channel_shuffle: wanted (N, C, ...), C a multiple of {groups}, got shape {shape}")
    grouped = reshape(input, (shape[0], groups, shape[1] // groups, *shape[2:]))
    return apart(reshape(permute(grouped, (0, 2, 1, *range(3, len(shape) + 1))), shape), input)


explain_calls(globals())
