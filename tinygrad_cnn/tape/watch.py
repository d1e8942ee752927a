"""Watching operations as they are called: what `explain`, `profile` and `detect_anomaly` are built on.

While nobody watches, all that it costs an operation is a look at an empty list.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from types import FrameType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from tinygrad_cnn.tape.grad_mode import _mode
from tinygrad_cnn.tape.record import Derivative, Node, Operation, Output, watching

_PACKAGE = str(Path(__file__).parents[1]) + os.sep
_MODELS = _PACKAGE + "models" + os.sep  # models are written as users write theirs


class Call(NamedTuple):
    """One call of an operation: what it was given, what it returned, and how long it took."""

    operation: Any  # an Operation: said so, type checkers would bind it as a method
    inputs: tuple[Any, ...]
    constants: dict[str, Any]
    result: Any
    seconds: float

    @property
    def results(self) -> tuple[Any, ...]:
        """What it returned, of one result or of several."""
        return self.result if isinstance(self.result, tuple) else (self.result,)

    @property
    def node(self) -> Node | None:
        """The node that recorded it; None if it was not recorded."""
        nodes = (node for result in self.results if (node := getattr(result, "node", None)) is not None)
        node = next(nodes, None)
        return node.source if isinstance(node, Output) else node


class Derived(NamedTuple):
    """A gradient that one derivative of a node made."""

    node: Node
    edge: int  # which of the node's edges
    given: Any  # the gradient of the operation's result
    value: Any  # the gradient of the input; None if there is none
    seconds: float


@contextmanager
def watch(see: Callable[[Call], None]) -> Iterator[None]:
    """Call a function with each `Call` of an operation that this thread makes in the block.

    Operations that an operation calls itself are part of it, and are not seen on their own.
    """
    begin_watching(see)
    try:
        yield
    finally:
        end_watching(see)


def begin_watching(see: Callable[[Call], None]) -> None:
    """Do what entering `watch` does: for what lasts longer than a block."""
    watching.append(see)
    _mode.seeing = (*_mode.seeing, see)
    _mode.watcher = _watcher


def end_watching(see: Callable[[Call], None]) -> None:
    """Do what leaving `watch` does."""
    watching.remove(see)
    left = list(_mode.seeing)
    left.remove(see)
    _mode.seeing = tuple(left)
    _mode.watcher = _watcher if left else None


def is_watching() -> bool:
    """Whether the next operation that this thread calls will be seen: not so within an operation."""
    return _mode.watcher is not None


def _watcher(operation: Operation, inputs: tuple[Any, ...], constants: dict[str, Any]) -> Any:
    _mode.watcher = None
    try:
        start = perf_counter()
        result = operation(*inputs, **constants)
        call = Call(operation, inputs, constants, result, perf_counter() - start)
        for see in _mode.seeing:
            see(call)
        return result
    finally:
        _mode.watcher = _watcher if _mode.seeing else None


def watch_derivatives(node: Node, see: Callable[[Derived], None]) -> Callable[[], None]:
    """Have a function called with each `Derived` gradient of a node; return a function that ends the watching.

    The operations that a derivative is made of are part of it, and are not seen on their own.
    """
    before = node.edges
    if not isinstance(node, Output):
        node.edges = [(o, _watched(node, k, derivative, see), i) for k, (o, derivative, i) in enumerate(before)]

    def end() -> None:
        node.edges = before

    return end


def _watched(node: Node, edge: int, derivative: Derivative, see: Callable[[Derived], None]) -> Derivative:
    def function(g: Any, *values: Any) -> Any:
        watcher, _mode.watcher = _mode.watcher, None
        try:
            start = perf_counter()
            value = derivative.function(g, *values)
            see(Derived(node, edge, g, value, perf_counter() - start))
            return value
        finally:
            _mode.watcher = watcher

    return Derivative(function, derivative.reads)


# --- where in the user's code ---


class Line(NamedTuple):
    """A line of code."""

    file: str
    number: int

    @property
    def short(self) -> str:
        """The line without the folder."""
        return f"{os.path.basename(self.file)}:{self.number}"

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"


_lines: WeakKeyDictionary[Node, Line] = WeakKeyDictionary()


def _calling_frame() -> FrameType | None:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_PACKAGE) or file.startswith(_MODELS):
            return None if file.startswith("<frozen") else frame
        frame = frame.f_back
    return None


def calling_line() -> Line | None:
    """Return the innermost line that is running outside of this package, or in one of its models."""
    frame = _calling_frame()
    return None if frame is None else Line(frame.f_code.co_filename, frame.f_lineno)


def warn_user(message: str) -> None:
    """Warn of what is hardly meant, at the line of the user's code that led here: once for each line."""
    frame = _calling_frame()
    if frame is None:
        warnings.warn(message, stacklevel=2)
        return
    seen = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(message, UserWarning, frame.f_code.co_filename, frame.f_lineno, registry=seen)


@contextmanager
def record_lines() -> Iterator[None]:
    """Note, for each operation that this thread records in the block, which line of the user's code called it.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.tape.watch import line_of, record_lines
    >>> with record_lines():
    ...     y = tg.ones(2, requires_grad=True) * 2
    >>> line_of(y.grad_fn).number
    2
    """

    def note(call: Call) -> None:
        if call.node is not None:
            note_line(call.node)

    with watch(note):
        yield


def note_line(node: Node) -> None:
    """Note which line of the user's code led to a node, if this thread's operations are watched."""
    if _mode.seeing and (line := calling_line()) is not None:
        _lines[node] = line


def line_of(node: Node) -> Line | None:
    """Return the line that called a recorded operation, or None if it was not recorded under `record_lines`."""
    return _lines.get(node)
