"""A model as an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tinygrad_cnn.nn import Module
from tinygrad_cnn.onnx import arguments
from tinygrad_cnn.onnx.batch import Batch, Ref
from tinygrad_cnn.onnx.graph import Graph
from tinygrad_cnn.onnx.mapping import mapping_of
from tinygrad_cnn.onnx.verify import verify as hold_to_model
from tinygrad_cnn.onnx.walk import Step, Walk, walk
from tinygrad_cnn.storage.atomic_files import atomic_write
from tinygrad_cnn.tape.record import Operation
from tinygrad_cnn.tensor import Tensor

OPSETS = 13, 23  # the first is old enough for runtimes of some years ago
IR = 8


def export(
    model: Module,
    args: Tensor | Sequence[Tensor],
    f: str | os.PathLike[str] | BinaryIO,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    dynamic_axes: arguments.Axes | None = None,
    opset_version: int | None = None,
    do_constant_folding: bool = True,
    verbose: bool | None = None,
    verify: bool = True,
    **options: Any,
) -> None:
    """Write what a model computes in evaluation mode to an ONNX file, for batches of any length.

    The model is run on batches like the example, and the operations that it calls are written down, whatever its
    code looks like. What it computes from the length of the batch is computed in the file too. Parameters and
    buffers keep their names. Runtimes have every operator for float32 only: export a model in float64 after
    ``float()``. Wants the package ``onnx``. The arguments are those of ``torch.onnx.export``:

    - ``args``: an example, a tensor with the batch along dimension 0, or a tuple of one for each input.
      The model is tried with numbers from the range of the example's, so take one of real data.
    - ``f``: a path, or a file that is open for writing bytes.
    - ``input_names``, ``output_names``: if left out, those of forward's parameters; ``output``, or ``output_0``
      and so on, or the keys if forward returns a dict.
    - ``dynamic_axes``: names the length of the batch, ``{"input": {0: "batch"}}``; empty, it fixes the length to
      the example's. Left out, the length is ``N``, of any size (in PyTorch it is then fixed).
    - ``opset_version``: 13 to 23, as far as the installed onnx knows it; 13 if left out.
    - ``do_constant_folding``: whether operations on parameters alone are done now.
    - ``verbose``: whether the graph is printed.
    - ``verify``: whether the file is compared with the model before it takes its place, on batches of other lengths
      and other numbers, with the reference evaluator of the package onnx.

    Raises ValueError, and writes nothing, if an operation has no counterpart (it is named; those of RNN, LSTM, GRU
    and their cells, and of max-unpooling, have none), if the model takes
    numbers out of recorded operations (``if x.sum() > 0``, ``item()``, NumPy: the line is named) or draws random
    ones, if a choice or a number depends on the length of the batch in a way that a file cannot follow, and if the
    file does not compute what the model does. A choice made on the length alone (``if len(x) > 1000``) is not seen
    where batches of up to 200 samples all go one way.
    """
    if not isinstance(model, Module):
        raise TypeError(f"onnx.export: model is {type(model).__name__}; wanted an nn.Module")
    arguments.refuse_others(options)
    arguments.want_file(f)
    examples = arguments.examples_of(args)
    try:
        import onnx
    except ImportError as error:
        raise ImportError("onnx.export wants the package onnx: pip install 'tinygrad_cnn[onnx]'") from error
    opset = OPSETS[0] if opset_version is None else opset_version
    latest = min(OPSETS[1], onnx.defs.onnx_opset_version())
    if opset not in range(OPSETS[0], latest + 1):
        raise ValueError(f"onnx.export: opset_version is {opset_version!r}; wanted {OPSETS[0]} to {latest}")
    names = arguments.input_names(model, len(examples), input_names)
    batch = arguments.name_of_batch(dynamic_axes, names)
    found = walk(model, examples, names, fixed=batch is None, fold=do_constant_folding)
    found.outputs = _outputs(found, output_names)
    arguments.want_dynamic(dynamic_axes, {r.name: r.shape for r in found.inputs} | _shapes(found.outputs))
    written = model_of(found, type(model).__name__, opset, batch or "N")
    onnx.checker.check_model(written, full_check=True)
    if verify:
        hold_to_model(model, written, examples, fixed=batch is None)
    if verbose:
        print(onnx.printer.to_text(written))
    if isinstance(f, (str, os.PathLike)):
        with atomic_write(Path(f)) as file:
            file.write(written.SerializeToString())
    else:
        f.write(written.SerializeToString())


def _outputs(found: Walk, given: Sequence[str] | None) -> dict[str, Any]:
    """Return the outputs by the names that they have in the file."""
    for name, out in found.outputs.items():
        if not isinstance(out, Ref):
            raise ValueError(f"onnx.export: {name} of the model does not depend on its input, or is no tensor")
    taken = {*found.stored, *(ref.name for ref in found.inputs)}
    own = [f"{name}_" if name in taken else name for name in found.outputs]
    names = arguments.renamed("output_names", own, given, taken)
    return dict(zip(names, found.outputs.values(), strict=True))


def _shapes(values: dict[str, Ref]) -> dict[str, Any]:
    return {name: ref.shape for name, ref in values.items()}


def model_of(found: Walk, name: str, opset: int = OPSETS[0], batch: str = "N") -> Any:
    """Return what was walked as a model of the package onnx."""
    from onnx import helper, numpy_helper

    b = Graph(found.inputs[0], opset)
    values: dict[str, Ref] = {}
    for step in found.steps:
        values[step.result.name] = _added(b, step, values)
    outputs = []
    for key, out in found.outputs.items():
        ref = _with(out, values)
        b.nodes.append(helper.make_node("Identity", [ref.name], [key], key))
        outputs.append(_described(replace(out, name=key), batch))
    used = {operand for node in b.nodes for operand in node.input}
    stored = [
        numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), key)
        for key, array in (found.stored | b.constants).items()
        if key in used
    ]
    graph = helper.make_graph(b.nodes, name, [_described(ref, batch) for ref in found.inputs], outputs, stored)
    imports = [helper.make_opsetid("", opset)]
    ir = max(IR, helper.find_min_ir_version_for(imports))
    return helper.make_model(graph, ir_version=ir, opset_imports=imports, producer_name="tinygrad_cnn")


def _described(ref: Ref, batch: str) -> Any:
    from onnx import helper

    shape = [n.formula(batch) if isinstance(n, Batch) else n for n in ref.shape]
    return helper.make_tensor_value_info(ref.name, helper.np_dtype_to_tensor_dtype(ref.dtype), shape)


def _added(b: Graph, step: Step, values: dict[str, Ref]) -> Ref:
    """Add the operators that an operation comes to; return its result."""
    rule = mapping_of(step.operation, step)
    inputs = [step.arguments[key] for key in Operation.registry[step.operation].inputs if key in step.arguments]
    given = step.arguments | {"inputs": inputs, "out": step.result}
    code = rule.__code__
    wanted = code.co_varnames[1 : code.co_argcount]
    try:
        made = rule(b, **{key: _with(given[key], values) for key in wanted})
    except (ValueError, TypeError) as error:
        raise ValueError(f"onnx.export: {step} {error} has no counterpart in ONNX") from error
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
