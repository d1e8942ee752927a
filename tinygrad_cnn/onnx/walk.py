"""What a model does to a batch, as a list of the operations that it called.

Constants that a model computes from the length of the batch (the shape that a reshape is given, say) are told by
walking it twice, with batches of different lengths and values: what then differs as the lengths do is a multiple of
the length, and what differs in any other way cannot be exported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.inspection.observe import in_evaluation_mode
from tinygrad_cnn.nn import Module
from tinygrad_cnn.ops.arguments import array_of
from tinygrad_cnn.tape.grad_mode import enable_grad
from tinygrad_cnn.tape.watch import Call, watch
from tinygrad_cnn.tape.writes import clock, writes
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

LENGTHS = 3, 5  # of the two batches: neither is a multiple of the other


@dataclass(frozen=True)
class Ref:
    """A value of the graph: an input, a parameter or buffer, or what an operation returned."""

    name: str
    shape: tuple[Any, ...] = field(compare=False)  # integers, or multiples of the batch's length
    dtype: np.dtype[Any] = field(compare=False)


class Batch(NamedTuple):
    """A multiple of the batch's length."""

    times: int


@dataclass(frozen=True)
class Uniform:
    """A constant array that holds one number everywhere, and has the batch's length in its shape."""

    value: Array
    shape: tuple[Any, ...]


@dataclass(frozen=True)
class Step:
    """One call of an operation. In place of the arrays that are values of the graph stand references to them."""

    operation: str
    arguments: dict[str, Any]  # inputs and constants by name
    result: Ref


@dataclass
class Walk:
    """The calls of operations on values of the graph, in order; what went in, what was there, what came out."""

    inputs: list[Ref]
    stored: dict[str, Array]  # parameters and buffers by name
    steps: list[Step] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)


def walk(model: Module, examples: Sequence[Tensor], names: Sequence[str]) -> Walk:
    """Return what the model, in evaluation mode, does to a batch of any length that is like the examples."""
    first, second = (walk_once(model, [_batch(x, length) for x in examples], names) for length in LENGTHS)
    return _merged_walks(first, second)


def _batch(example: Tensor, length: int) -> Tensor:
    """Return so many rows like the example's: its own numbers in another order, not quite the same if not whole."""
    rng = np.random.default_rng(length)
    numbers: Array = rng.permutation(example.array.reshape(-1))
    array = np.resize(numbers, (length, *example.shape[1:]))
    if array.dtype.kind == "f":
        array += rng.uniform(0, 0.1, array.shape).astype(array.dtype)
    return Tensor(array, requires_grad=array.dtype.kind == "f")  # recorded, so that += is not done in place


# --- one walk ---


class _Values:
    """Which arrays are values of the graph: told by the memory that they show, so that a view is as good."""

    def __init__(self) -> None:
        self._refs: dict[Any, Ref] = {}
        self.arrays: list[Array] = []  # held, so that their memory is not used again

    def add(self, name: str, array: Array) -> Ref:
        self.arrays.append(array)
        return self._refs.setdefault(_memory(array), Ref(name, array.shape, array.dtype))

    def resolved(self, value: Any) -> Any:
        """Return a reference for an array that is known, within tuples too, and anything else as it is."""
        value = array_of(value)
        if isinstance(value, np.ndarray):
            self.arrays.append(value)
            return self._refs.get(_memory(value), value)
        if isinstance(value, (tuple, list)):
            return _remade(value, [self.resolved(item) for item in value])
        return value


def _memory(array: Array) -> Any:
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype


def _remade(like: Any, items: Sequence[Any]) -> Any:
    return type(like)(*items) if hasattr(like, "_fields") else tuple(items)


def _refs(value: Any) -> Iterator[Ref]:
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _refs(item)


