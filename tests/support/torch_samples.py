"""PyTorch's own samples of its operators, run here: the arguments are converted, the results are compared.

The samples come with the installed PyTorch (``torch.testing._internal``). Every operator whose name exists here is
run, so a new operation is held to PyTorch's samples as soon as it has a name.
"""

from __future__ import annotations

import itertools
import sys
import unittest
import warnings
from collections.abc import Callable, Iterator
from functools import reduce
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import torch

import tinygrad_cnn as tg

if "expecttest" not in sys.modules:  # the samples' module imports it for tests that are not used here
    stub = ModuleType("expecttest")
    stub.TestCase, stub.assert_expected_inline = unittest.TestCase, None
    sys.modules["expecttest"] = stub

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal import common_methods_invocations as invocations
    from torch.testing._internal.common_modules import module_db as module_db
    from torch.testing._internal.common_optimizers import optim_db as optim_db

# The import forbids to set flags such as torch.backends.cudnn.deterministic, which scripts in other tests do.
torch.backends.flags_frozen.__globals__["__allow_nonbracketed_mutation_flag"] = True

DTYPES = {
    getattr(torch, name): np.dtype(name)
    for name in ("float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool")
}
TOLERANCES = {torch.float16: 4e-3, torch.float32: 2e-5, torch.float64: 1e-8}  # of the largest number


class NotApplicable(Exception):
    """A sample that asks for what this package does not have at all: complex or sparse numbers, other devices."""


def convert(value: Any, known: dict[int, Any] | None = None) -> Any:
    """Return an argument with this package's tensors and types; tensors share their memory with PyTorch's.

    What is the same tensor there is the same tensor here.
    """
    known = {} if known is None else known
    if isinstance(value, torch.Tensor):
        if value.dtype not in DTYPES or value.layout is not torch.strided:
            raise NotApplicable(f"{value.dtype} {value.layout}")
        if id(value) not in known:
            known[id(value)] = tg.from_numpy(value.detach().numpy()).requires_grad_(value.requires_grad)
        return known[id(value)]
    if isinstance(value, torch.dtype):
        if value not in DTYPES:
            raise NotApplicable(str(value))
        return DTYPES[value]
    if isinstance(value, (torch.layout, torch.nn.Module, complex)):
        raise NotApplicable(f"{value!r:.40}")
    if value is torch.nn.functional.gelu:
        return tg.nn.functional.gelu
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, slice):
        return slice(*(convert(part, known) for part in (value.start, value.stop, value.step)))
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, (list, tuple)):
        return type(value)(convert(item, known) for item in value)
    if isinstance(value, dict):
        return {key: convert(item, known) for key, item in value.items()}
    return value


def tensors_in(value: Any, kind: type) -> Iterator[Any]:
    """Yield the tensors of a kind in nested sequences and dicts."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item, kind)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()), kind)


def plain_call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a function; in the place of PyTorch's wrapper that seeds its generator."""
    return function(*arguments, **options)


def calling(function: Any, package: Any) -> Callable[..., Any]:
    """Return a lambda of the samples' module with another package in the place of ``torch``."""
    names = {**function.__globals__, "torch": package, "wrapper_set_seed": plain_call}
    return FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)


def is_local(function: Any) -> bool:
    """Whether a function is one that PyTorch's tests define, around a function of ``torch``."""
    return isinstance(function, FunctionType) and function.__module__.startswith("torch.testing._internal")


def functions_of(op: Any) -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """Return an operator of PyTorch's and ours; None if it does not exist here."""
    *path, name = op.name.split(".")
    place = reduce(lambda at, part: getattr(at, part, None), path, tg)
    ours = getattr(place, name, None)
    ours = ours if callable(ours) else None  # and not a type of numbers
    method = getattr(tg.Tensor, name, None) if not path else None
    if ours is None and method is None:
        return None
    if is_local(op.op):
        return calling(op.op, torch), calling(op.op, tg)
    if ours is None and isinstance(method, property):
        return op.op, method.fget
    if ours is None or (getattr(op.op, "__objclass__", None) is not None and "Tensor" in str(op.op.__objclass__)):
        return op.op, method or ours
    return op.op, ours


OPERATORS = {
    f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name: op
    for op in invocations.op_db
    if functions_of(op) is not None
}


