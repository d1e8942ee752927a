"""What compiled loops need of the machine and Numba does not offer: words that threads share, calls by address."""

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
"""A kernel as others call it: its plan, three inputs, an output, and a band's first row, last and number."""

_WORD = ir.IntType(64)


def _place(context: Any, builder: Any, words: Any, index: Any) -> Any:
    return builder.gep(context.make_array(WORDS)(context, builder, words).data, [index])


@intrinsic
def look(typing: Any, words: Any, index: Any) -> Any:
    """Return a word, and see all that was written before it."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_place(context, builder, *arguments), "acquire", 8)

    return INT(WORDS, INT), write


@intrinsic
def put(typing: Any, words: Any, index: Any, value: Any) -> Any:
    """Write a word after all that was written before."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store_atomic(arguments[2], _place(context, builder, *arguments[:2]), "release", 8)
        return context.get_dummy_value()

    return types.void(WORDS, INT, INT), write


@intrinsic
def swap(typing: Any, words: Any, index: Any, old: Any, new: Any) -> Any:
    """Write a word in place of an old one, and return whether it was that: of several threads, one succeeds."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, *arguments[:2])
        return builder.extract_value(builder.cmpxchg(place, *arguments[2:], "acq_rel", "acquire"), 1)

    return types.boolean(WORDS, INT, INT, INT), write


@intrinsic
def call(typing: Any, words: Any, index: Any) -> Any:
    """Call the function whose address is a word, as a `BAND`, with the words that follow."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first = _place(context, builder, *arguments)
        kind = ir.FunctionType(ir.VoidType(), [_WORD] * len(BAND.args))
        function, *rest = (
            builder.load(builder.gep(first, [ir.Constant(_WORD, i)])) for i in range(1 + len(BAND.args))
        )
        builder.call(builder.inttoptr(function, kind.as_pointer()), rest)
        return context.get_dummy_value()

    return types.void(WORDS, INT), write


@intrinsic
def let_others_run(typing: Any, function: Any) -> Any:
    """Call the system's function of that address, which gives the processor to a thread that waits for it."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), [])
        return context.get_dummy_value()

    return types.void(INT), write


@intrinsic
def unpacked(typing: Any, plan: Any, kind: Any) -> Any:
    """Return a plan in memory as a named tuple of whole numbers."""
    named = kind.instance_class
    result = types.NamedUniTuple(INT, len(named._fields), named)

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        numbers = [builder.load(builder.gep(arguments[0], [ir.Constant(_WORD, i)])) for i in range(len(result))]
        return context.make_tuple(builder, result, numbers)

    return result(plan, kind), write
