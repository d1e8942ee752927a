"""The compiled loops of convolution.

In the batch-innermost layout (H C W N) a row of W N numbers is contiguous, and a window that moves by one column
moves by N numbers. So a SIMD register tile, of some outputs by some numbers of a row, is a sum over the window's
taps of outer products: numbers of the kernel times numbers of the input's row. It stays in registers until it is
complete. Arrays are flat, and indices are offsets into them.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from tinygrad_cnn.kernels.compiled.atomics import unpack_plan
from tinygrad_cnn.kernels.compiled.simd import (
    NARROW,
    TILE_ROWS,
    WIDE,
    add_outer_product,
    add_products,
    add_rows,
    add_sums,
    broadcast_rows,
    store,
    zeros,
)
from tinygrad_cnn.kernels.compiled.thread_pool import INLINE, compile_band
from tinygrad_cnn.kernels.thresholds import WEIGHT_BLOCK


class ConvLoopPlan(NamedTuple):
    """How the loops of a convolution move through memory, in elements.

    A row of the output is ``segments`` of ``length`` numbers: either the whole row, of an input with padding
    columns if windows reach there; or one segment a column, without padding, where taps outside the input are
    skipped.
    """

    groups: int
    channels: int  # in a group, as are the outputs
    outputs: int
    rows: int  # of the kernel
    columns: int
    height: int  # of the input
    width: int
    top: int  # padding: how many rows above the input the first window begins
    left: int
    down: int  # the stride of windows
    across: int
    row_dilation: int
    column_dilation: int
    batch: int
    to_row: int  # strides of the input in elements
    to_channel: int
    to_output: int  # a stride of the output or its gradient
    segments: int
    length: int
    block: int  # channels whose terms are added up before they are added to the output
    blocks: int  # whether there are several


@njit(**INLINE)
def _taps_inside(first, size, taps, dilation):
    """Return how many taps, the first at ``first``, lie before a line of that size, and how many inside it."""
    before = max(0, -(first // dilation))
    return before, max(0, min(taps, -((first - size) // dilation)) - before)


@njit(**INLINE)
def _correlate_tile(none, x, start, w, at, bias, o, out, place, count, rows, columns, plan):
    tile = broadcast_rows(none, bias, o)
    for i in range(rows):
        for first in range(0, plan.channels, plan.block):
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


@compile_band
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


@compile_band
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
