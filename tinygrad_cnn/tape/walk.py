"""The backward pass: reverse accumulation over the nodes of the autograd graph, in topological order.

A result is newer than its inputs, so of the nodes that a gradient has reached, the newest has all of its gradient.
The pass is a loop over a heap of these nodes (Griewank & Walther, "Evaluating Derivatives", 2008, ch. 3).
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any

import numpy as np

from tinygrad_cnn.tape.grad_mode import _mode
from tinygrad_cnn.tape.gradients import Gradients
from tinygrad_cnn.tape.hooks import GradientHooks
from tinygrad_cnn.tape.record import (
    Node,
    Origin,
    Output,
    SeveralOutputs,
    Variable,
    arrays_in,
    describe,
    make_tensor,
    make_tensors,
)
from tinygrad_cnn.tape.watch import line_of
from tinygrad_cnn.tape.writes import LATEST, writes


class Walk:
    """One backward pass. Gradients have the class of the tensor ``like``.

    They are arrays, or tensors under ``create_graph``, so that the operations of derivatives are recorded.
    """

    def __init__(
        self,
        like: Variable,
        retain_graph: bool,
        create_graph: bool,
        needed: set[Origin] | None,
        captured: set[Origin],
    ) -> None:
        self.like = like
        self.retain_graph = retain_graph
        self.create_graph = create_graph
        self.needed = needed  # the origins to visit; None for all
        self.captured = captured  # origins whose gradients are returned
        self.gradients = Gradients(in_place=not create_graph)
        self._anomaly = _mode.anomaly
        self._results: list[tuple[Origin, Any]] = []
        self._newest: list[tuple[int, Node]] = []  # a heap of the nodes that a gradient has reached

    def send(self, origin: Origin, gradient: Any) -> None:
        """Add a gradient to an origin; schedule its node when the first one arrives."""
        if origin in self.gradients:
            self.gradients.add(origin, gradient)
            return
        self.gradients[origin] = gradient
        if isinstance(origin, Node):
            heappush(self._newest, (-origin.sequence, origin))

    def run(self) -> Gradients:
        """Visit nodes until none is left; return the gradients of leaves and of captured nodes."""
        newest, take = self._newest, self.gradients.pop
        while newest:
            node = heappop(newest)[1]
            gradient = take(node)
            if node.hooks is not None:
                gradient = self._run_hooks(node.hooks, gradient)
                for hook in tuple(node.hooks.after):
                    hook(self._as_tensor(gradient))
            if node in self.captured:
                self._results.append((node, gradient))
            if type(node) is Output:
                self._pass_to_source(node, gradient)
            else:
                self._step(node, gradient)
        for leaf in tuple(self.gradients):
            if isinstance(leaf, Variable) and leaf._hooks is not None and leaf._hooks.on_gradient:
                self.gradients.replace(leaf, self._run_hooks(leaf._hooks, self.gradients.pop(leaf)))
        for captured, gradient in self._results:
            self.gradients.replace(captured, gradient)
        return self.gradients

    def _step(self, node: Node, gradient: Any) -> None:
        """Send the gradient of a node through its derivatives to the origins of its inputs."""
        edges = node.edges
        if self.needed is not None:
            edges = [edge for edge in edges if edge[0] in self.needed]
            if not edges:
                return
        operation, anomaly = node.operation, self._anomaly
        try:
            if type(node) is SeveralOutputs:
                gradient = self._filled(node, gradient)
            values = node.kept
            if values is None or self.create_graph or writes.times[LATEST] > node.sequence:
                values = self._values(node)
            for origin, derivative, i in edges:
                if operation.variadic and i >= operation.last:
                    values = {**values, "index": i - operation.last}
                value = derivative.apply(gradient, values)
                if value is None and operation.may_lack_gradients:
                    continue
                if value.shape != origin.shape or value.dtype is not origin.dtype:
                    value = operation.fit(value, origin, operation.input_name(i))
                if anomaly is not None:
                    anomaly.look(node, i, value)
                self.send(origin, value)
        except Exception as error:
            called = f", which {line} called" if (line := line_of(node)) else ""
            error.add_note(f"in the backward pass of {operation.name}{called}")
            raise
        if not self.retain_graph:
            node.free()

    def _values(self, node: Node) -> dict[str, Any]:
        """Return the values that a node's derivatives read: arrays, or tensors under ``create_graph``."""
        kept = node.kept
        if kept is None:
            raise _freed(node, self.like.node)
        if writes.times[LATEST] > node.sequence:
            writer = writes.after(arrays_in(kept), node.sequence)
            if writer is not None:
                raise _overwritten(node, writer)
        return as_graph_tensors(node, kept, self.like) if self.create_graph else kept

    def _pass_to_source(self, output: Output, gradient: Any) -> None:
        if self.needed is not None and output.source not in self.needed:
            return
        if self.gradients.put_at(output.source, output.k, gradient):
            heappush(self._newest, (-output.source.sequence, output.source))

    def _filled(self, node: SeveralOutputs, parts: list[Any]) -> tuple[Any, ...]:
        """Return the gradients of all results, with zeros for unused results."""
        zeros = (np.zeros(shape, dtype) for shape, dtype in node.shapes_and_dtypes)
        return tuple(
            part if part is not None else make_tensor(self.like, zero) if self.create_graph else zero
            for part, zero in zip(parts, zeros, strict=True)
        )

    def _run_hooks(self, hooks: GradientHooks, gradient: Any) -> Any:
        for hook in tuple(hooks.on_gradient):
            replaced = hook(self._as_tensor(gradient))
            if replaced is None:
                continue
            wanted = gradient.shape, gradient.dtype
            if not isinstance(replaced, Variable) or (replaced.shape, replaced.dtype) != wanted:
                given = describe(replaced) if isinstance(replaced, Variable) else type(replaced).__name__
                raise RuntimeError(
                    f"a hook returned {given}; wanted None or a tensor of shape {wanted[0]} and {wanted[1]}"
                )
            gradient = replaced if self.create_graph else replaced.array
        return gradient

    def _as_tensor(self, gradient: Any) -> Any:
        return gradient if self.create_graph else make_tensor(self.like, np.asarray(gradient))


