"""A model as an ONNX file."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cnn.nn import Module
from tinygrad_cnn.onnx.graph import Graph
from tinygrad_cnn.onnx.mapping import MAPPINGS
from tinygrad_cnn.onnx.walk import Batch, Ref, Step, Walk, walk
from tinygrad_cnn.storage.atomic_files import atomic_write
from tinygrad_cnn.tape.record import Operation
from tinygrad_cnn.tensor import Tensor

OPSET, IR = 13, 8  # old enough for runtimes of some years ago


def export(model: Module, example: Tensor | Sequence[Tensor], path: str | os.PathLike[str]) -> None:
    """Write what a model computes in evaluation mode to an ONNX file, for batches of any length.

    The model is run on batches like the example (or the examples, if it has several inputs, each with the batch
    along its first dimension), and the operations that it calls are written down, whatever its code looks like.
    Parameters and buffers keep their names, the inputs have those of forward's parameters. The file is of opset 13;
    it is checked before it takes its place. Runtimes have every operator for float32 only: export a model in
    float64 after ``float()``. Wants the package ``onnx``.

    Raises ValueError, and writes nothing, if an operation has no counterpart (it is named), or if the model's way
    depends on the numbers or the length of a batch.
    """
    examples = (example,) if isinstance(example, Tensor) else tuple(example)
    if not examples or not all(isinstance(x, Tensor) and x.ndim and x.numel() for x in examples):
        raise ValueError("onnx.export: wanted one tensor or several as example, the batch along dimension 0")
    try:
        import onnx
    except ImportError as error:
        raise ImportError("onnx.export wants the package onnx: pip install 'tinygrad_cnn[onnx]'") from error
    written = model_of(walk(model, examples, _input_names(model, len(examples))), type(model).__name__)
    onnx.checker.check_model(written, full_check=True)
    with atomic_write(Path(path)) as file:
        file.write(written.SerializeToString())


def _input_names(model: Module, count: int) -> list[str]:
    taken = {name for name, _ in (*model.named_parameters(), *model.named_buffers())}
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    named = [p.name for p in inspect.signature(model.forward).parameters.values() if p.kind in kinds]
    names = [*named, *(f"input_{i}" for i in range(len(named), count))][:count]
    return [f"{name}_" if name in taken else name for name in names]


def _free(name: str, found: Walk) -> str:
    """Return a name that no input, parameter or buffer has."""
    return f"{name}_" if name in found.stored or any(ref.name == name for ref in found.inputs) else name


def model_of(found: Walk, name: str) -> Any:
    """Return what was walked as a model of the package onnx."""
    from onnx import helper, numpy_helper

    b = Graph(found.inputs[0])
    values: dict[str, Ref] = {}
    for step in found.steps:
        values[step.result.name] = _added(b, step, values)
    outputs = []
    for i, out in enumerate(found.outputs):
        ref = _with(out, values)
        if not isinstance(out, Ref):
            raise ValueError(f"onnx.export: output {i} of the model does not depend on its input, or is no tensor")
        last = _free(f"output_{i}" if len(found.outputs) > 1 else "output", found)
        b.nodes.append(helper.make_node("Identity", [ref.name], [last], last))
        outputs.append(_described(Ref(last, out.shape, out.dtype)))
    used = {operand for node in b.nodes for operand in node.input}
    stored = [
        numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), key)
        for key, array in (found.stored | b.constants).items()
        if key in used
    ]
    graph = helper.make_graph(
        b.nodes,
        name,
        [_described(ref) for ref in found.inputs],
        outputs,
        stored,
    )
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, ir_version=IR, opset_imports=opset, producer_name="tinygrad_cnn")


def _described(ref: Ref) -> Any:
    from onnx import helper

    shape = [(("N" if n.times == 1 else f"{n.times}N") if isinstance(n, Batch) else n) for n in ref.shape]
    return helper.make_tensor_value_info(ref.name, helper.np_dtype_to_tensor_dtype(ref.dtype), shape)


def _added(b: Graph, step: Step, values: dict[str, Ref]) -> Ref:
    """Add the operators that an operation comes to; return its result."""
    rule = MAPPINGS.get(step.operation)
    if rule is None:
        raise ValueError(f"onnx.export: the operation {step.operation} has no counterpart in ONNX")
    inputs = [step.arguments[key] for key in Operation.registry[step.operation].inputs if key in step.arguments]
    given = step.arguments | {"inputs": inputs, "out": step.result}
    code = rule.__code__
    wanted = code.co_varnames[1 : code.co_argcount]
    try:
        made = rule(b, **{key: _with(given[key], values) for key in wanted})
    except ValueError as error:
        raise ValueError(f"onnx.export: {step.operation} {error} has no counterpart in ONNX") from error
    return Ref(made.name, step.result.shape, step.result.dtype)


def _with(value: Any, values: dict[str, Ref]) -> Any:
    """Return references to results of operations as references to what came of these."""
    if isinstance(value, Ref):
        known = values.get(value.name, value)
        return Ref(known.name, value.shape, known.dtype)
    if isinstance(value, (tuple, list)):
        items = [_with(item, values) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value
