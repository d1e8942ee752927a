"""Atomic operations on words that threads share, and calls by address: LLVM's, which Numba does not offer."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

INT = types.int64
WORDS = types.Array(INT, 1, "C")
POINTER = types.CPointer(types.float32)
PLAN = types.CPointer(INT)

BAND = types.void(PLAN, POINTER, POINTER, POINTER, POINTER, INT, INT, INT)
"""The signature of a compiled band: a plan, three inputs, an output; the band's first row, last row and number."""

_WORD = ir.IntType(64)


def _address(context: Any, builder: Any, words: Any, index: Any) -> Any:
    return builder.gep(context.make_array(WORDS)(context, builder, words).data, [index])


@intrinsic
def load_acquire(typing: Any, words: Any, index: Any) -> Any:
    """Load a word with acquire ordering: what its writer wrote before it is visible afterwards."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_address(context, builder, *arguments), "acquire", 8)

    return INT(WORDS, INT), write


@intrinsic
def store_release(typing: Any, words: Any, index: Any, value: Any) -> Any:
    """Store a word with release ordering: who reads it sees what was written before it."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store_atomic(arguments[2], _address(context, builder, *arguments[:2]), "release", 8)
        return context.get_dummy_value()

    return types.void(WORDS, INT, INT), write


@intrinsic
def compare_exchange(typing: Any, words: Any, index: Any, old: Any, new: Any) -> Any:
    """Replace the word by ``new`` if it is ``old``, and return whether it was: of several threads, one succeeds."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, *arguments[:2])
        return builder.extract_value(builder.cmpxchg(address, *arguments[2:], "acq_rel", "acquire"), 1)

    return types.boolean(WORDS, INT, INT, INT), write


@intrinsic
def call_address(typing: Any, words: Any, index: Any) -> Any:
    """Call the `BAND` function whose address is a word; the words after it are the arguments."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first = _address(context, builder, *arguments)
        kind = ir.FunctionType(ir.VoidType(), [_WORD] * len(BAND.args))
        function, *rest = (
            builder.load(builder.gep(first, [ir.Constant(_WORD, i)])) for i in range(1 + len(BAND.args))
        )
        builder.call(builder.inttoptr(function, kind.as_pointer()), rest)
        return context.get_dummy_value()

    return types.void(WORDS, INT), write


@intrinsic
def yield_processor(typing: Any, function: Any) -> Any:
    """Yield the processor to a waiting thread, by the system's function at that address."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), [])
        return context.get_dummy_value()

    return types.void(INT), write


@intrinsic
def unpack_plan(typing: Any, plan: Any, kind: Any) -> Any:
    """Read a plan from memory, as a named tuple of integers."""
    named = kind.instance_class
    result = types.NamedUniTuple(INT, len(named._fields), named)

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        numbers = [builder.load(builder.gep(arguments[0], [ir.Constant(_WORD, i)])) for i in range(len(result))]
        return context.make_tuple(builder, result, numbers)

    return result(plan, kind), write
