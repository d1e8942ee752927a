"""explain: a backward pass step by step, with each derivative, its gradient, and its time and memory."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cnn.inspection.differences import deviation
from tinygrad_cnn.inspection.graph import svg
from tinygrad_cnn.inspection.page import page
from tinygrad_cnn.inspection.rules import rules
from tinygrad_cnn.inspection.steps import Arrow, BackwardSteps, Step
from tinygrad_cnn.inspection.text import cut, scaled, table
from tinygrad_cnn.nn import Module
from tinygrad_cnn.storage.atomic_files import atomic_write
from tinygrad_cnn.tape.backward import differentiate
from tinygrad_cnn.tape.record import Node, Origin, Output, Variable, arrays_in
from tinygrad_cnn.tape.watch import Call, Derived, line_of, record_lines, watch, watch_derivatives
from tinygrad_cnn.tape.writes import owner_of
from tinygrad_cnn.tensor import Retain, Tensor


class Explanation(BackwardSteps):
    """The steps of a backward pass, newest operation first: as a table (``str()``) or a picture (``svg()``)."""

    def __str__(self) -> str:
        checked = any(a.deviation is not None for step in self.steps for a in step.arrows)
        head = ("step", "operation", "gradient for", "rule", "line", "shape", "norm", "time", "memory")
        rows = [row for step in self.steps for row in _rows(step, self, checked)]
        return f"{self.title}\n{table((*head, 'check') if checked else head, rows, left=5)}"

    __repr__ = __str__

    def svg(self) -> str:
        """Return the graph as a self-contained SVG picture: the loss is on top, gradients flow down."""
        return svg(self)

    def html(self) -> str:
        """Return a self-contained HTML page with the picture and all numbers."""
        return page(self)

    def _repr_html_(self) -> str:
        return self.svg()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture (.svg), the page (.html) or the table (.txt) to a file, by the suffix of its name."""
        formats: dict[str, Callable[[], str]] = {".svg": self.svg, ".html": self.html, ".txt": self.__str__}
        target = Path(path)
        if target.suffix not in formats:
            raise ValueError(f"save: wanted a name ending in {', '.join(formats)}, got {target.name!r}")
        text = formats[target.suffix]()
        with atomic_write(target) as file:
            file.write(text.encode())


def _rows(step: Step, explanation: Explanation, checked: bool) -> Iterator[tuple[str, ...]]:
    for i, arrow in enumerate(step.arrows):
        yield (
            str(step.number) if i == 0 else "",
            step.operation if i == 0 else "",
            explanation.name_of(arrow.to),
            cut(arrow.rule, 36),
            step.line.short if i == 0 and step.line else "",
            "x".join(map(str, arrow.shape)) or "1",
            f"{arrow.norm:.3g}",
            scaled(arrow.seconds, "s"),
            scaled(arrow.memory, "B"),
            *((arrow.verdict,) if checked else ()),
        )


def explain(
    loss: Tensor | Callable[[], Tensor], model: Module | None = None, *, check: bool = False
) -> Explanation:
    """Run the backward pass of a loss, and return its steps; no ``.grad`` changes, and the graph is kept.

    The loss is a tensor, or a function without arguments that computes it. Of a function, the lines of code that
    called the operations are known too (of a tensor, if it was computed under `record_lines`). ``check`` compares
    every derivative with central differences, at values near its inputs. Parameters are named as in the model, if
    one is given.

    Raises ValueError for a loss of several elements, and for a check of a loss that is a tensor.

    >>> import tinygrad_cnn as tg
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> for step in tg.explain(lambda: (x * x).sum(), check=True).steps:
    ...     print(step.operation, [(arrow.rule, arrow.to) for arrow in step.arrows])
    sum [('spread(g, input_shape, dim)', 2)]
    mul [('g * other', 'a leaf'), ('g * input', 'a leaf')]
    """
    calls: dict[Node, Call] = {}
    if not isinstance(loss, Variable):

        def note(call: Call) -> None:
            if check and call.node is not None:
                calls[call.node] = call

        with record_lines(), watch(note):
            loss = loss()
    elif check:
        raise ValueError(
            "explain: a check needs the inputs of every operation; give a function that computes the loss: "
            "explain(lambda: ..., check=True)"
        )
    if loss.numel() != 1:
        raise ValueError(f"explain: wanted a loss of one element, got shape {loss.shape}; take its sum() or mean()")
    names: dict[Any, str] = {}
    if model is not None:
        names = {parameter: name for name, parameter in model.named_parameters()}
    events: list[Derived] = []
    with _collecting(loss, events):
        differentiate("explain", loss, None, None, True, False)
    return _explained(events, names, calls)


