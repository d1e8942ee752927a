"""The compiled loops of sums over all but the channels."""

from __future__ import annotations

from tinygrad_cnn.kernels.compiled.atomics import unpack_plan
from tinygrad_cnn.kernels.compiled.exports import BAND, exported
from tinygrad_cnn.kernels.compiled.plans import SEGMENT, SumPlan
from tinygrad_cnn.kernels.compiled.simd import add_outer_product, add_sums, zeros
from tinygrad_cnn.kernels.compiled.vectors import NARROW, WIDE


@exported(BAND)
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
