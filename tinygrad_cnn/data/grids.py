"""Many images as one, and images in files: torchvision's ``utils``."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.data.pil import picture_of
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.storage.atomic_files import atomic_write
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

__all__ = ["make_grid", "save_image"]


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Return images (N, C, H, W), or a list of images, as one image of rows of ``nrow``, with borders between them.

    Images of one channel get three. ``normalize`` brings the numbers to [0, 1], from ``value_range`` or from the
    smallest and the largest, of each image with ``scale_each``.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data.grids import make_grid
    >>> make_grid(tg.zeros(6, 1, 28, 28), nrow=3).shape
    (3, 62, 92)
    """
    images = _images(tensor)
    if normalize:
        axes = (1, 2, 3) if scale_each else None
        low, high = value_range or (images.min(axes, keepdims=True), images.max(axes, keepdims=True))
        images = (np.clip(images, low, high) - low) / np.maximum(np.subtract(high, low), 1e-5).astype(images.dtype)
    n, channels, height, width = images.shape
    if n == 1:
        return from_numpy(images[0])
    columns = min(whole("make_grid", "nrow", nrow, 1), n)
    border = whole("make_grid", "padding", padding, 0)
    rows = -(-n // columns)
    grid = np.full(
        (channels, (height + border) * rows + border, (width + border) * columns + border), pad_value, images.dtype
    )
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + border) + border, (i % columns) * (width + border) + border
        grid[:, top : top + height, left : left + width] = image
    return from_numpy(grid)


def _images(tensor: Tensor | Sequence[Tensor]) -> Array:
    """Return a copy of images as (N, 3, H, W), from (H, W), (C, H, W), (N, C, H, W) or a list."""
    several: list[Any] = list(tensor) if isinstance(tensor, (list, tuple)) else [tensor]
    if not several or not all(isinstance(t, Tensor) for t in several):
        raise TypeError(f"make_grid: wanted a tensor or a list of tensors, got {type(tensor).__name__}")
    arrays = [t.detach().array for t in several]
    array = arrays[0].copy() if isinstance(tensor, Tensor) else np.stack(arrays)
    if array.ndim not in (2, 3, 4) or not array.size:
        raise ValueError(f"make_grid: wanted images (N, C, H, W), got shape {array.shape}")
    array = array[None] if array.ndim == 2 else array
    array = array[None] if array.ndim == 3 else array
    return np.repeat(array, 3, axis=1) if array.shape[1] == 1 else array


def save_image(tensor: Tensor | Sequence[Tensor], fp: Any, format: str | None = None, **kwargs: Any) -> None:
    """Write images in [0, 1] to a file, several as a grid: other arguments are those of `make_grid`.

    PNG is written without Pillow; other formats, by the name's ending or ``format``, need it.
    """
    grid = make_grid(tensor, **kwargs).array
    pixels = np.clip(grid * 255 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)
    name = str(fp) if isinstance(fp, (str, os.PathLike)) else ""
    kind = (format or Path(name).suffix.removeprefix(".") or "png").lower()
    if kind != "png":
        picture_of(np.ascontiguousarray(pixels)).save(fp, format=format)
    elif name:
        with atomic_write(Path(name)) as file:
            file.write(png(pixels))
    else:
        fp.write(png(pixels))


def png(pixels: Array) -> bytes:
    """Return bytes (H, W, 3) as a PNG file."""
    height, width, channels = pixels.shape
    if channels != 3:
        raise ValueError(f"save_image: wanted images of 1 or 3 channels, got {channels}")
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)  # 0: no filter
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