@contextmanager
def _collecting(loss: Tensor, events: list[Derived]) -> Iterator[None]:
    """Append an event for each call of a derivative in the graph of the loss; suspend retain_grad."""
    nodes = list(loss.node.ancestors()) if loss.node is not None else []
    hooks = [(node.hooks, node.hooks.after) for node in nodes if node.hooks is not None]
    ends = [watch_derivatives(node, events.append) for node in nodes]
    try:
        for of_node, after in hooks:
            of_node.after = [hook for hook in after if not isinstance(hook, Retain)]
        yield
    finally:
        for end in ends:
            end()
        for of_node, after in hooks:
            of_node.after = after


def _explained(events: list[Derived], names: dict[Any, str], calls: dict[Node, Call]) -> Explanation:
    events = [event for event in events if event.value is not None]
    numbers: dict[Node, int] = {}
    for event in events:
        numbers.setdefault(event.node, len(numbers) + 1)
    steps: list[Step] = []
    seen: set[int] = {id(owner_of(leaf.array)) for node in numbers for leaf in _leaves(node)}
    for node, edge, g, value, seconds in events:
        if len(steps) < numbers[node]:
            norm, kept = math.hypot(*map(_norm, _parts(g))), _kept(node, seen)
            steps.append(Step(len(steps) + 1, node.operation.name, line_of(node), node.shape, norm, kept))
        origin, _, i = node.edges[edge]
        name = node.operation.input_name(i)
        made = all(owner_of(value) is not owner_of(part) for part in _parts(g))
        found = deviation(calls[node], i) if node in calls else None
        to = _number(origin, numbers) or names.get(origin, "a leaf")
        rule = rules(node.operation).get(name, "backward")
        steps[-1].arrows.append(
            Arrow(name, to, rule, value.shape, _norm(value), seconds, _bytes(value) if made else 0, found)
        )
    return Explanation(tuple(steps))


def _number(origin: Origin, numbers: dict[Node, int]) -> int | None:
    """Return the step of a node, or of the operation of a result; None for a leaf."""
    node = origin.source if isinstance(origin, Output) else origin
    return numbers.get(node) if isinstance(node, Node) else None


def _leaves(node: Node) -> Iterator[Variable]:
    return (origin for origin, _, _ in node.edges if not isinstance(origin, Node))


def _parts(gradient: Any) -> tuple[Any, ...]:
    """Return the gradients of the results of an operation as a tuple."""
    return gradient if isinstance(gradient, tuple) else (gradient,)


def _norm(array: Any) -> float:
    return float(np.linalg.norm(np.asarray(array, np.float64)))


def _kept(node: Node, seen: set[int]) -> int:
    """Return the bytes that a node keeps for its derivatives, without memory that was seen before."""
    total = 0
    for array in arrays_in(node.kept or {}):
        owner = owner_of(array)
        if id(owner) not in seen:
            seen.add(id(owner))
            total += _bytes(array)
    return total


def _bytes(array: Any) -> int:
    """Return the size in bytes of the memory that an array is a view of."""
    return int(getattr(owner_of(array), "nbytes", array.nbytes))
