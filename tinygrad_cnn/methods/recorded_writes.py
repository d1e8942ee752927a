"""Writes in place that are recorded: the tensor, its base and every view of the same memory get new nodes.

The memory is written, and then the base becomes *the old base with the region of the view replaced*, and each view
becomes *its region of the new base* (`ops.region`). So nothing has to be checked when operations run: nodes are
right at all times. What a derivative still needs of the old values is found by the clock of writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.ops.broadcast import broadcast_to, cast
from tinygrad_cnn.ops.region import may_overlap, put_region, region_of, take_region
from tinygrad_cnn.tape.grad_mode import _mode
from tinygrad_cnn.tape.hooks import GradientHooks
from tinygrad_cnn.tape.record import Node, Operation, Variable, make_tensor
from tinygrad_cnn.tape.views import base_of, views_of
from tinygrad_cnn.tape.watch import note_line
from tinygrad_cnn.tape.writes import clock, mark_written, owner_of
from tinygrad_cnn.typing import Array


def must_be_recorded(target: Variable, arguments: tuple[Any, ...]) -> bool:
    """Return whether a write must be recorded: whether the tensor, its base or an argument requires a gradient."""
    if not _mode.recording:
        return False
    if target._requires_grad or (target._base is not None and target._base._requires_grad):
        return True
    for argument in arguments:
        if getattr(argument, "_requires_grad", False):
            return target.dtype.kind == "f"
    return False


def write(name: str, target: Variable, function: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Replace the values of a tensor by those of a recorded function of the tensor and other arguments."""
    check_writable(name, target)
    memory, since = owner_of(target.array), next(clock)
    apart = all(owner_of(array) is not memory for array in _arrays_of((*arguments, *options.values())))
    source: Any = target if apart else make_tensor(target, np.array(target.array), target.node)
    result = like_target(name, target, function(source, *arguments, **options))
    fresh = list(_newer(result.node, since))
    for node in fresh if apart else ():
        _keep_copies(node, memory)
    put_in(name, target, result.array)
    if apart and fresh and fresh[0].kept is not None:  # now nothing is kept that the write has changed
        fresh[0].sequence = next(clock)
        if fresh[0].kept.get("out") is result.array:
            fresh[0].kept["out"] = target.array
    move_on(target, result, bool(fresh))


def overwrite(name: str, target: Variable, value: Any) -> None:
    """Replace the values of a tensor by others, converted to its type and broadcast to its shape."""
    check_writable(name, target)
    value = fitted(target, value)
    put_in(name, target, value.array)
    move_on(target, value, False)


def like_target(name: str, target: Variable, result: Any) -> Any:
    """Return the result of a function in the type of the tensor that it is written to; refuse another shape."""
    if result.shape != target.shape:
        raise ValueError(f"{name}: the result has shape {result.shape}, which is not that of the tensor")
    return result if result.dtype == target.dtype else cast(result, dtype=target.dtype)


def fitted(target: Variable, value: Any) -> Any:
    """Return a value as a tensor of the type and shape of the tensor that it is written to."""
    if not isinstance(value, Variable):
        value = make_tensor(target, np.asarray(value, target.dtype))
    if value.dtype != target.dtype:
        value = cast(value, dtype=target.dtype)
    return value if value.shape == target.shape else broadcast_to(value, target.shape)


def check_writable(name: str, target: Variable) -> None:
    """Refuse a recorded write to what may not be written to, as in PyTorch."""
    base = base_of(target)
    if target._refusal is not None:
        raise RuntimeError(
            f"{name}: this tensor {target._refusal}, so a write to it cannot be recorded; compute out of place, or "
            "write to a copy (clone())"
        )
    if base.node is None and (base._requires_grad or target._requires_grad):
        what = "a leaf that requires a gradient" if target is base else "a view of a leaf that requires a gradient"
        raise RuntimeError(f"{name}: {what} is written in place; do it under no_grad(), or to a copy (clone())")
    if any(owner_of(other.array) is not owner_of(base.array) for other in (target, *views_of(base))):
        raise RuntimeError(f"{name}: .data was assigned, and views of the tensor show the memory from before")


def put_in(name: str, target: Variable, values: Array) -> None:
    """Write values to the memory of a tensor."""
    if may_overlap(target.shape, target.array.strides) or not target.array.flags.writeable:
        raise RuntimeError(
            f"{name}: several entries of this tensor lie at the same place, or it is read-only (is it expanded?); "
            "clone() first"
        )
    np.copyto(target.array, values)
    mark_written(target.array, name)


def move_on(target: Variable, value: Variable, replaces: bool) -> None:
    """Give new nodes to a tensor that was written to, to its base, and to every view of the base.

    If the value ``replaces`` the tensor, a base takes over the node of the value. Otherwise it records that the old
    values are gone, so that what they were computed from receives zeros, as in PyTorch.
    """
    base = base_of(target)
    node = value.node
    if not (replaces and target is base):
        node = _recorded(put_region, (base, value), base.array, region=region_of(target.array, base.array))
    become(base, node)
    for view in views_of(base):
        if view._refusal is None:
            become(view, _recorded(take_region, (base,), view.array, region=region_of(view.array, base.array)))
        else:
            view._requires_grad, view.__class__ = True, target._outdated_class


def _recorded(operation: Operation, inputs: tuple[Variable, ...], out: Array, **constants: Any) -> Node:
    """Record an operation whose result is in memory already."""
    needing = tuple(i for i, value in enumerate(inputs) if value._requires_grad)
    node: Node = operation.record(inputs, needing, [value.array for value in inputs], constants, out)
    note_line(node)
    return node


def become(tensor: Variable, node: Node | None) -> None:
    """Make a tensor the result of another node. Hooks stay with the old node, but not those of ``retain_grad``."""
    before = tensor.node
    tensor.node, tensor._requires_grad = node, node is not None
    if node is None or before is None or before.hooks is None or not before.hooks.after:
        return
    if node.hooks is None:
        node.hooks = GradientHooks()
    node.hooks.after, before.hooks.after = before.hooks.after, []


def _arrays_of(arguments: Any) -> Iterator[Array]:
    for argument in arguments:
        if isinstance(argument, (tuple, list)):
            yield from _arrays_of(argument)
        elif isinstance(value := array_of(argument), np.ndarray):
            yield value


def _newer(node: Node | None, since: int) -> Iterator[Node]:
    """Yield a node and its ancestors, as far as they are newer than a time of the clock."""
    ahead = [node] if node is not None and node.sequence > since else []
    while ahead:
        node = ahead.pop()
        yield node
        ahead += [o for o, _, _ in node.edges if isinstance(o, Node) and o.sequence > since]


def _keep_copies(node: Node, memory: Any) -> None:
    """Copy what a node keeps of memory that is about to be written to."""

    def own(value: Any) -> Any:
        if type(value) is tuple:
            return tuple(map(own, value))
        return np.array(value) if isinstance(value, np.ndarray) and owner_of(value) is memory else value

    node.kept = {name: own(value) for name, value in (node.kept or {}).items()}
