"""Prepared forms: what a call does, for arrays of known shapes, types and memory layouts, planned once.

A maker is given the call's arrays (as they were when the call was captured) and its other values, in the order of
its parameters, and returns a function of the same parameters; or None where it has nothing to prepare. The second
run of a captured function holds each prepared form against the call that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_cnn.tape.capture import Instruction, Ref

Maker = Callable[..., Callable[..., Any] | None]

MAKERS: dict[tuple[str, str], Maker] = {}
"""The makers, by the kind of call ("forward" or "derivative") and its name, as in a program's listing."""


def prepares(kind: str, name: str) -> Callable[[Maker], Maker]:
    """Register a maker for calls of a kind and name."""

    def register(maker: Maker) -> Maker:
        MAKERS[kind, name] = maker
        return maker

    return register


def prepared(instruction: Instruction, values: list[Any]) -> Callable[..., Any] | None:
    """Return the prepared form of a call, or None."""
    maker = MAKERS.get((instruction.kind, instruction.name))
    if maker is None:
        return None
    inputs = resolved(instruction.inputs, values)
    return maker(*inputs, **resolved(instruction.constants, values))


def resolved(value: Any, values: list[Any]) -> Any:
    """Return a value with the arrays of one run in the place of references."""
    if isinstance(value, Ref):
        return values[value.number]
    if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
        return type(value)(resolved(item, values) for item in value)
    if isinstance(value, dict):
        return {key: resolved(item, values) for key, item in value.items()}
    return value
