"""Sums over all of a batch of images but the channels, by compiled loops over the batch-innermost layout."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinygrad_cnn.kernels.batch_innermost import memory_order
from tinygrad_cnn.kernels.compiled.atomics import unpack_plan
from tinygrad_cnn.kernels.compiled.simd import NARROW, WIDE, add_outer_product, add_sums, zeros
from tinygrad_cnn.kernels.compiled.thread_pool import band_count, compile_band, parallel_for
from tinygrad_cnn.kernels.sums import total
from tinygrad_cnn.kernels.thresholds import COMPILED_SUM_COST, SUMMED_PLAINLY_UP_TO
from tinygrad_cnn.typing import Array

SEGMENT = SUMMED_PLAINLY_UP_TO * WIDE
"""Elements that are added at once: no lane of a SIMD vector then adds more than a block of them."""


class SumPlan(NamedTuple):
    """The shape: a row of a channel is ``length`` contiguous numbers, in ``segments``."""

    channels: int
    length: int
    segments: int


@compile_band
def sum_rows(plan, x, ones, _, out, first, last, band):
    """Compute the sums of the segments of rows first to last: out is (H, segments, C)."""
    plan = unpack_plan(plan, SumPlan)
    for y in range(first, last):
        for channel in range(plan.channels):
            at = (y * plan.channels + channel) * plan.length
            row_end, place = at + plan.length, y * plan.segments * plan.channels + channel
            for _ in range(plan.segments):
                end = min(at + SEGMENT, row_end)
                many, some = zeros(1, 1, WIDE), zeros(1, 1, NARROW)
                while at + WIDE <= end:
                    many = add_outer_product(many, ones, 0, 0, x, at, WIDE)
                    at += WIDE
                while at < end:
                    some = add_outer_product(some, ones, 0, 0, x, at, end - at)
                    at += NARROW
                add_sums(many, out, place, 0)
                add_sums(some, out, place, 0)
                place += plan.channels


def channel_sums(x: Array) -> Array | None:
    """Return the sum over N, H and W of an N C H W array: (C,)."""
    image = memory_order(x)
    if not image.flags.c_contiguous:
        return None
    height, channels, width, batch = image.shape
    length = width * batch
    plan = np.array(SumPlan(channels, length, -(-length // SEGMENT)))
    line, ones, sums = image.reshape(-1), np.ones(1, x.dtype), np.zeros((height * plan[2], channels), x.dtype)
    parallel_for(
        sum_rows, plan, (line, ones, ones, sums.reshape(-1)), height, band_count(height, COMPILED_SUM_COST * x.size)
    )
    return total(sums, (0,))
