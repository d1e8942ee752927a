"""The walk back: gradients by reverse accumulation over what the tape recorded.

The walk is a loop over nodes, newest first, which hands each node's gradient to its derivatives and adds up what
they return (Griewank & Walther, "Evaluating Derivatives", 2008, chapter 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from sys import getrefcount
from typing import Any

import numpy as np

from tinygrad_cnn.kernels.memory import has_own
from tinygrad_cnn.tape.grad_mode import _mode
from tinygrad_cnn.tape.record import Node, Origin, Variable, arrays_in, describe, make_tensor
from tinygrad_cnn.tape.watch import line_of
from tinygrad_cnn.tape.writes import mark_written, writes
from tinygrad_cnn.typing import T


def _walk(
    roots: Iterable[tuple[Origin, Any]],
    needed: set[Origin] | None,
    captured: set[Origin],
    like: Variable,
    retain_graph: bool,
    create_graph: bool,
) -> dict[Origin, Any]:
    """Take gradients back from the roots; return those that reach leaves and captured nodes.

    A result is always newer than its inputs, so the newest node that has a gradient has all of it. Only origins in
    ``needed`` are gone to (None: all).
    """
    arrived: dict[Origin, Any] = {}
    results: dict[Origin, Any] = {}
    newest: list[tuple[int, Node]] = []
    anomaly = _mode.anomaly
    for root, g in roots:
        if root not in arrived and isinstance(root, Node):
            heappush(newest, (-root.sequence, root))
        arrived[root] = arrived[root] + g if root in arrived else g
    while newest:
        node = heappop(newest)[1]
        g = arrived.pop(node)
        if node.hooks is not None:
            g = _run_hooks(node.hooks, g, like, create_graph)
        if node in captured:
            results[node] = g
        edges = node.edges
        if needed is not None:
            edges = [edge for edge in edges if edge[0] in needed]
            if not edges:
                continue
        operation, values = node.operation, node.kept
        try:
            if create_graph or values is None or writes.latest > node.sequence:
                values = _readable(node, like, create_graph)
            for origin, rule, i in edges:
                if operation.variadic:
                    values["index"] = i
                if rule.pick is None:
                    value = rule.function(g)
                elif len(rule.reads) == 1:
                    value = rule.function(g, rule.pick(values))
                else:
                    value = rule.function(g, *rule.pick(values))
                if value.shape != origin.shape or value.dtype is not origin.dtype:
                    value = operation.fit(value, origin, operation.inputs[0 if operation.variadic else i])
                if anomaly is not None:
                    anomaly.look(node, i, value)
                if origin not in arrived:
                    arrived[origin] = value
                    if isinstance(origin, Node):
                        heappush(newest, (-origin.sequence, origin))
                elif not create_graph and _owned(arrived, origin):
                    arrived[origin] += value
                else:
                    arrived[origin] = arrived[origin] + value
        except Exception as error:
            called = f", which {line} called" if (line := line_of(node)) else ""
            error.add_note(f"in the backward pass of {operation.name}{called}")
            raise
        if not retain_graph:
            node.kept = None
            node.edges = []
    for leaf, g in arrived.items():
        if isinstance(leaf, Variable) and leaf._hooks:
            arrived[leaf] = _run_hooks(leaf._hooks, g, like, create_graph)
    return results | arrived


def _owned(gradients: dict[Origin, Any], origin: Origin) -> bool:
    """Return whether a gradient is an array that has its memory to itself, and to which nothing else refers."""
    if not isinstance(gradients[origin], np.ndarray):
        return False
    # Two references: the dictionary's and the call's own. A name here would be a third in some Pythons only.
    return getrefcount(gradients[origin]) == 2 and has_own(gradients[origin])


def _run_hooks(hooks: Iterable[Callable[[Any], Any]], g: Any, like: Variable, create_graph: bool) -> Any:
    for hook in tuple(hooks):
        replaced = hook(g if create_graph else make_tensor(like, np.asarray(g)))
        if replaced is None:
            continue
        if not isinstance(replaced, Variable) or (replaced.shape, replaced.dtype) != (g.shape, g.dtype):
            given = describe(replaced) if isinstance(replaced, Variable) else type(replaced).__name__
            raise RuntimeError(f"a hook returned {given}; wanted None or a tensor of shape {g.shape} and {g.dtype}")
        g = replaced if create_graph else replaced.array
    return g


def _readable(node: Node, like: Variable, create_graph: bool) -> dict[str, Any]:
    """Return the values that the node's derivatives read: arrays, or tensors of the graph under create_graph."""
    kept, operation = node.kept, node.operation
    if kept is None:
        raise RuntimeError(
            f"backward: the graph behind this {operation.name} was freed by an earlier backward pass; "
            "give the earlier one retain_graph=True to go through it again"
        )
    if writes.latest > node.sequence and (writer := writes.after(arrays_in(kept), node.sequence)) is not None:
        raise _overwritten(node, writer)
    if not create_graph:
        return kept

    def traced(array: Any, origin: Origin) -> Variable:
        if isinstance(origin, Node):
            return make_tensor(like, array, origin)
        if origin.array is not array:
            raise _overwritten(node, "an assignment to .data")
        return origin

    values = dict(kept)
    for origin, _, i in node.edges:
        name = operation.inputs[0 if operation.variadic else i]
        if name in values and operation.variadic:
            values[name] = (*values[name][:i], traced(values[name][i], origin), *values[name][i + 1 :])
        elif name in values:
            values[name] = traced(values[name], origin)
    if "out" in kept:
        values["out"] = make_tensor(like, kept["out"], node)
    return values


