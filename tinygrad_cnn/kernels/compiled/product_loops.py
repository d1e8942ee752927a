"""The compiled loops of matrix products.

A tile of some rows times some columns is a sum, over the terms, of columns of the first matrix times rows of the
second, and stays in registers until it is done. Each number is summed in the order of the terms, whoever does it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from tinygrad_cnn.kernels.compiled.crew import INLINE, kernel
from tinygrad_cnn.kernels.compiled.machine import unpacked
from tinygrad_cnn.kernels.compiled.tiles import NARROW, WIDE, _Code, store, zeros


class Plan(NamedTuple):
    """How a product moves through memory."""

    terms: int  # of each sum
    columns: int  # of the second matrix and the product, whose rows lie one behind the other
    to_row: int  # of the first matrix
    to_term: int
    across: int  # whether it is the columns of the second matrix that lie one behind the other


@intrinsic
def _plus_outer(typing: Any, tile: Any, a: Any, at: Any, step: Any, b: Any, start: Any, count: Any) -> Any:
    """Return a tile of one column with a[at + row * step] * b[start:] added to each row."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, tile)
        result, pointer = arguments[0], code.pointer(*arguments[1:3])
        vector = code.load(code.pointer(*arguments[4:6]), code.mask(arguments[6]))
        for row in range(tile.rows):
            number = code.broadcast(builder.load(pointer, align=1))
            pointer = builder.gep(pointer, [arguments[3]])
            total = code.multiply_add(number, vector, builder.extract_value(result, row))
            result = builder.insert_value(result, total, row)
        return result

    n = types.intp
    return tile(tile, a, n, n, b, n, n), write


@intrinsic
def _turned(typing: Any, tile: Any, x: Any, at: Any, step: Any, rows: Any, count: Any) -> Any:
    """Return a square tile whose columns are x[at:], x[at + step:], ...; past the rows, the last again."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code, last = _Code(context, builder, tile), builder.sub(arguments[4], arguments[4].type(1))
        pointer, mask = code.pointer(*arguments[1:3]), code.mask(arguments[5])
        lines = [code.load(pointer, mask)]
        for row in range(1, tile.rows):
            more = builder.icmp_signed("<=", last.type(row), last)
            pointer = builder.gep(pointer, [builder.select(more, arguments[3], last.type(0))])
            lines.append(code.load(pointer, mask))
        lanes, size = range(tile.lanes), 1
        while size < tile.lanes:  # swap the squares of that size that lie beside the diagonal
            low = [lane if not lane & size else tile.lanes + lane - size for lane in lanes]
            high = [lane + size if not lane & size else tile.lanes + lane for lane in lanes]
            pick = [ir.Constant(ir.VectorType(ir.IntType(32), tile.lanes), places) for places in (low, high)]
            for i in (lane for lane in lanes if not lane & size):
                pair = lines[i], lines[i + size]
                lines[i], lines[i + size] = (builder.shuffle_vector(*pair, places) for places in pick)
            size *= 2
        result = arguments[0]
        for row, line in enumerate(lines):
            result = builder.insert_value(result, line, row)
        return result

    n = types.intp
    return tile(tile, x, n, n, n, n), write


@njit(**INLINE)
def _tile(tile, a, at, b, start, step, out, place, count, plan):
    for _ in range(plan.terms):
        tile = _plus_outer(tile, a, at, plan.to_row, b, start, count)
        at += plan.to_term
        start += step
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


@njit(**INLINE)
def own_size(terms):
    """Return how many numbers `_pack` writes at most."""
    return (terms + NARROW - 1) // NARROW * NARROW * WIDE


@njit(**INLINE)
def _pack(b, column, own, place, plan):
    """Write as many columns as a wide tile has beside one another: they lie one behind the other."""
    square = zeros(NARROW, 1, NARROW)
    for c in range(0, min(WIDE, plan.columns - column), NARROW):
        for k in range(0, plan.terms, NARROW):
            at, rows, count = (column + c) * plan.terms + k, plan.columns - column - c, plan.terms - k
            store(_turned(square, b, at, plan.terms, rows, count), own, place + k * WIDE + c, WIDE, NARROW)


@kernel
def multiply(plan, a, b, own, out, first, last, band):
    """Compute rows first to last of the product; each band has own memory, where there are columns to turn."""
    plan = unpacked(plan, Plan)
    wide = zeros(6, 1, WIDE), zeros(4, 1, WIDE), zeros(1, 1, WIDE)
    narrow = zeros(6, 1, NARROW), zeros(4, 1, NARROW), zeros(1, 1, NARROW)
    place = band * own_size(plan.terms)
    for column in range(0, plan.columns, WIDE):
        if plan.across:
            _pack(b, column, own, place, plan)
            strip, start, step = own, place, WIDE
        else:
            strip, start, step = b, column, plan.columns
        width = min(WIDE, plan.columns - column)
        if width == WIDE:
            _strip(*wide, a, strip, start, step, column, out, WIDE, first, last, plan)
        else:
            for c in range(0, width, NARROW):
                _strip(*narrow, a, strip, start + c, step, column + c, out, width - c, first, last, plan)