def walk_once(model: Module, inputs: Sequence[Tensor], names: Sequence[str]) -> Walk:
    """Return what the model, in evaluation mode, does to these inputs."""
    values = _Values()
    stored = {name: tensor.array for name, tensor in (*model.named_parameters(), *model.named_buffers())}
    found = Walk([values.add(*pair) for pair in zip(names, (x.array for x in inputs), strict=True)], stored)
    for name, array in stored.items():
        values.add(name, array)

    def see(call: Call) -> None:
        operation = call.operation
        given = values.resolved(call.inputs)
        named = [(operation.inputs[0], given)] if operation.variadic else zip(operation.inputs, given, strict=False)
        arguments = dict(named) | {key: values.resolved(value) for key, value in call.constants.items()}
        if any(_refs(arguments)):
            out = np.asarray(array_of(call.result))
            name = f"{operation.name}_{len(found.steps)}"
            values.add(name, out)
            found.steps.append(Step(operation.name, arguments, Ref(name, out.shape, out.dtype)))

    start = next(clock)
    with in_evaluation_mode(model), enable_grad(), np.errstate(all="ignore"), watch(see):
        result = model(*inputs)
    writer = writes.after(values.arrays, start)
    if writer is not None:
        raise ValueError(f"onnx.export: the model writes in place ({writer}), unrecorded; write x = x + y instead")
    found.outputs = [values.resolved(t) for t in (result if isinstance(result, (tuple, list)) else [result])]
    found.steps = _needed(found.steps, found.outputs)
    return found


# --- two walks made one ---


class _Varies(Exception):
    """A constant that is not the same for every batch."""


def _merged_walks(first: Walk, second: Walk) -> Walk:
    if [s.operation for s in first.steps] != [s.operation for s in second.steps]:
        raise ValueError(
            "onnx.export: the model calls other operations for another batch; a choice that depends on the numbers "
            "or on the length of a batch cannot be exported"
        )
    steps = []
    for a, b in zip(first.steps, second.steps, strict=True):
        try:
            arguments = {key: _merged(a.arguments[key], b.arguments[key]) for key in a.arguments}
            steps.append(Step(a.operation, arguments, _merged(a.result, b.result)))
        except _Varies as error:
            raise ValueError(
                f"onnx.export: {a.operation} has {error}, which depends on the batch in a way that was not "
                "recorded; compute it by operations on tensors"
            ) from None
    pairs = zip(first.inputs, second.inputs, strict=True)
    outputs = [_merged(a, b) for a, b in zip(first.outputs, second.outputs, strict=True)]
    return Walk([_merged(a, b) for a, b in pairs], first.stored, steps, outputs)


def _needed(steps: list[Step], outputs: list[Any]) -> list[Step]:
    """Return the steps that the outputs depend on."""
    wanted = {ref.name for ref in _refs(outputs)}
    kept = []
    for step in reversed(steps):
        if step.result.name in wanted:
            kept.append(step)
            wanted |= {ref.name for ref in _refs(step.arguments)}
    return kept[::-1]


def _merged(a: Any, b: Any) -> Any:
    """Return what two walks have in common: multiples of the batch's length where they differ as that does."""
    if isinstance(a, Ref) and a == b:
        return Ref(a.name, _merged(a.shape, b.shape), a.dtype)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return _merged_arrays(a, b)
    if type(a) is type(b) and isinstance(a, (tuple, list)) and len(a) == len(b):
        return _remade(a, [_merged(*pair) for pair in zip(a, b, strict=True)])
    if isinstance(a, slice) and isinstance(b, slice):
        return slice(_merged(a.start, b.start), _merged(a.stop, b.stop), _merged(a.step, b.step))
    if isinstance(a, (int, np.integer)) and isinstance(b, (int, np.integer)) and a != b:
        times, rest = divmod(int(a), LENGTHS[0])
        if not rest and times * LENGTHS[1] == b:
            return Batch(times)
    elif type(a) is type(b) and (a is b or a == b or a != a):
        return a
    raise _Varies(_said(a))


def _merged_arrays(a: Array, b: Array) -> Any:
    if a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
        return a
    if a.size and b.size and a.shape != b.shape and len({*a.ravel().tolist(), *b.ravel().tolist()}) == 1:
        return Uniform(a.reshape(-1)[0], _merged(a.shape, b.shape))
    raise _Varies(_said(a))


def _said(value: Any) -> str:
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)
