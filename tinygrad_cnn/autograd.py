"""The walk back: gradients by reverse accumulation over what the tape recorded.

The walk is a loop over nodes, newest first, which hands each node's gradient to its derivatives and adds up what
they return (Griewank & Walther, "Evaluating Derivatives", 2008, chapter 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cnn.grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from tinygrad_cnn.tape import Edge, Node, Operation, Variable, mark_written, operation, overwriter, wrap

if TYPE_CHECKING:
    from tinygrad_cnn.tensor import Tensor

__all__ = [
    "Node",
    "Operation",
    "Variable",
    "backward",
    "enable_grad",
    "grad",
    "is_grad_enabled",
    "no_grad",
    "operation",
    "set_grad_enabled",
]


def _walk(
    roots: Iterable[tuple[Node | Variable, Any]],
    needed: set[Node | Variable] | None,
    captured: set[Node | Variable],
    like: Variable,
    retain_graph: bool,
    create_graph: bool,
) -> dict[Node | Variable, tuple[Any, bool]]:
    """Take gradients back from the roots; return those that reach leaves and captured nodes.

    A result is always newer than its inputs, so the newest node that has a gradient has all of it. Only edges in
    ``needed`` are followed (None: every edge). With each gradient goes whether its buffer is owned, that is, held
    by nobody else, and may be added to in place.
    """
    arrived: dict[Node | Variable, tuple[Any, bool]] = {}
    results: dict[Node | Variable, tuple[Any, bool]] = {}
    newest: list[tuple[int, Node]] = []

    def arrive(edge: Node | Variable, value: Any, owned: bool) -> None:
        before = arrived.get(edge)
        if before is None:
            arrived[edge] = (value, owned)
            if isinstance(edge, Node):
                heappush(newest, (-edge.sequence, edge))
        elif before[1] and not create_graph:
            total = before[0]
            total += value
            arrived[edge] = (total, True)
        else:
            arrived[edge] = (before[0] + value, True)

    for root, value in roots:
        arrive(root, value, False)
    while newest:
        node = heappop(newest)[1]
        g, owned = arrived.pop(node)
        if node.hooks:
            g = _run_hooks(node.hooks, g, like, create_graph)
        if node in captured:
            results[node] = (g, owned)
        operation = node.operation
        if node.kept is None:
            raise RuntimeError(
                f"backward: the graph behind this {operation.name} was freed by an earlier backward pass; "
                "give the earlier one retain_graph=True to go through it again"
            )
        wanted = [
            (i, edge, rule)
            for i, (edge, rule) in enumerate(zip(node.edges, operation.rules(node), strict=True))
            if edge is not None and rule is not None and (needed is None or edge in needed)
        ]
        if not wanted:
            continue
        values = _readable(node, like, create_graph)
        for i, edge, rule in wanted:
            if operation.variadic:
                values["index"] = i
            try:
                value = rule.function(g, *[values[name] for name in rule.reads])
                if value.shape != edge.shape or value.dtype is not edge.dtype:
                    value = operation.fit(value, edge, operation.inputs[0 if operation.variadic else i])
            except Exception as error:
                error.add_note(f"in the backward pass of {operation.name}")
                raise
            arrive(edge, value, value is not g and getattr(value, "base", value) is None)
        if not retain_graph:
            node.kept = None
            node.edges = ()
    return results | arrived


def _run_hooks(hooks: Iterable[Callable[[Any], Any]], g: Any, like: Variable, create_graph: bool) -> Any:
    for hook in hooks:
        replaced = hook(g if create_graph else wrap(like, np.asarray(g)))
        if replaced is not None:
            g = replaced if create_graph else replaced.array
    return g


def _readable(node: Node, like: Variable, create_graph: bool) -> dict[str, Any]:
    """Return the values that the node's derivatives read: arrays, or tensors of the graph under create_graph."""
    kept = node.kept or {}
    if (writer := overwriter(node)) is not None:
        raise _overwritten(node, writer)
    if not create_graph:
        return kept

    def traced(edge: Edge, array: Any) -> Any:
        if isinstance(edge, Node):
            return wrap(like, array, edge)
        if edge is not None and edge.array is not array:
            raise _overwritten(node, "an assignment to .data")
        return array if edge is None else edge

    values = dict(kept)
    names = node.operation.inputs
    if node.operation.variadic:
        if names[0] in kept:
            values[names[0]] = tuple(map(traced, node.edges, kept[names[0]]))
    else:
        values.update((n, traced(e, kept[n])) for n, e in zip(names, node.edges, strict=True) if n in kept)
    if "out" in kept:
        values["out"] = wrap(like, kept["out"], node)
    return values


