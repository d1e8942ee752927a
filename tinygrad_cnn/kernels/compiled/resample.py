"""Bilinear interpolation between pixels by compiled loops, for images in the batch-innermost layout."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from tinygrad_cnn.kernels import memory
from tinygrad_cnn.kernels.batch_innermost import from_batch_innermost
from tinygrad_cnn.kernels.compiled.atomics import unpack_plan
from tinygrad_cnn.kernels.compiled.batch_innermost import flat_batch_innermost
from tinygrad_cnn.kernels.compiled.thread_pool import INLINE, band_count, compile_band, parallel_for
from tinygrad_cnn.kernels.thresholds import COMPILED_RESAMPLE_COST
from tinygrad_cnn.typing import Array


class ResamplePlan(NamedTuple):
    """The shape of the images, and the columns of the result."""

    channels: int
    height: int
    width: int
    batch: int
    columns: int


@njit(**INLINE)
def _pixel(image, plan, row, column, channel, n):
    """Return a pixel of an image, or 0 beyond it."""
    if row < 0 or row >= plan.height or column < 0 or column >= plan.width:
        return np.float32(0)
    return image[((row * plan.channels + channel) * plan.width + column) * plan.batch + n]


@njit(**INLINE)
def _between(above_left, above_right, below_left, below_right, right, down):
    above = above_left + (above_right - above_left) * right
    below = below_left + (below_right - below_left) * right
    return above + (below - above) * down


@compile_band
def resample_rows(plan, image, rows, columns, out, first, last, band):
    """Compute rows first to last of the result."""
    plan = unpack_plan(plan, ResamplePlan)
    line, plane = plan.batch, plan.width * plan.batch
    to_row, last_row, last_column = plan.channels * plane, np.float32(plan.height - 1), np.float32(plan.width - 1)
    for y in range(first, last):
        for x in range(plan.columns):
            place, target = (y * plan.columns + x) * line, (y * plan.channels * plan.columns + x) * line
            for n in range(line):
                row, column = rows[place + n], columns[place + n]
                if row >= 0 and row < last_row and column >= 0 and column < last_column:
                    top, left = int(row), int(column)
                    down, right = row - np.float32(top), column - np.float32(left)
                    at = top * to_row + left * line + n
                    for channel in range(plan.channels):
                        under = at + to_row
                        out[target + n + channel * plan.columns * line] = _between(
                            image[at], image[at + line], image[under], image[under + line], right, down
                        )
                        at += plane
                else:
                    inside = row > -1 and row < plan.height and column > -1 and column < plan.width
                    top, left = (int(row + 1) - 1, int(column + 1) - 1) if inside else (-2, -2)
                    for channel in range(plan.channels):
                        value = np.float32(0)
                        if inside:
                            value = _between(
                                _pixel(image, plan, top, left, channel, n),
                                _pixel(image, plan, top, left + 1, channel, n),
                                _pixel(image, plan, top + 1, left, channel, n),
                                _pixel(image, plan, top + 1, left + 1, channel, n),
                                column - np.float32(left),
                                row - np.float32(top),
                            )
                        out[target + n + channel * plan.columns * line] = value


def resample(images: Array, rows: Array, columns: Array) -> Array | None:
    """Return images, each pixel interpolated between the four around its place in those given; 0 beyond them."""
    batch, channels, height, width = images.shape
    if rows.dtype != images.dtype or columns.dtype != images.dtype:
        return None
    out = memory.empty((rows.shape[0], channels, rows.shape[1], batch), images.dtype)
    parallel_for(
        resample_rows,
        np.array(ResamplePlan(channels, height, width, batch, rows.shape[1])),
        (flat_batch_innermost(images), rows.ravel(), columns.ravel(), out.reshape(-1)),
        len(out),
        band_count(len(out), COMPILED_RESAMPLE_COST * out.size),
    )
    return from_batch_innermost(out)
