"""Atomic operations on words that threads share, and calls by address: LLVM's, which Numba does not offer."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tinygrad_cnn.kernels.compiled.exports import BAND, INT, PLAN

_WORD = ir.IntType(64)
_ITEMS, _DATA = tuple.__basicsize__, object.__basicsize__  # where a tuple's items and an array's address lie


@intrinsic
def data_address(typing: Any, arrays: Any, index: Any) -> Any:
    """Return where the memory of an array begins, given the address of a tuple of arrays and an index."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def read(address: Any) -> Any:
            return builder.load(builder.inttoptr(address, _WORD.as_pointer()))

        item = builder.add(builder.mul(arguments[1], _WORD(8)), _WORD(_ITEMS))
        return read(builder.add(read(builder.add(arguments[0], item)), _WORD(_DATA)))

    return INT(INT, INT), write


@intrinsic
def words_at(typing: Any, address: Any) -> Any:
    """Return the words that begin at an address."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], _WORD.as_pointer())

    return PLAN(INT), write


@intrinsic(prefer_literal=True)
def local_words(typing: Any, count: Any) -> Any:
    """Return so many words of memory that a function has until it returns."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return cgutils.alloca_once(builder, _WORD, _WORD(count.literal_value))

    return PLAN(count), write


@intrinsic
def load_acquire(typing: Any, words: Any, index: Any) -> Any:
    """Load a word with acquire ordering: what its writer wrote before it is visible afterwards."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(builder.gep(arguments[0], [arguments[1]]), "acquire", 8)

    return INT(PLAN, INT), write


@intrinsic
def store_release(typing: Any, words: Any, index: Any, value: Any) -> Any:
    """Store a word with release ordering: who reads it sees what was written before it."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store_atomic(arguments[2], builder.gep(arguments[0], [arguments[1]]), "release", 8)
        return context.get_dummy_value()

    return types.void(PLAN, INT, INT), write


@intrinsic
def compare_exchange(typing: Any, words: Any, index: Any, old: Any, new: Any) -> Any:
    """Replace the word by ``new`` if it is ``old``, and return whether it was: of several threads, one succeeds."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = builder.gep(arguments[0], [arguments[1]])
        return builder.extract_value(builder.cmpxchg(address, *arguments[2:], "acq_rel", "acquire"), 1)

    return types.boolean(PLAN, INT, INT, INT), write


@intrinsic
def call_address(typing: Any, words: Any, index: Any) -> Any:
    """Call the `BAND` function whose address is a word; the words after it are the arguments."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first = builder.gep(arguments[0], [arguments[1]])
        kind = ir.FunctionType(ir.VoidType(), [_WORD] * len(BAND.args))
        function, *rest = (
            builder.load(builder.gep(first, [ir.Constant(_WORD, i)])) for i in range(1 + len(BAND.args))
        )
        builder.call(builder.inttoptr(function, kind.as_pointer()), rest)
        return context.get_dummy_value()

    return types.void(PLAN, INT), write


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