def _overwritten(node: Node, writer: str) -> RuntimeError:
    return RuntimeError(
        f"backward: {node.operation.name} needs a value that {writer} has since overwritten in place; "
        "write to a copy (clone()), or after backward()"
    )


def _leading_to(roots: Iterable[Node | Variable], targets: set[Node | Variable]) -> set[Node | Variable]:
    """Return every node on some way from the roots to a target, and the targets that were found."""
    seen: set[Node | Variable] = set()
    ahead = list(roots)
    while ahead:
        edge = ahead.pop()
        if edge not in seen and isinstance(edge, Node):
            ahead.extend(e for e in edge.edges if e is not None)
        seen.add(edge)
    leading = targets & seen
    for node in sorted((n for n in seen if isinstance(n, Node)), key=lambda n: n.sequence):
        if any(edge in leading for edge in node.edges):
            leading.add(node)
    return leading


def _edge(tensor: Variable) -> Node | Variable:
    return tensor if tensor.node is None else tensor.node


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
        ones = np.ones_like(output.array)
        return wrap(output, ones) if create_graph else ones
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
) -> dict[Node | Variable, tuple[Any, bool]]:
    """Check the arguments that `backward` and `grad` share, and walk back."""
    if not outputs:
        raise ValueError(f"{name}: wanted at least one output")
    if gradients is None:
        gradients = [None] * len(outputs)
    if len(outputs) != len(gradients):
        raise ValueError(f"{name}: got {len(outputs)} outputs, but {len(gradients)} gradients for them")
    pairs = zip(outputs, gradients, strict=True)
    roots = [(_edge(output), _initial(name, output, gradient, create_graph)) for output, gradient in pairs]
    captured, needed = set(), None
    if inputs is not None:
        if not all(isinstance(i, Variable) and i._requires_grad for i in inputs):
            raise RuntimeError(f"{name}: one of the inputs is not a tensor that requires a gradient")
        captured = {_edge(i) for i in inputs}
        needed = _leading_to([edge for edge, _ in roots], captured)
        roots = [(edge, g) for edge, g in roots if edge in needed]
    retain = create_graph if retain_graph is None else retain_graph
    with set_grad_enabled(create_graph):
        return _walk(roots, needed, captured, outputs[0], retain, create_graph)


def _own(like: Variable, gradient: tuple[Any, bool]) -> Tensor:
    """Return a gradient as a tensor that shares its memory with no other gradient."""
    value, owned = gradient
    if isinstance(value, Variable):
        return value.clone()  # type: ignore[attr-defined, no-any-return]
    return wrap(like, value if owned and isinstance(value, np.ndarray) else np.array(value, order="C"))


def _as_sequence(tensors: Any) -> Sequence[Any]:
    return (tensors,) if isinstance(tensors, Variable) else tuple(tensors)


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
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
    of_node = {} if targets is None else {_edge(t): t for t in targets}
    for edge, gradient in results.items():
        accumulate(of_node.get(edge, edge), gradient)


def accumulate(leaf: Variable, gradient: tuple[Any, bool]) -> None:
    """Add a gradient to ``leaf.grad``, in place where nothing recorded can see it."""
    before = leaf._grad
    if before is None:
        leaf._grad = _own(leaf, gradient)
    elif isinstance(gradient[0], Variable) or before.node is not None:
        leaf._grad = before + gradient[0]
    else:
        before.array += gradient[0]
        mark_written(before.array, "backward (adding to .grad)")


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
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
    unused = [i for i, target in enumerate(targets) if _edge(target) not in results]
    if unused and not allow_unused:
        raise RuntimeError(
            f"grad: the outputs do not depend on input {unused[0]}; pass allow_unused=True to get None for it"
        )
    return tuple(None if i in unused else _own(t, results[_edge(t)]) for i, t in enumerate(targets))
