"""Resizing images: padding, interpolation, and pixel shuffle."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor
from typing import Any

import numpy as np

from tinygrad_cnn.ops import permute, reshape
from tinygrad_cnn.ops.arguments import sizes, want_float, whole
from tinygrad_cnn.ops.index import getitem
from tinygrad_cnn.ops.padding import pad
from tinygrad_cnn.tensor import Tensor

__all__ = ["interpolate", "pad", "pixel_shuffle"]

_MODES = {"nearest": (3, 4, 5), "linear": (3,), "bilinear": (4,)}


def interpolate(
    input: Tensor,
    size: int | Iterable[int] | None = None,
    scale_factor: float | Iterable[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Tensor:
    """Resize images, with "nearest" or "linear" interpolation.

    Shapes: input (N, C, L), (N, C, H, W) (where linear is called "bilinear") or, for nearest, (N, C, D, H, W). Give
    either the size or the factor. ``align_corners`` aligns the centres of the corner pixels; otherwise the image
    corners are aligned.

    >>> import tinygrad_cnn as tg
    >>> tg.nn.functional.interpolate(tg.tensor([[[1.0, 2.0]]]), scale_factor=2).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    """
    shape, spatial = input.shape, input.shape[2:]
    if mode not in _MODES or len(shape) not in _MODES[mode] or 0 in shape[1:]:
        known = ", ".join(f"{name} ({' or '.join(map(str, dims))} dimensions)" for name, dims in _MODES.items())
        raise ValueError(f"interpolate: mode {mode!r} of an input of shape {shape}; wanted one of {known}")
    if mode == "nearest" and align_corners is not None:
        raise ValueError("interpolate: align_corners is for the linear modes")
    want_float("interpolate", input)
    wanted, factors = _target(spatial, size, scale_factor, bool(recompute_scale_factor))
    for axis, (n, out, factor) in enumerate(zip(spatial, wanted, factors, strict=True)):
        ahead: tuple[slice, ...] = (slice(None),) * (axis + 2)
        if mode == "nearest":
            input = getitem(input, (*ahead, _nearest(n, out, factor)))
        else:
            position = _positions(n, out, factor, bool(align_corners), input.dtype)
            low = position.astype(np.int64)
            share = (position % 1).reshape(-1, *(1,) * (len(spatial) - axis - 1))
            high = np.minimum(low + 1, n - 1)
            input = getitem(input, (*ahead, low)) * (1 - share) + getitem(input, (*ahead, high)) * share
    return input


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


def _nearest(n: int, out: int, factor: float | None) -> Any:
    """Return the index of the nearest entry for each output, computed in float32 as PyTorch does."""
    scale = np.float32(n / out if factor is None else 1 / factor)
    return np.minimum((np.arange(out, dtype=np.float32) * scale).astype(np.int64), n - 1)


def _positions(n: int, out: int, factor: float | None, align_corners: bool, dtype: Any) -> Any:
    """Return the position of each output between the input's entries."""
    at = np.arange(out, dtype=dtype)
    if align_corners:
        return at * ((n - 1) / (out - 1) if out > 1 else 0.0)
    scale = n / out if factor is None else 1 / factor
    return np.clip((at + 0.5) * scale - 0.5, 0, n - 1)


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
    return reshape(woven, (*before, c, height * r, width * r))
