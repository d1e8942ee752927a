"""Images taken from between the pixels of others: bilinear interpolation, a different one for each image."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.batch_innermost import empty_images
from tinygrad_cnn.kernels.dispatch import numpy_kernel
from tinygrad_cnn.kernels.memory import empty, zeros
from tinygrad_cnn.kernels.thresholds import RESAMPLE_BLOCK
from tinygrad_cnn.typing import Array


@numpy_kernel(reference.resample)
def resample(images: Array, rows: Array, columns: Array) -> Array:
    """Return images, each pixel interpolated between the four around its place in those given; 0 beyond them.

    ``images`` are (N, C, H, W); ``rows`` and ``columns`` (H', W', N) say where each pixel of the result
    (N, C, H', W') lies, counted from 0. What is not a number lies beyond. The result is batch-innermost.
    """
    batch, channels, height, width = images.shape
    source = images.transpose(1, 2, 3, 0)
    result = empty_images((batch, channels, *rows.shape[:2]), images.dtype)
    size = max(1, RESAMPLE_BLOCK // max(1, height * width))
    for start in range(0, batch, size):
        block = slice(start, min(start + size, batch))
        row, down = _split(rows[..., block], height)
        column, right = _split(columns[..., block], width)
        padded = zeros((channels, height + 3, width + 3, block.stop - start), images.dtype)
        padded[:, 1:-2, 1:-2] = source[..., block]
        index = _index(row, column, width + 3)
        for channel in range(channels):
            _mix(padded[channel], index, down, right, result[block, channel].transpose(1, 2, 0))
    return result


def _split(positions: Array, length: int) -> tuple[Array, Array]:
    """Return the pixel before each position in an image padded by one, and which part of the way it is to the next.

    Positions beyond the padding are moved into it: the image is 0 in both.
    """
    part = np.fmax(positions, -1, out=empty(positions.shape, positions.dtype))
    np.fmin(part, length, out=part)
    before = np.floor(part, out=empty(part.shape, part.dtype))
    part -= before
    before += 1
    return before.astype(np.int32), part


def _index(row: Array, column: Array, width: int) -> Array:
    """Return where the pixels (H, W, n) are in the memory of a plane (rows, width, n)."""
    row *= width
    row += column
    row *= row.shape[-1]
    index = empty(row.shape, np.dtype(np.intp))
    np.add(row, np.arange(row.shape[-1], dtype=np.int32), out=index)
    return index


def _mix(plane: Array, index: Array, down: Array, right: Array, out: Array) -> None:
    """Interpolate between the four neighbours of each position, along the rows and then along the columns."""
    _, width, batch = plane.shape
    pixels = plane.reshape(-1)

    def at(offset: int) -> Array:
        # No index is out of range: of NumPy's modes, "wrap" is the fastest.
        return np.take(pixels[offset:], index, out=empty(index.shape, plane.dtype), mode="wrap")

    def along_row(offset: int) -> Array:
        left, step = at(offset), at(offset + batch)
        step -= left
        step *= right
        left += step
        return left

    above, below = along_row(0), along_row(width * batch)
    below -= above
    below *= down
    np.add(above, below, out=out)
