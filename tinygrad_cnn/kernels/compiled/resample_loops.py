"""The compiled loops of bilinear interpolation."""

from __future__ import annotations

import numpy as np
from numba import njit

from tinygrad_cnn.kernels.compiled.atomics import unpack_plan
from tinygrad_cnn.kernels.compiled.exports import BAND, INLINE, exported
from tinygrad_cnn.kernels.compiled.plans import ResamplePlan


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


@exported(BAND)
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
