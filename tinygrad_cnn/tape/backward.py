"""The backward pass as users call it: gradients of outputs, added to the leaves or returned for given inputs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from tinygrad_cnn.tape.grad_mode import _mode
from tinygrad_cnn.tape.gradients import Gradients
from tinygrad_cnn.tape.hooks import GradientHooks
from tinygrad_cnn.tape.record import Origin, Variable, make_tensor
from tinygrad_cnn.tape.unrecorded import nothing_recorded
from tinygrad_cnn.tape.walk import Walk, leading_to
from tinygrad_cnn.tape.writes import clock, mark_written, writes
from tinygrad_cnn.typing import T

ACCUMULATED = "backward (adding to .grad)"
"""The name of the writer to ``.grad`` in errors about in-place writes."""


def backward(
    tensors: Variable | Sequence[Variable],
    grad_tensors: Variable | Sequence[Variable | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Variable | Sequence[Variable] | None = None,
) -> None:
    """Add the gradient of the tensors to ``.grad`` of every leaf that they were computed from.

    ``grad_tensors`` are the gradients of the tensors themselves (by default 1, for tensors of one element). With
    ``inputs``, only these receive a gradient. The pass frees the graph, unless ``retain_graph`` is set. With
    ``create_graph`` it is recorded, so that the gradients can be differentiated again. If a derivative fails, no
    ``.grad`` changes.

    Raises RuntimeError if nothing was recorded, if the graph was freed, or if a needed value was overwritten in
    place; ValueError for a gradient of the wrong shape or type.
    """
    targets = None if inputs is None else _as_sequence(inputs)
    outer, _mode.at_end = _mode.at_end, []
    try:
        gradients = differentiate("backward", tensors, grad_tensors, targets, retain_graph, create_graph)
        of_node = {} if targets is None else {origin_of(t): t for t in targets}
        add = accumulate if _mode.capture is None else _mode.capture.accumulate
        for origin in tuple(gradients):
            add(of_node.get(origin, origin), gradients, origin)
        for callback in _mode.at_end:
            callback()
    finally:
        _mode.at_end = outer


def grad(
    outputs: Variable | Sequence[Variable],
    inputs: T | Sequence[T],
    grad_outputs: Variable | Sequence[Variable | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[T | None, ...]:
    """Return the gradient of the sum of the outputs with respect to each input; ``.grad`` does not change.

    Inputs may be leaves or intermediate results. An input that the outputs do not depend on is an error; with
    ``allow_unused`` it has the gradient None, with ``materialize_grads`` zeros. ``only_inputs`` has no effect. The
    other arguments are those of `backward`.

    >>> import tinygrad_cnn as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> (first,) = tg.autograd.grad(x**3, x, create_graph=True)
    >>> (second,) = tg.autograd.grad(first, x)
    >>> first.item(), second.item()
    (27.0, 18.0)
    """
    targets = _as_sequence(inputs)
    gradients = differentiate("grad", outputs, grad_outputs, targets, retain_graph, create_graph)
    unused = [i for i, target in enumerate(targets) if origin_of(target) not in gradients]
    if unused and not (materialize_grads if allow_unused is None else allow_unused):
        raise RuntimeError(
            f"grad: the outputs do not depend on input {unused[0]}; pass allow_unused=True to get None for it"
        )
    found = [None if i in unused else gradients.as_owned_tensor(t, origin_of(t)) for i, t in enumerate(targets)]
    for i in unused if materialize_grads else ():
        found[i] = make_tensor(targets[i], np.zeros_like(targets[i].array))
    return tuple(found)


def queue_callback(callback: Callable[[], None]) -> None:
    """Call a function once the running backward pass has filled in every ``.grad``.

    The function is called once, in the thread of that pass, and not at all if the pass fails. Hooks use it for work
    that needs all gradients, such as sending them to other processes. (PyTorch's engine has the same function.)

    Raises RuntimeError if no backward pass is running in this thread.

    >>> import tinygrad_cnn as tg
    >>> x = tg.ones(2, requires_grad=True)
    >>> y = x * 2
    >>> def hook(gradient):
    ...     tg.autograd.queue_callback(lambda: print("x.grad is", x.grad.tolist()))
    >>> handle = y.register_hook(hook)
    >>> y.sum().backward()
    x.grad is [2.0, 2.0]
    """
    if _mode.at_end is None:
        raise RuntimeError("queue_callback: no backward pass is running in this thread; call it from a hook")
    _mode.at_end.append(callback)


# --- the parts of a backward pass ---


def differentiate(
    name: str, tensors: Any, grad_tensors: Any, inputs: Any, retain_graph: bool | None, create_graph: bool
) -> Gradients:
    """Check the arguments that `backward` and `grad` share, and run the backward pass."""
    outputs = _as_sequence(tensors)
    given = [None] * len(outputs) if grad_tensors is None else _as_sequence(grad_tensors)
    if not outputs:
        raise ValueError(f"{name}: wanted at least one output")
    if len(outputs) != len(given):
        raise ValueError(f"{name}: got {len(outputs)} outputs, but {len(given)} gradients for them")
    roots = [(origin_of(o), _initial(name, o, g, create_graph)) for o, g in zip(outputs, given, strict=True)]
    captured, needed = (set(), None) if inputs is None else _wanted(name, inputs, [origin for origin, _ in roots])
    make = Walk if _mode.capture is None else _mode.capture.walk
    walk = make(outputs[0], create_graph if retain_graph is None else retain_graph, create_graph, needed, captured)
    recording, _mode.recording = _mode.recording, create_graph
    try:
        for origin, gradient in roots:
            if needed is None or origin in needed:
                walk.send(origin, gradient)
        return walk.run()
    finally:
        _mode.recording = recording


def _wanted(name: str, inputs: Sequence[Any], roots: list[Origin]) -> tuple[set[Origin], set[Origin]]:
    """Return the origins of the inputs that get a gradient, and all origins on a way to them."""
    if not inputs:
        raise RuntimeError(f"{name}: inputs is empty; wanted at least one tensor")
    if not all(isinstance(i, Variable) and i._requires_grad for i in inputs):
        raise RuntimeError(f"{name}: one of the inputs is not a tensor that requires a gradient")
    captured = {origin_of(i) for i in inputs}
    return captured, leading_to(roots, captured)


def origin_of(tensor: Variable) -> Origin:
    """Return the node that made a tensor, or the tensor itself if it is a leaf."""
    return tensor.node or tensor


def _as_sequence(tensors: Any) -> Sequence[Any]:
    return (tensors,) if isinstance(tensors, Variable) else tuple(tensors)


def _initial(name: str, output: Variable, gradient: Any, create_graph: bool) -> Any:
    """Return the initial gradient of an output: the given one, or 1 for a scalar."""
    if not output._requires_grad:
        raise nothing_recorded(name)
    if gradient is not None:
        return _given(name, output, gradient, create_graph)
    if output.array.size != 1:
        raise RuntimeError(f"{name}: the output has shape {output.shape}; {_SCALAR}")
    one = np.empty_like(output.array)  # NumPy's ones_like takes twice as long
    one.fill(1)
    return make_tensor(output, one) if create_graph else one


_SCALAR = "wanted a scalar, such as its sum() or mean(), or a gradient of the output's shape"


def _given(name: str, output: Variable, gradient: Any, create_graph: bool) -> Any:
    """Return the initial gradient that was given for an output, if it fits."""
    if not isinstance(gradient, Variable):
        raise TypeError(f"{name}: wanted a tensor as gradient, got {type(gradient).__name__}")
    if gradient.shape != output.shape or gradient.dtype.kind != "f":
        given, wanted = (f"shape {t.shape} and type {t.dtype}" for t in (gradient, output))
        raise ValueError(f"{name}: got a gradient of {given} for an output of {wanted}; wanted the same")
    if gradient.dtype != output.dtype:
        gradient = make_tensor(output, gradient.array.astype(output.dtype))
    return gradient if create_graph else gradient.array


def accumulate(leaf: Any, gradients: Gradients, origin: Origin) -> None:
    """Add the gradient of an origin to ``leaf.grad``, and call the leaf's hooks."""
    if leaf.node is None and leaf._hooks is not None and leaf._hooks.after:
        with _locks.of(leaf._hooks):  # no other thread may add to .grad before hooks have read and dropped it
            _add(leaf, gradients, origin)
            for hook in tuple(leaf._hooks.after):
                hook(leaf)
    else:
        _add(leaf, gradients, origin)


def _add(leaf: Any, gradients: Gradients, origin: Origin) -> None:
    """Add the gradient of an origin to ``leaf.grad``, as another thread or a signal handler may be doing, too."""
    while leaf._grad is None or not _added(leaf, gradients[origin]):
        first = gradients.as_owned_tensor(leaf, origin)
        if leaf._grad is None:  # nothing comes between this look and the next line: neither calls anything
            leaf._grad = first
            return


def _added(leaf: Any, gradient: Any) -> bool:
    """Add to the gradient that a leaf has, unless something else changes it meanwhile; return whether it was added.

    It is added in place, unless a recorded graph refers to either. The lock is for NumPy, which lets other threads
    run while it adds.
    """
    before, began = leaf._grad, next(clock)
    if before is None:
        return False
    in_place = not isinstance(gradient, Variable) and before.node is None
    array, after = before.array, None if in_place else before + gradient
    with _locks.adding:
        is_up_to_date = in_place or writes.after((array,), began) is None
        if leaf._grad is not before or not is_up_to_date:
            return False
        if in_place:
            array += gradient
            mark_written(array, ACCUMULATED)
        else:
            leaf._grad = after
    return True


class _Locks:
    """Locks against other threads. One thread may take them again, and the child of a fork has its own."""

    def __init__(self) -> None:
        self.renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        self.adding = threading.RLock()
        self._of_hooks: WeakKeyDictionary[GradientHooks, Any] = WeakKeyDictionary()

    def of(self, hooks: GradientHooks) -> Any:
        """Return the lock of a leaf that has these hooks."""
        return self._of_hooks.get(hooks) or self._of_hooks.setdefault(hooks, threading.RLock())


_locks = _Locks()
