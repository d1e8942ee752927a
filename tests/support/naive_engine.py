"""Reverse accumulation in its simplest form: the reference that random programs are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    for axis, length in enumerate(shape):
        if length == 1 and g.shape[axis] != 1:
            g = g.sum(axis, keepdims=True)
    return g


def padded(g: Array) -> Array:
    """Return the gradient of a matrix, given the gradient g of its first row: a matrix that is square."""
    return np.concatenate([g, np.zeros((g.shape[1] - 1, g.shape[1]), g.dtype)])


# name: the function of a and b, and for each input its derivative and what that reads.
Derivative = tuple[Callable[..., Array], str]
OPERATIONS: dict[str, tuple[Callable[..., Array], list[Derivative]]] = {
    "add": (lambda a, b: a + b, [(lambda g: g, ""), (lambda g: g, "")]),
    "sub": (lambda a, b: a - b, [(lambda g: g, ""), (lambda g: -g, "")]),
    "mul": (lambda a, b: a * b, [(lambda g, b: g * b, "b"), (lambda g, a: g * a, "a")]),
    "matmul": (lambda a, b: a @ b, [(lambda g, b: g @ b.T, "b"), (lambda g, a: a.T @ g, "a")]),
    "tanh": (lambda a: np.tanh(a), [(lambda g, out: g * (1 - out * out), "out")]),
    "sin": (lambda a: np.sin(a), [(lambda g, a: g * np.cos(a), "a")]),
    "transposed": (lambda a: a.T, [(lambda g: g.T, "")]),
    "first_row": (lambda a: a[:1], [(padded, "")]),
}


class Step:
    """An operation that was recorded."""

    def __init__(self, number: int, parents: list[Any], kept: dict[str, tuple[Array, int]]) -> None:
        self.number, self.parents, self.kept, self.freed = number, parents, kept, False


class Value:
    """An array, the step that made it, and its gradient."""

    def __init__(self, data: Array, requires_grad: bool = False, step: Step | None = None) -> None:
        self.data, self.requires_grad, self.step = data, requires_grad, step
        self.grad: Value | None = None


class Engine:
    def __init__(self) -> None:
        self.steps = 0
        self.writes: dict[int, tuple[Array, int]] = {}  # memory, and how often it was written to

    def version(self, array: Array) -> int:
        return self.writes.get(id(owner(array)), (array, 0))[1]

    def written(self, array: Array) -> None:
        self.writes[id(owner(array))] = (owner(array), self.version(array) + 1)

    def apply(self, name: str, inputs: list[Value], recording: bool = True) -> Value:
        forward, derivatives = OPERATIONS[name]
        out = forward(*[value.data for value in inputs])
        if not recording or not any(value.requires_grad for value in inputs):
            return Value(out)
        named = {"a": inputs[0].data, "b": inputs[-1].data, "out": out}
        parents, reads = [], set()
        for value, (derivative, read) in zip(inputs, derivatives, strict=True):
            if value.requires_grad:
                parents.append((value.step or value, value.data.shape, derivative, read))
                reads |= {read} - {""}
        self.steps += 1
        kept = {read: (named[read], self.version(named[read])) for read in reads}
        return Value(out, True, Step(self.steps, parents, kept))

    def backward(self, root: Value, gradient: Array, retain: bool) -> None:
        """Raises RuntimeError, and changes no gradient, if something was freed or overwritten."""
        gradients: dict[Any, Array] = {root.step or root: gradient}
        for step in newest_first(root.step):
            if step.freed or any(self.version(array) != version for array, version in step.kept.values()):
                raise RuntimeError
            for parent, shape, derivative, read in step.parents:
                value = derivative(gradients[step], *([step.kept[read][0]] if read else []))
                gradients[parent] = gradients.get(parent, 0) + unbroadcast(value, shape)
            if not retain and step.kept:  # a step that keeps nothing can be gone through again, as in PyTorch
                step.freed, step.kept = True, {}
        for leaf, value in gradients.items():
            if isinstance(leaf, Value):
                self.accumulate(leaf, value)

    def accumulate(self, leaf: Value, gradient: Array) -> None:
        if leaf.grad is None:
            leaf.grad = Value(np.array(gradient))
        else:
            leaf.grad.data += gradient
            self.written(leaf.grad.data)


def owner(array: Array) -> Array:
    return array if array.base is None else owner(array.base)


def newest_first(root: Step | None) -> list[Step]:
    found: set[Step] = set()
    ahead: list[Any] = [root]
    while ahead:
        step = ahead.pop()
        if isinstance(step, Step) and step not in found:
            found.add(step)
            ahead += [parent[0] for parent in step.parents]
    return sorted(found, key=lambda step: -step.number)
