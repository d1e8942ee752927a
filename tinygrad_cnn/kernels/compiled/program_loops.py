"""Compiled loops that programs need beside those of the kernels, and the loop that runs a program's records.

A *record* is a call of a band: the words of a function's address, of a plan, of three inputs and an output, and of
the band's first row, last row and number. A plan or an array is a pair of words, so that a program can be run on
other arrays: the place of a word that holds an address, and a distance in bytes from there.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from tinygrad_cnn.kernels.compiled.atomics import BAND, INT, PLAN, WORDS, call_address, unpack_plan
from tinygrad_cnn.kernels.compiled.matmul_loops import _pack
from tinygrad_cnn.kernels.compiled.simd import (
    NARROW,
    WIDE,
    add_outer_product,
    add_rows,
    broadcast_rows,
    store,
    zeros,
)
from tinygrad_cnn.kernels.compiled.thread_pool import ARRAY, INLINE, OPTIONS, TASK, _run_bands, compile_band
from tinygrad_cnn.kernels.thresholds import COMPILED_BLOCK_TERMS

RECORD = 14
"""Words of a record: a function, five pairs (a plan, three inputs and an output), first row, last row and band."""

_WORD = ir.IntType(64)


@intrinsic
def _call_record(typing: Any, words: Any, at: Any) -> Any:
    """Call the band of the record that begins at a word."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = arguments[0]

        def word(place: Any) -> Any:
            return builder.load(builder.gep(words, [place]))

        numbers = [word(builder.add(arguments[1], ir.Constant(_WORD, i))) for i in range(RECORD)]
        function, pairs, rows = numbers[0], numbers[1:11], numbers[11:]
        places = [builder.add(word(pairs[i]), pairs[i + 1]) for i in range(0, 10, 2)]
        kind = ir.FunctionType(ir.VoidType(), [_WORD] * len(BAND.args))
        builder.call(builder.inttoptr(function, kind.as_pointer()), [*places, *rows])
        return context.get_dummy_value()

    return types.void(PLAN, INT), write


@intrinsic
def _word(typing: Any, numbers: Any, at: Any) -> Any:
    """Read a word from memory that a band takes for float32."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words = builder.bitcast(arguments[0], _WORD.as_pointer())
        return builder.load(builder.gep(words, [arguments[1]]), align=1)

    return types.int64(numbers, types.intp), write


@compile_band
def run_parts(words, _, __, ___, ____, first, last, band):
    """Run parts first to last of a program: ``words`` begins with the places where parts begin and end."""
    for part in range(first, last):
        at = words[part]
        while at < words[part + 1]:
            _call_record(words, at)
            at += RECORD


@njit(INT(WORDS, WORDS, types.UniTuple(ARRAY, 4), INT, INT, INT), **OPTIONS)
def run_program(mailboxes, words, arrays, function, count, pause):
    """Run a program's parts: number ``count`` first, then those before it on as many threads, then the last one.

    Return how many of them no worker ran.
    """
    task = np.zeros(TASK, np.int64)
    task[0], task[1], task[6], task[7] = function, words.ctypes.data, count, count + 1
    call_address(task, 0)
    alone = _run_bands(mailboxes, words, arrays, function, count, count, pause)
    task[6], task[7] = count + 1, count + 2
    call_address(task, 0)
    return alone


# --- linear layers ---


class LinearPlan(NamedTuple):
    """How the loops of a linear layer, and of its weight's gradient, move through memory, in elements."""

    terms: int  # of each sum
    columns: int  # of the second matrix and of the product
    to_row: int  # of the first matrix
    adds: int  # whether the gradient is added to what is there


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


@compile_band
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


@compile_band
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


# --- the loss ---


class LossPlan(NamedTuple):
    """The shape of the logits, which lie as (classes, samples), and what the sum of the losses is divided by."""

    classes: int
    samples: int
    divisor: int


@njit(**INLINE)
def _largest(logits, i, plan):
    largest = logits[i]
    for c in range(1, plan.classes):
        largest = max(largest, logits[c * plan.samples + i])
    return largest


@compile_band
def cross_entropy(plan, targets, logits, _, out, first, last, band):
    """Add the losses of samples first to last to out[0]; the targets are words."""
    plan = unpack_plan(plan, LossPlan)
    total = 0.0
    for i in range(first, last):
        largest = _largest(logits, i, plan)
        powers = 0.0
        for c in range(plan.classes):
            powers += math.exp(logits[c * plan.samples + i] - largest)
        total += math.log(powers) - (logits[_word(targets, i) * plan.samples + i] - largest)
    out[0] += np.float32(total / plan.divisor)


@compile_band
def cross_entropy_input(plan, targets, logits, g, out, first, last, band):
    """Compute the gradient for the logits of samples first to last: (softmax - indicator) * g / divisor."""
    plan = unpack_plan(plan, LossPlan)
    scale = g[0] * np.float32(1 / plan.divisor)
    for i in range(first, last):
        largest = _largest(logits, i, plan)
        powers = np.float32(0)
        for c in range(plan.classes):
            power = np.float32(math.exp(logits[c * plan.samples + i] - largest))
            out[c * plan.samples + i] = power
            powers += power
        for c in range(plan.classes):
            out[c * plan.samples + i] /= powers
        out[_word(targets, i) * plan.samples + i] -= np.float32(1)
        for c in range(plan.classes):
            out[c * plan.samples + i] *= scale


# --- memory ---


class StridedPlan(NamedTuple):
    """A table of four dimensions, and the strides in elements of what is read and written."""

    sizes: tuple[int, int, int, int]
    read: tuple[int, int, int, int]
    written: tuple[int, int, int, int]
    parts: int = 1  # tables that are added up
    apart: int = 0  # from one table to the next

    def words(self) -> tuple[int, ...]:
        """Return the plan as a record has it."""
        return (*self.sizes, *self.read, *self.written, self.parts, self.apart)


class _Strided(NamedTuple):
    a: int
    b: int
    c: int
    d: int
    read_a: int
    read_b: int
    read_c: int
    read_d: int
    written_a: int
    written_b: int
    written_c: int
    written_d: int
    parts: int
    apart: int


@compile_band
def copy_strided(plan, x, _, __, out, first, last, band):
    """Copy a table from and to any strides."""
    plan = unpack_plan(plan, _Strided)
    for a in range(plan.a):
        for b in range(plan.b):
            for c in range(plan.c):
                p = a * plan.read_a + b * plan.read_b + c * plan.read_c
                q = a * plan.written_a + b * plan.written_b + c * plan.written_c
                if plan.read_d == 1 and plan.written_d == 1:
                    for d in range(plan.d):
                        out[q + d] = x[p + d]
                else:
                    for d in range(plan.d):
                        out[q + d * plan.written_d] = x[p + d * plan.read_d]


@compile_band
def add_parts(plan, x, _, __, out, first, last, band):
    """Add to a table the sum of tables that lie one after the other, each number in float64."""
    plan = unpack_plan(plan, _Strided)
    for a in range(plan.a):
        for b in range(plan.b):
            for c in range(plan.c):
                p = a * plan.read_a + b * plan.read_b + c * plan.read_c
                q = a * plan.written_a + b * plan.written_b + c * plan.written_c
                for d in range(plan.d):
                    total = np.float64(out[q + d * plan.written_d])
                    for part in range(plan.parts):
                        total += x[p + d * plan.read_d + part * plan.apart]
                    out[q + d * plan.written_d] = np.float32(total)


@compile_band
def clear(plan, _, __, ___, out, first, last, band):
    """Set numbers first to last to 0."""
    for i in range(first, last):
        out[i] = np.float32(0)
