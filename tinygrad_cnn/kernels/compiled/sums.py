"""Sums over all of a batch of images but the channels, by compiled loops over memory that holds H C W N."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinygrad_cnn.kernels.compiled.atomics import unpacked
from tinygrad_cnn.kernels.compiled.simd import NARROW, WIDE, add_sums, plus_outer, zeros
from tinygrad_cnn.kernels.compiled.thread_pool import bands, in_bands, kernel
from tinygrad_cnn.kernels.sums import BLOCK, total
from tinygrad_cnn.typing import Array

COST = 12
"""Multiplications that BLAS does while these loops come by a number."""

SEGMENT = BLOCK * WIDE
"""Numbers that are added up at once, so that no lane of a vector adds more than a block of them."""


class Plan(NamedTuple):
    """The shape: numbers that lie together are ``length``, of one row and channel, in ``segments``."""

    channels: int
    length: int
    segments: int


@kernel
def add_up(plan, x, ones, _, out, first, last, band):
    """Compute the sums of the segments of rows first to last: out is (H, segments, C)."""
    plan = unpacked(plan, Plan)
    for y in range(first, last):
        for channel in range(plan.channels):
            at = (y * plan.channels + channel) * plan.length
            row_end, place = at + plan.length, y * plan.segments * plan.channels + channel
            for _ in range(plan.segments):
                end = min(at + SEGMENT, row_end)
                many, some = zeros(1, 1, WIDE), zeros(1, 1, NARROW)
                while at + WIDE <= end:
                    many = plus_outer(many, ones, 0, 0, x, at, WIDE)
                    at += WIDE
                while at < end:
                    some = plus_outer(some, ones, 0, 0, x, at, end - at)
                    at += NARROW
                add_sums(many, out, place, 0)
                add_sums(some, out, place, 0)
                place += plan.channels


def channel_sums(x: Array) -> Array | None:
    """Return the sum over N, H and W of an N C H W array: (C,)."""
    image = x.transpose(2, 1, 3, 0)
    if not image.flags.c_contiguous:
        return None
    height, channels, width, batch = image.shape
    length = width * batch
    plan = np.array(Plan(channels, length, -(-length // SEGMENT)))
    line, ones, sums = image.reshape(-1), np.ones(1, x.dtype), np.zeros((height * plan[2], channels), x.dtype)
    in_bands(add_up, plan, (line, ones, ones, sums.reshape(-1)), height, bands(height, COST * x.size))
    return total(sums, (0,))
