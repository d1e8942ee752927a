"""What callers of `export` may write, in PyTorch's words, and what is refused of it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from io import TextIOBase
from typing import Any

from tinygrad_cnn.nn import Module
from tinygrad_cnn.tensor import Tensor

# Arguments of torch.onnx.export with the values that mean what is done here in any case.
_ANYWAY: dict[str, tuple[Any, ...]] = {
    "artifacts_dir": (".",), "autograd_inlining": (True, False), "custom_opsets": (None, {}),
    "custom_translation_table": (None, {}), "dump_exported_program": (False,), "dynamic_shapes": (None,),
    "dynamo": (True, False), "export_modules_as_functions": (False,), "export_params": (True,),
    "external_data": (False,), "keep_initializers_as_inputs": (False, None), "kwargs": (None, {}),
    "operator_export_type": (None, 0), "optimize": (True, False), "profile": (False,), "report": (False,),
    "training": (None, False, 0),
}  # fmt: skip


def refuse_others(options: Mapping[str, Any]) -> None:
    """Refuse an argument of PyTorch's that asks for what is not done, and any other."""
    for name, value in options.items():
        if name not in _ANYWAY:
            raise TypeError(f"onnx.export: got an unexpected argument {name!r}")
        if not any(value is accepted or value == accepted for accepted in _ANYWAY[name]):
            wanted = " or ".join(map(repr, _ANYWAY[name]))
            raise ValueError(f"onnx.export: {name} is {value!r}, which is not supported here; wanted {wanted}")


def examples_of(args: Any) -> tuple[Tensor, ...]:
    """Return the example of each input."""
    examples = (args,) if isinstance(args, Tensor) else args
    if not isinstance(examples, (tuple, list)) or not examples or not all(isinstance(x, Tensor) for x in examples):
        given = [type(x).__name__ for x in examples] if isinstance(examples, (tuple, list)) else type(args).__name__
        raise ValueError(f"onnx.export: wanted one tensor or several as example, got {given}")
    for i, x in enumerate(examples):
        if not x.ndim or not x.numel():
            raise ValueError(
                f"onnx.export: wanted one tensor or several as example, each of a batch along dimension 0 and not "
                f"empty; example {i} has shape {x.shape}"
            )
    return tuple(examples)


def want_file(f: Any) -> None:
    """Refuse what is neither a path nor a file for bytes."""
    path = isinstance(f, (str, os.PathLike))
    if not path and (not hasattr(f, "write") or isinstance(f, TextIOBase)):
        raise TypeError(f"onnx.export: f is {f!r}; wanted a path, or a file that is open for writing bytes")


def input_names(model: Module, count: int, given: Sequence[str] | None) -> list[str]:
    """Return the names of the inputs: those given, then those of forward's parameters."""
    taken = {name for name, _ in (*model.named_parameters(), *model.named_buffers())}
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    named = [p.name for p in inspect.signature(model.forward).parameters.values() if p.kind in kinds]
    names = [*named, *(f"input_{i}" for i in range(len(named), count))][:count]
    own = [f"{name}_" if name in taken else name for name in names]
    return renamed("input_names", own, given, taken)


def renamed(argument: str, own: Sequence[str], given: Sequence[str] | None, taken: set[str]) -> list[str]:
    """Return the given names, and where there is none, our own."""
    names = [] if given is None else list(given)
    if isinstance(given, str) or not all(isinstance(name, str) and name for name in names):
        raise TypeError(f"onnx.export: {argument} is {given!r}; wanted a list of names")
    if len(names) > len(own):
        raise ValueError(f"onnx.export: {argument} has {len(names)} names; the model has {len(own)}")
    names += own[len(names) :]
    twice = {name for name in names if name in taken or names.count(name) > 1 or name.startswith("/")}
    if twice:
        raise ValueError(f"onnx.export: {argument} has {sorted(twice)}, which are names of other values already")
    return names


Axes = Mapping[str, Mapping[int, str] | Sequence[int]]


def name_of_batch(dynamic_axes: Axes | None, inputs: Sequence[str]) -> str | None:
    """Return the name of the batch's length; None if it is fixed, as an empty mapping says."""
    if dynamic_axes is None:
        return "N"
    names = set()
    for value, axes in dynamic_axes.items():
        if not isinstance(axes, (Mapping, list, tuple)) or "" in axes:
            raise TypeError(
                f"onnx.export: dynamic_axes has {axes!r} for {value!r}; wanted a dimension and its name, {{0: 'N'}}"
            )
        for axis in axes:
            if value in inputs and axis != 0:
                raise ValueError(
                    f"onnx.export: dynamic_axes has dimension {axis} of {value!r}; of an input, only the batch, "
                    "dimension 0, may be of any length"
                )
            names |= {axes[axis]} if isinstance(axes, Mapping) and value in inputs else set()
    missing = [name for name in inputs if dynamic_axes and not len(dynamic_axes.get(name, ()))]
    if missing or len(names) > 1:
        raise ValueError(
            f"onnx.export: dynamic_axes is {dynamic_axes!r}; wanted the batch, dimension 0, of each of the inputs "
            f"{list(inputs)}, with one name"
        )
    return names.pop() if names else "N" if dynamic_axes else None


def want_dynamic(dynamic_axes: Axes | None, shapes: Mapping[str, Sequence[Any]]) -> None:
    """Refuse dynamic axes of values that the model does not have, or that are of one length for all batches."""
    for value, axes in (dynamic_axes or {}).items():
        if value not in shapes:
            raise ValueError(f"onnx.export: dynamic_axes has {value!r}; the model has {sorted(shapes)}")
        for axis in axes:
            if axis not in range(len(shapes[value])) or isinstance(shapes[value][axis], int):
                raise ValueError(
                    f"onnx.export: dynamic_axes has dimension {axis} of {value!r}, the same for all batches"
                )
