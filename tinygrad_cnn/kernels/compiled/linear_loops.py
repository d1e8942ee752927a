"""The compiled loops of linear layers in programs, for samples that are columns."""

from __future__ import annotations

from numba import njit

from tinygrad_cnn.kernels.compiled.atomics import unpack_plan
from tinygrad_cnn.kernels.compiled.exports import BAND, INLINE, exported
from tinygrad_cnn.kernels.compiled.matmul_loops import _pack
from tinygrad_cnn.kernels.compiled.plans import LinearPlan
from tinygrad_cnn.kernels.compiled.simd import add_outer_product, add_rows, broadcast_rows, store, zeros
from tinygrad_cnn.kernels.compiled.vectors import NARROW, WIDE
from tinygrad_cnn.kernels.thresholds import COMPILED_BLOCK_TERMS

# --- linear layers ---


@njit(**INLINE)
def _linear_tile(none, w, at, x, start, bias, row, out, place, count, plan):
    for first in range(0, plan.terms, COMPILED_BLOCK_TERMS):
        tile = none if first else broadcast_rows(none, bias, row)
        for _ in range(min(COMPILED_BLOCK_TERMS, plan.terms - first)):
            tile = add_outer_product(tile, w, at, plan.to_row, x, start, count)
            at += 1
            start += plan.columns
        if first:
            tile = add_rows(tile, out, place, plan.columns, count)
        store(tile, out, place, plan.columns, count)


@njit(**INLINE)
def _linear_strip(six, four, one, w, x, start, bias, out, count, first, last, plan):
    row = first
    while row < last:
        left, at, place = last - row, row * plan.to_row, row * plan.columns + start
        if left == 6 or left == 10 or left >= 12:
            _linear_tile(six, w, at, x, start, bias, row, out, place, count, plan)
            row += 6
        elif left >= 4:
            _linear_tile(four, w, at, x, start, bias, row, out, place, count, plan)
            row += 4
        else:
            _linear_tile(one, w, at, x, start, bias, row, out, place, count, plan)
            row += 1


@exported(BAND)
def linear(plan, w, x, bias, out, first, last, band):
    """Compute rows first to last of w x + bias, for samples that are the columns of x."""
    plan = unpack_plan(plan, LinearPlan)
    wide = zeros(6, 1, WIDE), zeros(4, 1, WIDE), zeros(1, 1, WIDE)
    narrow = zeros(6, 1, NARROW), zeros(4, 1, NARROW), zeros(1, 1, NARROW)
    column = 0
    while column + WIDE <= plan.columns:
        _linear_strip(*wide, w, x, column, bias, out, WIDE, first, last, plan)
        column += WIDE
    while column < plan.columns:
        _linear_strip(*narrow, w, x, column, bias, out, plan.columns - column, first, last, plan)
        column += NARROW


@njit(**INLINE)
def _weight_tile(tile, g, at, x, start, out, place, count, plan):
    if plan.adds:
        tile = add_rows(tile, out, place, plan.columns, count)
    for _ in range(plan.terms):
        tile = add_outer_product(tile, g, at, plan.to_row, x, start, count)
        at += 1
        start += WIDE
    store(tile, out, place, plan.columns, count)


@njit(**INLINE)
def _weight_strip(six, four, one, g, x, start, column, out, count, first, last, plan):
    row = first
    while row < last:
        left, at, place = last - row, row * plan.to_row, row * plan.columns + column
        if left == 6 or left == 10 or left >= 12:
            _weight_tile(six, g, at, x, start, out, place, count, plan)
            row += 6
        elif left >= 4:
            _weight_tile(four, g, at, x, start, out, place, count, plan)
            row += 4
        else:
            _weight_tile(one, g, at, x, start, out, place, count, plan)
            row += 1


@exported(BAND)
def linear_weight(plan, g, x, packed, out, first, last, band):
    """Add up rows first to last of g x^T, for samples that are the columns of g and x; x is transposed first."""
    plan = unpack_plan(plan, LinearPlan)
    wide = zeros(6, 1, WIDE), zeros(4, 1, WIDE), zeros(1, 1, WIDE)
    narrow = zeros(6, 1, NARROW), zeros(4, 1, NARROW), zeros(1, 1, NARROW)
    for column in range(0, plan.columns, WIDE):
        _pack(x, column, packed, 0, plan)
        width = min(WIDE, plan.columns - column)
        if width == WIDE:
            _weight_strip(*wide, g, packed, 0, column, out, WIDE, first, last, plan)
        else:
            for c in range(0, width, NARROW):
                _weight_strip(*narrow, g, packed, c, column + c, out, width - c, first, last, plan)
