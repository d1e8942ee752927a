"""Compiled loops that programs need beside those of the kernels, and the loop that runs a part of a program.

A *record* is a call of a band: the words of a function's address, of a plan, of three inputs and an output, and of
the band's first row, last row and number. A plan or an array is a pair of words, so that a program can be run on
other arrays: the place of a word that holds an address, and a distance in bytes from there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from tinygrad_cnn.kernels.compiled.atomics import unpack_plan
from tinygrad_cnn.kernels.compiled.exports import BAND, INLINE, INT, PLAN, exported
from tinygrad_cnn.kernels.compiled.plans import RECORD, LossPlan, StridedNumbers

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


@exported(BAND)
def run_parts(words, _, __, ___, ____, first, last, band):
    """Run parts first to last of a program: ``words`` begins with the places where parts begin and end."""
    for part in range(first, last):
        at = words[part]
        while at < words[part + 1]:
            _call_record(words, at)
            at += RECORD


# --- the loss ---


@njit(**INLINE)
def _largest(logits, i, plan):
    largest = logits[i]
    for c in range(1, plan.classes):
        largest = max(largest, logits[c * plan.samples + i])
    return largest


@exported(BAND)
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


@exported(BAND)
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


@exported(BAND)
def copy_strided(plan, x, _, __, out, first, last, band):
    """Copy a table from and to any strides."""
    plan = unpack_plan(plan, StridedNumbers)
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


@exported(BAND)
def add_parts(plan, x, _, __, out, first, last, band):
    """Add to a table the sum of tables that lie one after the other, each number in float64."""
    plan = unpack_plan(plan, StridedNumbers)
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


@exported(BAND)
def clear(plan, _, __, ___, out, first, last, band):
    """Set numbers first to last to 0."""
    for i in range(first, last):
        out[i] = np.float32(0)
