"""Anomaly detection: which operation, and which line, a NaN or a failing derivative came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import numpy as np

from tinygrad_cnn.tape.grad_mode import _mode
from tinygrad_cnn.tape.record import Node, Variable
from tinygrad_cnn.tape.watch import Call, begin_watching, calling_line, end_watching, line_of, note_line


class set_detect_anomaly:
    """Switch `detect_anomaly` on or off in this thread: from now on, or for a ``with`` block.

    >>> import tinygrad_cnn as tg
    >>> x = tg.ones(1, requires_grad=True)
    >>> with tg.autograd.set_detect_anomaly(False):
    ...     (x * float("nan")).backward()
    >>> x.grad
    tensor([nan])
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = _mode.anomaly
        _switch(_Anomaly(check_nan) if mode else None)

    def __enter__(self) -> None:
        """Do nothing: the constructor has switched already."""

    def __exit__(self, *_: object) -> None:
        _switch(self._before)


@contextmanager
def detect_anomaly(check_nan: bool = True) -> Iterator[None]:
    """Find the operation that first makes a NaN in the block: in this thread, at several times the run time.

    An error in a backward pass then names the operation and the line that called it. With ``check_nan``,
    RuntimeError is raised as soon as an operation makes a NaN, or a derivative makes a NaN or an infinity.
    (PyTorch checks derivatives only, and for NaN only.)

    >>> import tinygrad_cnn as tg
    >>> x = tg.ones(1, requires_grad=True)
    >>> with tg.autograd.detect_anomaly():
    ...     (x * float("nan")).backward()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    RuntimeError: detect_anomaly: the derivative of mul with respect to input is NaN; ... called mul
    in the backward pass of mul, which ... called
    """
    with set_detect_anomaly(True, check_nan):
        yield


def _switch(anomaly: _Anomaly | None) -> None:
    before, _mode.anomaly = _mode.anomaly, anomaly
    if before is not None:
        end_watching(before.see)
    if anomaly is not None:
        begin_watching(anomaly.see)


class _Anomaly:
    """Checks the result of every operation and of every derivative."""

    def __init__(self, check_nan: bool) -> None:
        self.check_nan = check_nan
        self.made_infinity: WeakSet[Node] = WeakSet()  # operations that made an infinity from finite numbers

    def see(self, call: Call) -> None:
        """Check the result of an operation."""
        node = call.node
        if node is not None:
            note_line(node)
        results = [result.array for result in call.results if isinstance(result, Variable)]
        if not self.check_nan or not results:  # arrays: part of a backward pass
            return
        found = [wrong for array in results if (wrong := _wrong(array)) is not None]
        if not found:
            return
        wrong = "NaN" if "NaN" in found else found[0]
        given = [value.array if isinstance(value, Variable) else np.asarray(value) for value in call.inputs]
        if wrong == "infinite" and node is not None and all(_wrong(array) is None for array in given):
            self.made_infinity.add(node)
        if wrong == "NaN" and not any(_wrong(array) == "NaN" for array in given):
            nodes = [node for value in call.inputs if (node := getattr(value, "node", None)) is not None]
            made = f"{call.operation.name} made a NaN; {calling_line()} called it"
            raise RuntimeError(f"detect_anomaly: {made}{self._earlier_infinity(nodes)}")

    def look(self, node: Node, which: int, gradient: Any) -> None:
        """Check the gradient that a derivative returned for one input of an operation."""
        wrong = _wrong(gradient.array if isinstance(gradient, Variable) else gradient) if self.check_nan else None
        if wrong is not None:
            operation = node.operation
            raise RuntimeError(
                f"detect_anomaly: the derivative of {operation.name} with respect to "
                f"{operation.input_name(which)} is {wrong}; "
                f"{line_of(node) or 'a line outside of the block'} called {operation.name}"
                + self._earlier_infinity([node])
            )

    def _earlier_infinity(self, nodes: Iterable[Node]) -> str:
        """Return the end of a message: which ancestor first made an infinity; "" if none did."""
        infinite = [node for start in nodes for node in start.ancestors() if node in self.made_infinity]
        if not infinite:
            return ""
        first = min(infinite, key=lambda node: node.sequence)
        return f". Before that, {first.operation.name} made an infinity; {line_of(first)} called it"


def _wrong(array: Any) -> str | None:
    """Return "NaN" or "infinite" if an array holds such a number, else None."""
    if array.dtype.kind not in "fc" or np.isfinite(array).all():
        return None
    return "NaN" if np.isnan(array).any() else "infinite"
