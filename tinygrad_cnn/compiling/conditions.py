"""Conditions of a program: what functions decide by looking at numbers, and a program has to look at again."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tinygrad_cnn.tape.capture import Capture, Ref
from tinygrad_cnn.typing import Array


class Condition(NamedTuple):
    """A value of a program, and what must be true of it."""

    ref: Ref
    check: Callable[[Array], bool]


def _are_classes(count: int) -> Callable[[Array], bool]:
    def check(target: Array) -> bool:
        unsigned = target.view(f"u{target.itemsize}")  # a negative index becomes a large one
        return bool(unsigned.max() < count)

    return check


def conditions(capture: Capture) -> list[Condition]:
    """Return the conditions under which the captured calls are the right ones.

    `cross_entropy` is one operation where every target is the index of a class, and others where one is ignored.
    """
    losses = [c for c in capture.instructions if c.kind == "forward" and c.name == "class_cross_entropy"]
    return [
        Condition(target, _are_classes(capture.values[logits.number].shape[1]))
        for logits, target in (call.inputs[:2] for call in losses)
        if isinstance(target, Ref)
    ]
