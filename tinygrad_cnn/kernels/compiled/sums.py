"""Sums over all of a batch of images but the channels, by compiled loops over memory that holds H C W N."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinygrad_cnn.kernels.compiled.atomics import unpacked
from tinygrad_cnn.kernels.compiled.simd import NARROW, WIDE, add_sums, plus_outer, zeros
from tinygrad_cnn.kernels.compiled.thread_pool import bands, in_bands, kernel
from tinygrad_cnn.typing import Array

COST = 12
"""Multiplications that BLAS does while these loops come by a number."""


class Plan(NamedTuple):
    """The shape: numbers that lie together are ``length``, of one row and channel."""

    channels: int
    length: int


@kernel
def add_up(plan, x, ones, _, out, first, last, band):
    """Add rows first to last to the band's sums."""
    plan = unpacked(plan, Plan)
    for y in range(first, last):
        for channel in range(plan.channels):
            at = (y * plan.channels + channel) * plan.length
            end, place = at + plan.length, band * plan.channels + channel
            many, some = zeros(1, 1, WIDE), zeros(1, 1, NARROW)
            while at + WIDE <= end:
                many = plus_outer(many, ones, 0, 0, x, at, WIDE)
                at += WIDE
            while at < end:
                some = plus_outer(some, ones, 0, 0, x, at, end - at)
                at += NARROW
            add_sums(many, out, place, 0)
            add_sums(some, out, place, 0)


def channel_sums(x: Array) -> Array | None:
    """Return the sum over N, H and W of an N C H W array: (C,)."""
    image = x.transpose(2, 1, 3, 0)
    if not image.flags.c_contiguous:
        return None
    height, channels, width, batch = image.shape
    plan, line, ones = np.array(Plan(channels, width * batch)), image.reshape(-1), np.ones(1, x.dtype)
    count = bands(height, COST * x.size)
    sums = np.zeros((count, channels), x.dtype)
    in_bands(add_up, plan, (line, ones, ones, sums.reshape(-1)), height, count)
    return np.add.reduce(sums, 0)
