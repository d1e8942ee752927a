"""The compiled loops of the gradient of a convolution's weight."""

from __future__ import annotations

from numba import njit

from tinygrad_cnn.kernels.compiled.atomics import unpack_plan
from tinygrad_cnn.kernels.compiled.exports import BAND, INLINE, exported
from tinygrad_cnn.kernels.compiled.plans import ConvLoopPlan
from tinygrad_cnn.kernels.compiled.simd import add_products, add_sums, zeros
from tinygrad_cnn.kernels.compiled.vectors import NARROW, TILE_ROWS, WIDE
from tinygrad_cnn.kernels.thresholds import WEIGHT_BLOCK


@njit(**INLINE)
def _weight_tile(tile, g, g_at, x, x_at, to_tap, out, place, rows, plan):
    whole = plan.length - plan.length % NARROW
    for y in range(rows):
        for segment in range(plan.segments):
            a = g_at + y * plan.groups * plan.outputs * plan.to_output + segment * plan.length
            b = x_at + y * plan.down * plan.to_row + segment * plan.across * plan.batch
            for v in range(0, whole, NARROW):
                tile = add_products(tile, g, a + v, plan.to_output, x, b + v, to_tap, NARROW)
            if whole < plan.length:
                tile = add_products(tile, g, a + whole, plan.to_output, x, b + whole, to_tap, plan.length - whole)
    add_sums(tile, out, place, plan.rows * plan.channels * plan.columns)


@njit(**INLINE)
def _weight_strip(five, three, one, taps, g, g_at, x, x_at, to_tap, out, place, rows, plan):
    """Add to all taps of a row of the kernel."""
    j = 0
    while j < taps:
        if taps - j >= 5:
            _weight_tile(five, g, g_at, x, x_at + j * to_tap, to_tap, out, place + j, rows, plan)
            j += 5
        elif taps - j >= 3:
            _weight_tile(three, g, g_at, x, x_at + j * to_tap, to_tap, out, place + j, rows, plan)
            j += 3
        else:
            _weight_tile(one, g, g_at, x, x_at + j * to_tap, to_tap, out, place + j, rows, plan)
            j += 1


@exported(BAND)
def correlate_weight(plan, g, x, _, out, first, last, band):
    """Add up, over rows first to last of the gradient, in the band's own part of out (bands, G, O, KH, C, KW)."""
    plan = unpack_plan(plan, ConvLoopPlan)
    many = zeros(TILE_ROWS, 5, NARROW), zeros(TILE_ROWS, 3, NARROW), zeros(TILE_ROWS, 1, NARROW)
    one = zeros(1, 5, NARROW), zeros(1, 3, NARROW), zeros(1, 1, NARROW)
    channels, taps, to_tap = plan.channels, plan.columns, plan.column_dilation * plan.batch
    if taps == 1:  # then channels, which are as evenly spaced, take the place of taps
        channels, taps, to_tap = 1, plan.channels, plan.to_channel
    size = plan.rows * channels * taps
    own = band * plan.groups * plan.outputs * size
    step = max(1, WEIGHT_BLOCK // max(plan.to_output, WIDE))  # rows at a time
    for start in range(first, last, step):
        for group in range(plan.groups):
            o = group * plan.outputs
            end = o + plan.outputs
            while o < end:
                whole = o + TILE_ROWS <= end
                for i in range(plan.rows):
                    shift = i * plan.row_dilation - plan.top
                    y = max(start, -(shift // plan.down))
                    rows = min(last, start + step, -((shift - plan.height) // plan.down)) - y
                    g_at = (y * plan.groups * plan.outputs + o) * plan.to_output
                    for c in range(channels):
                        channel = group * plan.channels + c
                        x_at = (y * plan.down + shift) * plan.to_row + channel * plan.to_channel
                        place = own + o * size + (i * channels + c) * taps
                        if whole:
                            _weight_strip(*many, taps, g, g_at, x, x_at, to_tap, out, place, rows, plan)
                        else:
                            _weight_strip(*one, taps, g, g_at, x, x_at, to_tap, out, place, rows, plan)
                o += TILE_ROWS if whole else 1
