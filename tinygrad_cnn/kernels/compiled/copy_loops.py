"""The compiled loops that copy images to the batch-innermost layout."""

from __future__ import annotations

from numba import njit

from tinygrad_cnn.kernels.compiled.atomics import unpack_plan
from tinygrad_cnn.kernels.compiled.exports import BAND, INLINE, exported
from tinygrad_cnn.kernels.compiled.plans import CopyPlan
from tinygrad_cnn.kernels.compiled.simd import gather, load, store, transposed, zeros
from tinygrad_cnn.kernels.compiled.vectors import NARROW


@njit(**INLINE)
def _copy_vector(x, start, out, place, column, n, plan):
    some, count = zeros(1, 1, NARROW), plan.batch - n
    at = start + column * plan.to_column + n * plan.to_sample
    if plan.left <= column < plan.left + plan.width:
        some = load(some, x, at, count) if plan.to_sample == 1 else gather(some, x, at, plan.to_sample, count)
    store(some, out, place + column * plan.batch + n, 0, count)


@exported(BAND)
def copy_rows(plan, x, _, __, out, first, last, band):
    """Copy rows first to last of the output."""
    plan = unpack_plan(plan, CopyPlan)
    for y in range(first, last):
        for c in range(plan.channels):
            start = y * plan.to_row + c * plan.to_channel - plan.left * plan.to_column
            place = (y * plan.channels + c) * plan.columns * plan.batch
            if plan.to_sample == 1:
                for column in range(plan.columns):
                    for n in range(0, plan.batch, NARROW):
                        _copy_vector(x, start, out, place, column, n, plan)
            else:  # use all of a cache line before the next one is loaded
                for n in range(0, plan.batch, NARROW):
                    column = 0
                    while column < plan.columns:
                        inside = plan.left <= column and column + NARROW <= min(
                            plan.columns, plan.left + plan.width
                        )
                        if plan.to_column == 1 and inside:
                            at, count = start + column + n * plan.to_sample, plan.batch - n
                            square = transposed(zeros(NARROW, 1, NARROW), x, at, plan.to_sample, count, NARROW)
                            store(square, out, place + column * plan.batch + n, plan.batch, count)
                            column += NARROW
                        else:
                            _copy_vector(x, start, out, place, column, n, plan)
                            column += 1
