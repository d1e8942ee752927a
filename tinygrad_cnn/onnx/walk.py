"""What a model does to a batch, as a list of the operations that it called."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from math import prod
from typing import Any

import numpy as np

from tinygrad_cnn.compiling.traced import HostArray, numbers_of, traced
from tinygrad_cnn.inspection.observe import in_evaluation_mode
from tinygrad_cnn.nn import Module
from tinygrad_cnn.onnx.batch import Ref, Varies, merged, refs_in, remade
from tinygrad_cnn.onnx.exported import MEND, Exported, exporting, refuse
from tinygrad_cnn.onnx.mapping import mapping_of
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tape.grad_mode import enable_grad
from tinygrad_cnn.tape.watch import Call, calling_line, watch
from tinygrad_cnn.tape.writes import clock, owner_of, writes
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

LONG = 200, 10**6  # the length of the last batch, at most, and how many numbers it has at most


@dataclass(frozen=True)
class Step:
    """One call of an operation. In place of the arrays that are values of the graph stand references to them."""

    operation: str
    arguments: dict[str, Any]  # inputs and constants by name
    result: Ref
    line: str  # of the user's code

    def __str__(self) -> str:
        return f"{self.operation}{f' ({self.line})' if self.line else ''}"


@dataclass
class Walk:
    """The calls of operations on values of the graph, in order; what went in, what was there, what came out."""

    inputs: list[Ref]
    stored: dict[str, Array]  # parameters and buffers by name
    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)


def walk(
    model: Module, examples: Sequence[Tensor], names: Sequence[str], fixed: bool = False, fold: bool = True
) -> Walk:
    """Return what the model, in evaluation mode, does to a batch like the examples.

    The batch is of any length, or of that of the examples if it is fixed. With ``fold``, operations on parameters
    alone are not part of the walk: their results are constants.
    """
    lengths = [len(examples[0])] * 3 if fixed else [3, 5, long_batch(examples)]
    walks = []
    for seed, length in enumerate(lengths):
        walks.append(walk_once(model, [like(x, length, seed) for x in examples], names, fold))
    return _merged_walks(walks, lengths)


def long_batch(examples: Sequence[Tensor]) -> int:
    """Return the length of a long batch like the examples: as long as memory and time allow."""
    most, numbers = LONG
    return max(7, min(most, numbers // sum(prod(x.shape[1:]) for x in examples)))


def like(example: Tensor, length: int, seed: int) -> Tensor:
    """Return a batch of other numbers from the range of the example's; integers are some of the example's."""
    rng = np.random.default_rng([seed, length])
    shape, numbers = (length, *example.shape[1:]), example.array.reshape(-1)
    if example.dtype.kind == "b":
        return Tensor(rng.random(shape) < 0.5)
    if example.dtype.kind != "f":
        return Tensor(rng.choice(numbers, shape))
    finite = numbers[np.isfinite(numbers)] if np.isfinite(numbers).any() else np.zeros(1)
    low, high = float(finite.min()), float(finite.max())
    drawn = rng.uniform(low, high, shape) if low < high else low + rng.standard_normal(shape)
    return Tensor(drawn.astype(example.dtype))


# --- one walk ---


class _Values:
    """Which arrays are values of the graph, told by the array itself, or by the memory that only it shows."""

    def __init__(self) -> None:
        self._refs: dict[int, Ref] = {}  # by the identity of the array
        self._by_memory: dict[Any, Ref | None] = {}  # None where several values show the same: x and x[:], say
        self.arrays: list[Array] = []  # held, so that neither identity nor memory is used again
        self.used: list[tuple[Array, int]] = []  # what the file depends on, and when it was made or read

    def add(self, ref: Ref, array: Array) -> Ref:
        if id(array) in self._refs:
            return self._refs[id(array)]
        self.arrays.append(array)
        self.use(array)
        self._by_memory[_memory(array)] = None if _memory(array) in self._by_memory else ref
        self._refs[id(array)] = ref
        return ref

    def use(self, value: Any) -> None:
        """Note that the file depends on an array as it now is, or on those in a tuple."""
        value = numbers_of(value)
        if isinstance(value, np.ndarray):
            self.used.append((value, next(clock)))
        for item in value if isinstance(value, (tuple, list)) else ():
            self.use(item)

    def resolved(self, value: Any) -> Any:
        """Return a reference for an array that is known, within tuples too, and anything else as it is."""
        value = numbers_of(value)
        if isinstance(value, np.ndarray):
            self.arrays.append(value)
            original = value.base if isinstance(value, HostArray) and value.base is not None else value
            same = original is value or _memory(original) == _memory(value)
            return (same and self._refs.get(id(original))) or self._by_memory.get(_memory(value)) or value
        if isinstance(value, (tuple, list)):
            return remade(value, [self.resolved(item) for item in value])
        return value


def _memory(array: Any) -> Any:
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype


class _Walker:
    """Sees the calls of operations, and writes down those on values of the graph."""

    def __init__(self, found: Walk, inputs: Sequence[Tensor], fold: bool) -> None:
        self.found = found
        self.values = _Values()
        self._fold = fold
        self._fed = {ref.name for ref in found.inputs}  # what depends on the inputs
        self._owners = {id(owner_of(x.array)) for x in inputs}  # of the memory of what depends on the inputs
        self._random = _random_state()
        for ref, x in zip(found.inputs, inputs, strict=True):
            self.values.add(ref, x.array)
        for name, array in found.stored.items():
            self.values.add(Ref(name, array.shape, array.dtype), array)

    def see(self, call: Call) -> None:
        operation = call.operation
        given = self.values.resolved(call.inputs)
        count = operation.last if operation.variadic else len(operation.inputs)
        named = dict(zip(operation.inputs[:count], given, strict=False))
        if operation.variadic:
            named[operation.inputs[-1]] = given[count:]
        arguments = named | {key: self.values.resolved(value) for key, value in call.constants.items()}
        self._refuse_unseen(operation.name, arguments)
        used = list(refs_in(arguments))
        fed = any(ref.name in self._fed for ref in used)
        if not fed and (self._fold or not used):
            return
        if fed and self._shaped_by_numbers(operation.name, arguments):
            refuse(f"the shape of what {operation.name} returns depends on the numbers of the batch; {MEND}")
        self.values.use((*call.inputs, *call.constants.values()))
        line = calling_line()
        for k, result in enumerate(call.results):
            if isinstance(result, Tensor) and fed:
                result = traced(result, Exported)
            out = np.asarray(numbers_of(result))
            ref = Ref(f"{operation.name}_{len(self.found.steps)}", out.shape, out.dtype)
            self.values.add(ref, out)
            if fed:
                self._fed.add(ref.name)
                self._owners.add(id(owner_of(out)))
            of_several = {"output": k} if isinstance(call.result, tuple) else {}
            self.found.steps.append(Step(operation.name, arguments | of_several, ref, line.short if line else ""))

    def _refuse_unseen(self, name: str, arguments: dict[str, Any]) -> None:
        """Refuse what an operation is given that no operation made."""
        if self._from_batch(list(arguments.values())):
            refuse(f"{name} is given an array that was computed from the batch outside of operations; {MEND}")
        self.refuse_random(f"for {name}")

    def _from_batch(self, value: Any) -> bool:
        """Whether there are arrays that were made from the batch, but by no operation."""
        if isinstance(value, (tuple, list)):
            return any(map(self._from_batch, value))
        owner = owner_of(value) if isinstance(value, np.ndarray) else None
        return isinstance(owner, HostArray) or isinstance(value, HostArray) or id(owner) in self._owners

    def _shaped_by_numbers(self, name: str, arguments: dict[str, Any]) -> bool:
        """Whether an operation returns as many entries as the numbers of the batch say."""
        masks = [ref for ref in refs_in([arguments.get("index"), arguments.get("arrays")]) if ref.dtype == np.bool_]
        return "nonzero" in name or (name == "index" and any(ref.name in self._fed for ref in masks))

    def refuse_random(self, where: str) -> None:
        """Refuse a model that drew random numbers."""
        if _random_state() != self._random:
            refuse(f"random numbers were drawn {where}, which a file cannot do")


def _random_state() -> Any:
    legacy: Any = np.random.get_state()  # noqa: NPY002 (watched, not used)
    return str(default_generator().bit_generator.state), legacy[1].tobytes(), legacy[2:], random.getstate()


def walk_once(model: Module, inputs: Sequence[Tensor], names: Sequence[str], fold: bool = True) -> Walk:
    """Return what the model, in evaluation mode, does to these inputs."""
    stored = {name: tensor.array for name, tensor in (*model.named_parameters(), *model.named_buffers())}
    refs = [Ref(name, x.shape, x.dtype) for name, x in zip(names, inputs, strict=True)]
    # The inputs require gradients, so that writes in place are recorded or refused.
    given = [traced(Tensor(x.array, requires_grad=x.dtype.kind == "f"), Exported) for x in inputs]
    walker = _Walker(Walk(refs, stored), given, fold)
    with exporting(), in_evaluation_mode(model), enable_grad(), np.errstate(all="ignore"), watch(walker.see):
        result = _called(model, given)
        walker.refuse_random("by the model")
    written = (writer for array, since in walker.values.used if (writer := writes.after((array,), since)))
    if (writer := next(written, None)) is not None:
        raise ValueError(
            f"onnx.export: the model writes in place ({writer}), unrecorded, to what it has used before; compute "
            "out of place, with cat, stack or where"
        )
    found = walker.found
    found.outputs = {name: walker.values.resolved(value) for name, value in named_outputs(result).items()}
    found.steps = _needed(found.steps, found.outputs)
    return found


def _called(model: Module, inputs: Sequence[Tensor]) -> Any:
    try:
        return model(*inputs)
    except Exception as error:
        given = ", ".join(f"{x.shape} of {x.dtype}" for x in inputs)
        raise ValueError(
            f"onnx.export: the model failed on {given}, which is like the example but for the length of the batch, "
            f"dimension 0. {type(error).__name__}: {error}"
        ) from error


def named_outputs(result: Any) -> dict[str, Any]:
    """Return what a model returned by name: the keys of a dict, or numbers."""
    if isinstance(result, dict):
        return {str(key): value for key, value in result.items()}
    if isinstance(result, (tuple, list)):
        return {f"output_{i}" if len(result) > 1 else "output": value for i, value in enumerate(result)}
    return {"output": result}


def _needed(steps: list[Step], outputs: Any) -> list[Step]:
    """Return the steps that the outputs depend on."""
    wanted = {ref.name for ref in refs_in(outputs)}
    kept = []
    for step in reversed(steps):
        if step.result.name in wanted:
            kept.append(step)
            wanted |= {ref.name for ref in refs_in(step.arguments)}
    return kept[::-1]


# --- several walks made one ---

_NOTHING = Step("no operation", {}, Ref("", (), np.dtype(np.bool_)), "")


def _merged_walks(walks: Sequence[Walk], lengths: Sequence[int]) -> Walk:
    first = walks[0]
    for other, length in zip(walks, lengths, strict=True):
        pairs = zip_longest(first.steps, other.steps, fillvalue=_NOTHING)
        apart = next((pair for pair in pairs if pair[0].operation != pair[1].operation), None)
        if apart is not None:
            raise ValueError(
                f"onnx.export: the model calls other operations for another batch: {apart[0]} for one of "
                f"{lengths[0]} samples, {apart[1]} for one of {length}; a loop over the samples of a batch, or a "
                "choice that depends on its length or numbers, cannot be exported"
            )
    steps = []
    for several in zip(*(w.steps for w in walks), strict=True):
        mapping_of(several[0].operation, several[0])  # if there is none, the constants do not matter
        try:
            arguments = merged([step.arguments for step in several], lengths)
            result = merged([step.result for step in several], lengths)
        except Varies as error:
            raise ValueError(
                f"onnx.export: {several[0]} has {error}, which depends on the batch in a way that was not recorded "
                f"(lengths {', '.join(map(str, lengths))}); {MEND}"
            ) from None
        steps.append(Step(several[0].operation, arguments, result, several[0].line))
    try:
        outputs = merged([w.outputs for w in walks], lengths)
    except Varies as error:
        raise ValueError(f"onnx.export: the model returns {error}, which depends on the batch unrecorded") from None
    return Walk(merged([w.inputs for w in walks], lengths), first.stored, steps, outputs)