def as_graph_tensors(node: Node, kept: dict[str, Any], like: Variable) -> dict[str, Any]:
    """Return what a node kept, with its inputs and results as tensors of the autograd graph."""
    operation, values = node.operation, dict(kept)
    for origin, _, i in node.edges:
        name = operation.input_name(i)
        if name not in values:
            continue
        if operation.variadic and i >= operation.last:
            several, k = values[name], i - operation.last
            values[name] = (*several[:k], _tensor_of(node, origin, several[k], like), *several[k + 1 :])
        else:
            values[name] = _tensor_of(node, origin, values[name], like)
    out = kept.get("out")
    if isinstance(node, SeveralOutputs) and out is not None:
        values["out"] = make_tensors(like, out, node)
    elif out is not None:
        values["out"] = make_tensor(like, out, node)
    return values


def _tensor_of(node: Node, origin: Origin, array: Any, like: Variable) -> Variable:
    """Return an input that a node kept as a tensor of the autograd graph."""
    if isinstance(origin, Node):
        return make_tensor(like, array, origin)
    if origin.array is not array:
        raise _overwritten(node, "an assignment to .data")
    return origin


def leading_to(roots: Iterable[Origin], targets: set[Origin]) -> set[Origin]:
    """Return the nodes on any path from a root to a target, and the targets that can be reached."""
    nodes = {node for root in roots if isinstance(root, Node) for node in root.ancestors()}
    leading = targets & nodes.union(roots, (origin for node in nodes for origin, _, _ in node.edges))
    for node in sorted(nodes, key=lambda node: node.sequence):
        if any(origin in leading for origin, _, _ in node.edges):
            leading.add(node)
    return leading


def _freed(node: Node, root: Node | None) -> RuntimeError:
    """Return the error about a graph that an earlier backward pass has freed."""
    made = f"the graph behind this {node.operation.name} was freed by an earlier backward pass"
    later = [] if root is None else [n for n in root.ancestors() if n.saves and n.sequence > node.sequence]
    if not later:  # this pass has begun at the same output as the earlier one
        return RuntimeError(f"backward: {made}; give the earlier one retain_graph=True to go through it again")
    return RuntimeError(
        f"backward: {made}, and newer operations depend on it. Is a state carried over from the step before? Then "
        "cut it off there: state = state.detach(). If both passes should go through it, give the earlier one "
        "retain_graph=True"
    )


def _overwritten(node: Node, writer: str) -> RuntimeError:
    return RuntimeError(
        f"backward: {node.operation.name} needs a value that {writer} has since overwritten in place; "
        "write to a copy (clone()), or write after backward()"
    )