def _overwritten(node: Node, writer: str) -> RuntimeError:
    return RuntimeError(
        f"backward: {node.operation.name} needs a value that {writer} has since overwritten in place; "
        "write to a copy (clone()), or after backward()"
    )


def _leading_to(roots: Iterable[Origin], targets: set[Origin]) -> set[Origin]:
    """Return every node on some way from the roots to a target, and the targets that were found."""
    seen: set[Origin] = set()
    ahead = list(roots)
    while ahead:
        origin = ahead.pop()
        if origin not in seen and isinstance(origin, Node):
            ahead.extend(edge[0] for edge in origin.edges)
        seen.add(origin)
    leading = targets & seen
    for node in sorted((n for n in seen if isinstance(n, Node)), key=lambda n: n.sequence):
        if any(edge[0] in leading for edge in node.edges):
            leading.add(node)
    return leading


def _origin(tensor: Variable) -> Origin:
    return tensor.node or tensor


def _initial(name: str, output: Variable, gradient: Variable | None, create_graph: bool) -> Any:
    """Return the gradient that a walk starts with at an output: the given one, checked, or 1 for a scalar."""
    if not output._requires_grad:
        raise RuntimeError(f"{name}: the output does not require a gradient: nothing behind it was recorded")
    if gradient is None:
        if output.array.size != 1:
            raise RuntimeError(
                f"{name}: an output of shape {output.shape} needs a gradient of that shape; "
                "only for an output of one element is it taken to be 1"
            )
        ones = np.empty_like(output.array)  # NumPy's ones_like takes twice as long
        ones.fill(1)
        return make_tensor(output, ones) if create_graph else ones
    if not isinstance(gradient, Variable):
        raise TypeError(f"{name}: wanted a tensor as gradient, got {type(gradient).__name__}")
    if gradient.shape != output.shape or gradient.dtype != output.dtype:
        raise ValueError(
            f"{name}: got a gradient of shape {gradient.shape} and type {gradient.dtype} for an output of shape "
            f"{output.shape} and type {output.dtype}; wanted the same"
        )
    return gradient if create_graph else gradient.array


def _differentiate(
    name: str,
    outputs: Sequence[Variable],
    gradients: Sequence[Variable | None] | None,
    inputs: Sequence[Variable] | None,
    retain_graph: bool | None,
    create_graph: bool,
) -> dict[Origin, Any]:
    """Check the arguments that `backward` and `grad` share, and walk back."""
    if not outputs:
        raise ValueError(f"{name}: wanted at least one output")
    if gradients is None:
        gradients = [None] * len(outputs)
    if len(outputs) != len(gradients):
        raise ValueError(f"{name}: got {len(outputs)} outputs, but {len(gradients)} gradients for them")
    pairs = zip(outputs, gradients, strict=True)
    roots = [(_origin(output), _initial(name, output, gradient, create_graph)) for output, gradient in pairs]
    captured, needed = set(), None
    if inputs is not None:
        if not all(isinstance(i, Variable) and i._requires_grad for i in inputs):
            raise RuntimeError(f"{name}: one of the inputs is not a tensor that requires a gradient")
        captured = {_origin(i) for i in inputs}
        needed = _leading_to([origin for origin, _ in roots], captured)
        roots = [(origin, g) for origin, g in roots if origin in needed]
    retain = create_graph if retain_graph is None else retain_graph
    recording, _mode.recording = _mode.recording, create_graph
    try:
        return _walk(roots, needed, captured, outputs[0], retain, create_graph)
    finally:
        _mode.recording = recording


