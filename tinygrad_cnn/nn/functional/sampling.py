"""Sampling images at given places: affine transformations, and the taps of resizing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_cnn import creation, ops
from tinygrad_cnn.ops.arguments import array_of, sizes, want_float, want_same_dtype
from tinygrad_cnn.tape.capture import constant
from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.tensor import Tensor

__all__ = ["affine_grid", "grid_sample"]

_MODES = ("bilinear", "nearest")
_PADDINGS = ("zeros", "border", "reflection")


def affine_grid(theta: Tensor, size: Iterable[int], align_corners: bool | None = None) -> Tensor:
    """Return the places (N, H, W, 2) in [-1, 1] that an affine transformation gives to the pixels of images.

    ``theta`` (N, 2, 3) maps the pixel (x, y, 1) to its place, which `grid_sample` takes; size is (N, C, H, W). With
    ``align_corners``, -1 and 1 are the centres of the corner pixels, else the corners of the image.

    >>> import tinygrad_cnn as tg
    >>> identity = tg.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> tg.nn.functional.affine_grid(identity, (1, 1, 1, 2), align_corners=False).tolist()
    [[[[-0.5, 0.0], [0.5, 0.0]]]]
    """
    wanted = sizes("affine_grid", (tuple(size),))
    want_float("affine_grid", theta)
    if len(wanted) != 4 or theta.shape != (wanted[0], 2, 3):
        raise ValueError(
            f"affine_grid: theta has shape {theta.shape} for size {wanted}; wanted (N, 2, 3) and (N, C, H, W)"
        )
    _warn_of_corners("affine_grid", align_corners)
    n, _, height, width = wanted
    rows, columns = (_centres(length, bool(align_corners), theta.dtype) for length in (height, width))
    pixels = np.stack([*np.meshgrid(columns, rows), np.ones((height, width), theta.dtype)], -1)
    places = creation.from_numpy(constant(pixels.reshape(height * width, 3))) @ ops.transpose(theta, 1, 2)
    return ops.reshape(places, (n, height, width, 2))


def _centres(length: int, align_corners: bool, dtype: Any) -> Any:
    places = np.linspace(-1, 1, length, dtype=dtype) if length > 1 else np.zeros(length, dtype)
    return places if align_corners else places * ((length - 1) / length if length else 1)


def _warn_of_corners(name: str, align_corners: bool | None) -> None:
    if align_corners is None:
        warn_user(f"{name}: align_corners is not given, and taken to be False, as PyTorch does since 1.3")


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Return the images' values at the places of a grid: (N, C, H, W) and (N, OH, OW, 2) to (N, C, OH, OW).

    A place is (x, y) in [-1, 1], as `affine_grid` returns it. The mode is "bilinear" or "nearest". Places outside
    have zeros, the nearest pixel ("border") or the mirrored one ("reflection"). (Jaderberg et al., "Spatial
    transformer networks", 2015.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn import nn
    >>> nn.functional.grid_sample(tg.tensor([[[[1.0, 3.0]]]]), tg.zeros(1, 1, 1, 2), align_corners=False)
    tensor([[[[2.]]]])
    """
    want_float("grid_sample", input)
    want_same_dtype("grid_sample", input=input, grid=grid)
    x, g = input.shape, grid.shape
    if len(x) != 4 or len(g) != 4 or g[0] != x[0] or g[3] != 2 or 0 in x[1:]:
        raise ValueError(f"grid_sample: shapes {x} and {g} do not fit: wanted (N, C, H, W) and (N, OH, OW, 2)")
    if mode not in _MODES or padding_mode not in _PADDINGS:
        raise ValueError(
            f"grid_sample: mode {mode!r} and padding_mode {padding_mode!r}; wanted one of {', '.join(_MODES)}, and "
            f"one of {', '.join(_PADDINGS)}"
        )
    _warn_of_corners("grid_sample", align_corners)
    columns, rows = (_position(ops.select(grid, 3, k), x[3 - k], padding_mode, bool(align_corners)) for k in (0, 1))
    if mode == "nearest":
        return _pixels(input, *(np.rint(array_of(at)).astype(np.int64) for at in (rows, columns)))
    top, left = (np.floor(array_of(at)).astype(np.int64) for at in (rows, columns))
    down = ops.unsqueeze(rows - top.astype(input.dtype), 1)
    right = ops.unsqueeze(columns - left.astype(input.dtype), 1)
    upper = _pixels(input, top, left) * (1 - right) + _pixels(input, top, left + 1) * right
    lower = _pixels(input, top + 1, left) * (1 - right) + _pixels(input, top + 1, left + 1) * right
    return upper * (1 - down) + lower * down


def _position(place: Tensor, length: int, padding_mode: str, align_corners: bool) -> Tensor:
    """Return the position among the pixels of a row for places in [-1, 1]."""
    at = (place + 1) * ((length - 1) / 2) if align_corners else ((place + 1) * length - 1) * 0.5
    if padding_mode == "zeros":
        return at
    if padding_mode == "reflection":
        low, span = (0.0, length - 1) if align_corners else (-0.5, length)
        if not span:
            return at * 0.0
        at = ops.abs(at - low)
        flips = np.floor(array_of(at) / span)
        inside = at - (flips * span).astype(at.dtype)
        at = ops.where(flips % 2 == 0, inside + low, span + low - inside)
    return ops.clamp(at, 0, length - 1)


def _pixels(input: Tensor, rows: Any, columns: Any) -> Tensor:
    """Return the pixels (N, C, OH, OW) at rows and columns (N, OH, OW), and zeros outside of the image."""
    n, channels, height, width = input.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    places = np.where(inside, rows * width + columns, 0).reshape(n, 1, -1)
    index = creation.from_numpy(np.ascontiguousarray(np.broadcast_to(places, (n, channels, places.shape[2]))))
    found = ops.gather(ops.flatten(input, 2), 2, index)
    return ops.where(inside[:, None], ops.reshape(found, (n, channels, *rows.shape[1:])), 0.0)


explain_calls(globals())
