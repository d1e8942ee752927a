"""The compiled loops of matrix products.

A SIMD register tile, of some rows by some columns of the product, is a sum of outer products: a column of the first
matrix times a row of the second. It stays in registers until a block of terms is complete, which is then added to
the blocks before: so rounding errors stay small. The order of the terms, and so the bits, do not depend on the
number of threads.
"""

from __future__ import annotations

from numba import njit

from tinygrad_cnn.kernels.compiled.atomics import unpack_plan
from tinygrad_cnn.kernels.compiled.exports import BAND, INLINE, exported
from tinygrad_cnn.kernels.compiled.plans import MatmulPlan, packed_size
from tinygrad_cnn.kernels.compiled.simd import add_outer_product, add_rows, store, transposed, zeros
from tinygrad_cnn.kernels.compiled.vectors import NARROW, WIDE
from tinygrad_cnn.kernels.thresholds import COMPILED_BLOCK_TERMS


@njit(**INLINE)
def _tile(none, a, at, b, start, step, out, place, count, plan):
    for first in range(0, plan.terms, COMPILED_BLOCK_TERMS):
        tile = none
        for _ in range(min(COMPILED_BLOCK_TERMS, plan.terms - first)):
            tile = add_outer_product(tile, a, at, plan.to_row, b, start, count)
            at += plan.to_term
            start += step
        if first:
            tile = add_rows(tile, out, place, plan.columns, count)
        store(tile, out, place, plan.columns, count)


@njit(**INLINE)
def _strip(six, four, one, a, b, start, step, column, out, count, first, last, plan):
    """Compute some columns of rows first to last."""
    row = first
    while row < last:
        left, at, place = last - row, row * plan.to_row, row * plan.columns + column
        if left == 6 or left == 10 or left >= 12:
            _tile(six, a, at, b, start, step, out, place, count, plan)
            row += 6
        elif left >= 4:
            _tile(four, a, at, b, start, step, out, place, count, plan)
            row += 4
        else:
            _tile(one, a, at, b, start, step, out, place, count, plan)
            row += 1


_packed_size = njit(**INLINE)(packed_size)


@njit(**INLINE)
def _pack(b, column, packed, place, plan):
    """Copy as many columns of b as a wide vector has lanes, from Fortran order to C order."""
    square = zeros(NARROW, 1, NARROW)
    for c in range(0, min(WIDE, plan.columns - column), NARROW):
        for k in range(0, plan.terms, NARROW):
            at, rows, count = (column + c) * plan.terms + k, plan.columns - column - c, plan.terms - k
            store(transposed(square, b, at, plan.terms, rows, count), packed, place + k * WIDE + c, WIDE, NARROW)


@exported(BAND)
def multiply(plan, a, b, packed, out, first, last, band):
    """Compute rows first to last of the product; ``packed`` has room for the packed columns of each band."""
    plan = unpack_plan(plan, MatmulPlan)
    wide = zeros(6, 1, WIDE), zeros(4, 1, WIDE), zeros(1, 1, WIDE)
    narrow = zeros(6, 1, NARROW), zeros(4, 1, NARROW), zeros(1, 1, NARROW)
    place = band * _packed_size(plan.terms)
    for column in range(0, plan.columns, WIDE):
        if plan.across:
            _pack(b, column, packed, place, plan)
            strip, start, step = packed, place, WIDE
        else:
            strip, start, step = b, column, plan.columns
        width = min(WIDE, plan.columns - column)
        if width == WIDE:
            _strip(*wide, a, strip, start, step, column, out, WIDE, first, last, plan)
        else:
            for c in range(0, width, NARROW):
                _strip(*narrow, a, strip, start + c, step, column + c, out, width - c, first, last, plan)