def _own(like: Variable, gradients: dict[Origin, Any], origin: Origin) -> Any:
    """Return a gradient as a tensor that shares its memory with no other."""
    if isinstance(gradients[origin], Variable):
        return gradients[origin].clone()
    whole = _owned(gradients, origin) and gradients[origin].flags.c_contiguous
    return make_tensor(like, gradients[origin] if whole else np.array(gradients[origin], order="C"))


def _as_sequence(tensors: Any) -> Sequence[Any]:
    return (tensors,) if isinstance(tensors, Variable) else tuple(tensors)


def backward(
    tensors: Variable | Sequence[Variable],
    grad_tensors: Variable | Sequence[Variable | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Variable | Sequence[Variable] | None = None,
) -> None:
    """Add the gradient of the tensors to ``.grad`` of every leaf that they were computed from.

    ``grad_tensors`` are what the gradients of the tensors themselves are (1 if left out, for tensors of one
    element); with ``inputs``, only these receive a gradient. The graph is freed as the walk goes, unless
    ``retain_graph``. With ``create_graph`` the gradients are themselves recorded, and may be differentiated
    again. If anything fails, no ``.grad`` has changed.

    Raises RuntimeError if nothing was recorded, if the graph was freed, or if a value that is needed was
    overwritten in place; ValueError for a gradient of the wrong shape or type.
    """
    outputs = _as_sequence(tensors)
    gradients = None if grad_tensors is None else _as_sequence(grad_tensors)
    targets = None if inputs is None else _as_sequence(inputs)
    results = _differentiate("backward", outputs, gradients, targets, retain_graph, create_graph)
    of_node = {} if targets is None else {_origin(t): t for t in targets}
    for origin in results:
        accumulate(of_node.get(origin, origin), results, origin)


ACCUMULATED = "backward (adding to .grad)"


def accumulate(leaf: Variable, gradients: dict[Origin, Any], origin: Origin) -> None:
    """Add what arrived at an origin to ``leaf.grad``, in place where nothing recorded can see it."""
    before = leaf._grad
    if before is None:
        leaf._grad = _own(leaf, gradients, origin)
    elif isinstance(gradients[origin], Variable) or before.node is not None:
        leaf._grad = before + gradients[origin]
    else:
        before.array += gradients[origin]
        mark_written(before.array, ACCUMULATED)


def grad(
    outputs: Variable | Sequence[Variable],
    inputs: T | Sequence[T],
    grad_outputs: Variable | Sequence[Variable | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[T | None, ...]:
    """Return the gradient of the sum of the outputs with respect to each input, and leave ``.grad`` alone.

    Inputs may be leaves or intermediate results. One that the outputs do not depend on is an error, or None with
    ``allow_unused``. The other arguments are those of `backward`.

    >>> import tinygrad_cnn as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> (first,) = tg.autograd.grad(x**3, x, create_graph=True)
    >>> (second,) = tg.autograd.grad(first, x)
    >>> first.item(), second.item()
    (27.0, 18.0)
    """
    targets = _as_sequence(inputs)
    gradients = None if grad_outputs is None else _as_sequence(grad_outputs)
    results = _differentiate("grad", _as_sequence(outputs), gradients, targets, retain_graph, create_graph)
    unused = [i for i, target in enumerate(targets) if _origin(target) not in results]
    if unused and not allow_unused:
        raise RuntimeError(
            f"grad: the outputs do not depend on input {unused[0]}; pass allow_unused=True to get None for it"
        )
    return tuple(None if i in unused else _own(t, results, _origin(t)) for i, t in enumerate(targets))
