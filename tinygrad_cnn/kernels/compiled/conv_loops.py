"""The compiled loops of convolution.

In the batch-innermost layout (H C W N) a row of W N numbers is contiguous, and a window that moves by one column
moves by N numbers. So a SIMD register tile, of some outputs by some numbers of a row, is a sum over the window's
taps of outer products: numbers of the kernel times numbers of the input's row. It stays in registers until it is
complete. Arrays are flat, and indices are offsets into them.
"""

from __future__ import annotations

from numba import njit

from tinygrad_cnn.kernels.compiled.atomics import unpack_plan
from tinygrad_cnn.kernels.compiled.exports import BAND, INLINE, exported
from tinygrad_cnn.kernels.compiled.plans import ConvLoopPlan
from tinygrad_cnn.kernels.compiled.simd import add_outer_product, add_rows, broadcast_rows, store, zeros
from tinygrad_cnn.kernels.compiled.vectors import NARROW, WIDE


@njit(**INLINE)
def _taps_inside(first, size, taps, dilation):
    """Return how many taps, the first at ``first``, lie before a line of that size, and how many inside it."""
    before = max(0, -(first // dilation))
    return before, max(0, min(taps, -((first - size) // dilation)) - before)


@njit(**INLINE)
def _correlate_tile(none, x, start, w, at, bias, o, out, place, count, rows, columns, plan):
    tile = broadcast_rows(none, bias, o)
    for i in range(rows):
        first = 0
        while first < plan.channels:
            if plan.blocks and i + first:
                store(tile, out, place, plan.to_output, count)
                tile = none
            for c in range(first, min(first + plan.block, plan.channels)):
                p = start + i * plan.row_dilation * plan.to_row + c * plan.to_channel
                q = at + (i * plan.channels + c) * plan.columns * plan.outputs
                for _ in range(columns):
                    tile = add_outer_product(tile, w, q, 1, x, p, count)
                    q += plan.outputs
                    p += plan.column_dilation * plan.batch
            if plan.blocks and i + first:
                tile = add_rows(tile, out, place, plan.to_output, count)
            first += plan.block
    store(tile, out, place, plan.to_output, count)


@njit(**INLINE)
def _correlate_strip(six, four, one, x, start, w, at, bias, group, out, place, count, rows, columns, plan):
    """Compute ``count`` numbers of a segment, of all outputs of a group."""
    o = 0
    while o < plan.outputs:
        left, b, q, z = plan.outputs - o, group * plan.outputs + o, at + o, place + o * plan.to_output
        if left == 6 or left == 10 or left >= 12:
            _correlate_tile(six, x, start, w, q, bias, b, out, z, count, rows, columns, plan)
            o += 6
        elif left >= 4:
            _correlate_tile(four, x, start, w, q, bias, b, out, z, count, rows, columns, plan)
            o += 4
        else:
            _correlate_tile(one, x, start, w, q, bias, b, out, z, count, rows, columns, plan)
            o += 1


@exported(BAND)
def correlate(plan, x, w, bias, out, first, last, band):
    """Compute rows first to last of the output; w is (G, KH, C, KW, O)."""
    plan = unpack_plan(plan, ConvLoopPlan)
    wide = zeros(6, 1, WIDE), zeros(4, 1, WIDE), zeros(1, 1, WIDE)
    narrow = zeros(6, 1, NARROW), zeros(4, 1, NARROW), zeros(1, 1, NARROW)
    for y in range(first, last):
        row = y * plan.down - plan.top  # of the input, under the kernel's first
        above, rows = _taps_inside(row, plan.height, plan.rows, plan.row_dilation)
        row += above * plan.row_dilation
        for segment in range(plan.segments):
            column = segment * plan.across - plan.left
            before, columns = _taps_inside(column, plan.width, plan.columns, plan.column_dilation)
            column += before * plan.column_dilation
            for group in range(plan.groups):
                channel = group * plan.channels
                at = ((group * plan.rows + above) * plan.channels * plan.columns + before) * plan.outputs
                start = row * plan.to_row + channel * plan.to_channel + column * plan.batch
                place = (y * plan.groups + group) * plan.outputs * plan.to_output + segment * plan.length
                v = 0
                while v + WIDE <= plan.length:
                    _correlate_strip(
                        *wide, x, start + v, w, at, bias, group, out, place + v, WIDE, rows, columns, plan
                    )
                    v += WIDE
                while v < plan.length:
                    count = plan.length - v
                    _correlate_strip(
                        *narrow, x, start + v, w, at, bias, group, out, place + v, count, rows, columns, plan
                    )
                    v += NARROW