def described(name: str, arguments: Any, options: Any) -> str:
    """Describe a call, with shapes and types in the place of tensors."""

    def short(value: Any) -> str:
        if isinstance(value, torch.Tensor):
            layout = "" if value.is_contiguous() else f", stride {value.stride()}"
            return f"{str(value.dtype).removeprefix('torch.')}{tuple(value.shape)}{layout}"
        if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
            return f"[{', '.join(map(short, value))}]"
        return repr(value)

    parts = [*map(short, arguments), *(f"{key}={short(value)}" for key, value in options.items())]
    return f"{name}({', '.join(parts)})"


def theirs_of(function: Callable[..., Any], arguments: Any, options: Any) -> Any:
    """Return PyTorch's result, and whether it drew random numbers."""
    state = torch.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = function(*arguments, **options)
    return result, not torch.equal(state, torch.get_rng_state())


def ours_of(function: Callable[..., Any], arguments: Any, options: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        converted, named = convert([list(arguments), options])
        return function(*converted, **named)


def is_close(mine: Any, other: Any, tolerance: float) -> bool:
    """Whether arrays are equal, up to a part of the numbers and, in the coarse types, of the largest number."""
    finite = np.abs(other[np.isfinite(other)]) if other.dtype.kind == "f" and tolerance > 1e-7 else np.ones(1)
    return np.allclose(mine, other, tolerance, tolerance * max(1.0, float(finite.max(initial=0))), equal_nan=True)


def difference(ours: Any, theirs: Any, tolerance: float, numbers: bool = True) -> str | None:
    """Say how two results differ in structure, type, shape or (unless they are random) numbers."""
    if isinstance(theirs, torch.Tensor):
        if theirs.dtype not in DTYPES:
            raise NotApplicable(str(theirs.dtype))
        if not isinstance(ours, tg.Tensor):
            return f"{type(ours).__name__} instead of a tensor"
        if ours.dtype != DTYPES[theirs.dtype]:
            return f"type {ours.dtype} instead of {theirs.dtype}"
        if ours.shape != tuple(theirs.shape):
            return f"shape {ours.shape} instead of {tuple(theirs.shape)}"
        mine, other = ours.array, theirs.numpy(force=True)
        if numbers and not is_close(mine, other, max(tolerance, TOLERANCES.get(theirs.dtype, 0))):
            return (
                f"numbers {np.array2string(mine, threshold=20)} instead of {np.array2string(other, threshold=20)}"
            )
        return None
    if isinstance(theirs, (list, tuple)):
        if not isinstance(ours, (list, tuple)) or len(ours) != len(theirs):
            return f"{type(ours).__name__} instead of {len(theirs)} results"
        found = (difference(a, b, tolerance, numbers) for a, b in zip(ours, theirs, strict=True))
        return next((text for text in found if text), None)
    if isinstance(theirs, float) and numbers:
        return None if np.isclose(ours, theirs, tolerance, tolerance, equal_nan=True) else f"{ours}, not {theirs}"
    expected = convert(theirs)
    return None if ours == expected or not numbers else f"{ours!r} instead of {expected!r}"


def shared(results: Any, inputs: list[Any]) -> list[tuple[int, int]]:
    """Return which results of PyTorch share memory with which inputs."""
    outs = tensors_in(results, torch.Tensor)
    return [
        (i, j)
        for (i, out), (j, given) in itertools.product(enumerate(outs), enumerate(inputs))
        if out.numel() and given.numel() and out.untyped_storage().data_ptr() == given.untyped_storage().data_ptr()
    ]


def shared_here(results: list[Any], inputs: list[Any]) -> list[tuple[int, int]]:
    """Return which results share memory with which of PyTorch's inputs, whose memory ours use."""
    return [
        (i, j)
        for (i, out), (j, given) in itertools.product(enumerate(results), enumerate(inputs))
        if np.shares_memory(out.array, given.detach().numpy())
    ]


def gradients(package: Any, results: list[Any], sources: list[Any], order: int) -> list[list[Any]]:
    """Return the gradients of random sums of the results, and of random sums of those gradients, up to an order."""
    found: list[list[Any]] = []
    for _ in range(order):
        rng = np.random.default_rng(0)
        total = None
        for out in results:
            if out is not None and out.requires_grad:
                weights = package.tensor(rng.standard_normal(tuple(out.shape)), dtype=out.dtype)
                part = (out * weights).sum()
                total = part if total is None else total + part
            elif out is not None:
                rng.standard_normal(tuple(out.shape))
        if total is None:
            break
        results = package.autograd.grad(total, sources, create_graph=order > 1, allow_unused=True)
        found.append(list(results))
    return found


def gradient_difference(ours: list[list[Any]], theirs: list[list[Any]], tolerance: float) -> str | None:
    """Say how gradients differ; no gradient is as good as zeros."""
    for order in range(max(len(ours), len(theirs))):
        mine, other = (found[order] if order < len(found) else [] for found in (ours, theirs))
        for i, (a, b) in enumerate(itertools.zip_longest(mine, other)):
            x = np.zeros(1) if a is None else a.detach().numpy()
            y = np.zeros(1) if b is None else b.numpy(force=True)
            if a is not None and b is not None and x.shape != y.shape:
                return f"gradient {order + 1} of input {i} has shape {x.shape} instead of {y.shape}"
            if not is_close(x, y, tolerance):
                x, y = (np.array2string(np.asarray(v), threshold=20) for v in (x, y))
                return f"gradient {order + 1} of input {i} is {x} instead of {y}"
    return None


def failure(name: str, sample: Any, order: int, memory: bool = False) -> str | None:
    """Run one sample with both packages, and say what differs: results, memory, derivatives up to an order."""
    op = OPERATORS[name]
    arguments, options = [sample.input, *sample.args], sample.kwargs
    functions = functions_of(op)
    assert functions is not None
    try:
        theirs, is_random = theirs_of(functions[0], arguments, options)
    except Exception:
        return None  # no valid sample of this type
    text = described(op.name, arguments, options)
    numbers = not is_random and "empty" not in op.name
    tolerance = max((TOLERANCES.get(t.dtype, 0) for t in tensors_in(arguments, torch.Tensor)), default=1e-8)
    try:
        ours = ours_of(functions[1], arguments, options)
        found = difference(ours, theirs, tolerance or 1e-6, numbers)
    except NotApplicable:
        return None
    except Exception as error:
        return f"{text}: {type(error).__name__}: {error}"
    if found is None and memory:
        inputs = list(tensors_in([arguments, options], torch.Tensor))
        here, there = shared_here(list(tensors_in(ours, tg.Tensor)), inputs), shared(theirs, inputs)
        found = f"memory shared of (result, input) {here} instead of {there}" if here != there else None
    if found is None and order and numbers:
        found = _derivative_failure(functions, arguments, options, order, tolerance * 10)
    return found and f"{text}: {found}"


def _derivative_failure(functions: Any, arguments: Any, options: Any, order: int, tolerance: float) -> str | None:
    sources = [t for t in tensors_in([arguments, options], torch.Tensor) if t.requires_grad]
    if not sources:
        return None
    converted = convert([list(arguments), options])
    mine = [t for t in tensors_in(converted, tg.Tensor) if t.requires_grad]
    try:
        theirs = list(tensors_in(theirs_of(functions[0], arguments, options)[0], torch.Tensor))
        expected = gradients(torch, theirs, sources, order)
    except Exception:
        return None  # PyTorch has no such derivative
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            ours = list(tensors_in(functions[1](*converted[0], **converted[1]), tg.Tensor))
            found = gradients(tg, ours, mine, order)
    except Exception as error:
        return f"its derivative: {type(error).__name__}: {error}"
    wrong = [i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a.requires_grad != b.requires_grad]
    if wrong:
        return f"requires_grad of result {wrong[0]} is not {theirs[wrong[0]].requires_grad}"
    return gradient_difference(found, expected, tolerance)


def taken(name: str, error_input: Any) -> str | None:
    """Say that a call is taken which PyTorch refuses."""
    functions = functions_of(OPERATORS[name])
    assert functions is not None
    sample = error_input.sample_input
    arguments, options = [sample.input, *sample.args], sample.kwargs
    try:
        theirs_of(functions[0], arguments, options)
    except Exception as error:
        reason = str(error).partition("\n")[0]
    else:
        return None  # refused on other devices only
    try:
        result = ours_of(functions[1], arguments, options)
    except Exception:
        return None
    answer = f"shape {result.shape}" if isinstance(result, tg.Tensor) else repr(result)
    return f"{described(name, arguments, options)}: gives {answer}; PyTorch: {reason}"


def spread(samples: Any, most: int) -> list[Any]:
    """Return at most so many samples, evenly spread over the first ones (pooling has thousands, slow to make)."""
    drawn = list(itertools.islice(samples, max(400, most)))
    return drawn[:: max(1, -(-len(drawn) // most))]
