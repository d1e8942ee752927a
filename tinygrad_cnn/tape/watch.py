"""Capturing: watching operations as they are called, for `explain`, `profile`, ONNX export and `detect_anomaly`.

While nothing is watching, an operation only checks that a list is empty.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from types import CodeType, FrameType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from tinygrad_cnn.tape.grad_mode import _mode
from tinygrad_cnn.tape.record import Derivative, Node, Operation, Output, watching

_PACKAGE = str(Path(__file__).parents[1]) + os.sep
_MODELS = _PACKAGE + "models" + os.sep  # models count as user code


class Call(NamedTuple):
    """One call of an operation: its inputs, constants and result, and how long it took."""

    operation: Any  # an Operation; type checkers would bind that as a method
    inputs: tuple[Any, ...]
    constants: dict[str, Any]
    result: Any
    seconds: float

    @property
    def results(self) -> tuple[Any, ...]:
        """The results as a tuple, also if there is only one."""
        return self.result if isinstance(self.result, tuple) else (self.result,)

    @property
    def node(self) -> Node | None:
        """The node that recorded the call, or None if it was not recorded."""
        nodes = (node for result in self.results if (node := getattr(result, "node", None)) is not None)
        node = next(nodes, None)
        return node.source if isinstance(node, Output) else node


class Derived(NamedTuple):
    """One call of a derivative in a backward pass: the gradients that it got and returned."""

    node: Node
    edge: int  # the number of the edge in the node's list
    given: Any  # the gradient of the operation's result
    value: Any  # the gradient of the input, or None
    seconds: float


@contextmanager
def watch(see: Callable[[Call], None]) -> Iterator[None]:
    """Call a function with each `Call` of an operation in this thread, while the block runs.

    Operations that an operation itself calls are part of it, and are not reported on their own.
    """
    begin_watching(see)
    try:
        yield
    finally:
        end_watching(see)


def begin_watching(see: Callable[[Call], None]) -> None:
    """Start watching as `watch` does, until `end_watching`."""
    watching.append(see)
    _mode.observers = (*_mode.observers, see)
    _mode.watcher = _watcher


def end_watching(see: Callable[[Call], None]) -> None:
    """Stop the watching that `begin_watching` started."""
    watching.remove(see)
    left = list(_mode.observers)
    left.remove(see)
    _mode.observers = tuple(left)
    _mode.watcher = _watcher if left else None


def is_watching() -> bool:
    """Whether the next operation of this thread will be reported; False inside of an operation."""
    return _mode.watcher is not None


def _watcher(operation: Operation, inputs: tuple[Any, ...], constants: dict[str, Any]) -> Any:
    _mode.watcher = None
    try:
        start = perf_counter()
        result = operation(*inputs, **constants)
        call = Call(operation, inputs, constants, result, perf_counter() - start)
        for see in _mode.observers:
            see(call)
        return result
    finally:
        _mode.watcher = _watcher if _mode.observers else None


def watch_derivatives(node: Node, see: Callable[[Derived], None]) -> Callable[[], None]:
    """Call a function with each `Derived` gradient of a node; return a function that ends the watching.

    The operations that a derivative calls are part of it, and are not reported on their own.
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


# --- lines of the user's code ---


class Line(NamedTuple):
    """A line of code."""

    file: str
    number: int

    @property
    def short(self) -> str:
        """The file's name, without its folder, and the line's number."""
        return f"{os.path.basename(self.file)}:{self.number}"

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"


_lines: WeakKeyDictionary[Node, Line] = WeakKeyDictionary()


def is_of_package(code: CodeType) -> bool:
    """Return whether code is this package's, not a user's or a model's."""
    return code.co_filename.startswith(_PACKAGE) and not code.co_filename.startswith(_MODELS)


def calling_frame() -> FrameType | None:
    """Return the innermost running frame of the user's code."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if not is_of_package(frame.f_code):
            return None if frame.f_code.co_filename.startswith("<frozen") else frame
        frame = frame.f_back
    return None


def calling_line() -> Line | None:
    """Return the innermost running line that is outside of this package, or in one of its models."""
    frame = calling_frame()
    return None if frame is None else Line(frame.f_code.co_filename, frame.f_lineno)


def warn_user(message: str) -> None:
    """Warn about a likely mistake at the line of the user's code that led here, once for each line."""
    frame = calling_frame()
    if frame is None:
        warnings.warn(message, stacklevel=2)
        return
    seen = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(message, UserWarning, frame.f_code.co_filename, frame.f_lineno, registry=seen)


@contextmanager
def record_lines() -> Iterator[None]:
    """Note which line of the user's code calls each operation that this thread records in the block.

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
    """Note which line of the user's code led to a node, if this thread is watching operations."""
    if _mode.observers and (line := calling_line()) is not None:
        _lines[node] = line


def line_of(node: Node) -> Line | None:
    """Return the line that called a recorded operation, or None if it was not recorded under `record_lines`."""
    return _lines.get(node)
