"""A written model held to the one that it was made from."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from tinygrad_cnn.inspection.observe import in_evaluation_mode
from tinygrad_cnn.nn import Module
from tinygrad_cnn.onnx.walk import like, named_outputs
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

LENGTHS = 1, 2, 13  # of the batches: none that the model was walked with
NUMBERS = 10**5  # that the evaluator, which is slow, is given at once, unless it is fewer than two samples


def verify(model: Module, written: Any, examples: Sequence[Tensor], fixed: bool) -> None:
    """Compare what the file computes with what the model computes, by the reference evaluator of the package onnx.

    The batches are of other lengths (unless fixed) and of other numbers than those of the walks. Raises ValueError
    where an output differs, beyond rounding, in its shape, its type or its numbers.
    """
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(written)
    names = [value.name for value in written.graph.output]
    most = max(2, NUMBERS // sum(prod(x.shape[1:]) for x in examples))
    lengths = [len(examples[0])] if fixed else sorted({min(length, most) for length in LENGTHS})
    failed: list[str] = []
    for length in lengths:
        batch = [like(x, length, 1000 + length) for x in examples]
        try:
            ours = _by_the_model(model, batch)
        except Exception as error:  # not every model takes a batch of 1: there is nothing to compare with
            failed.append(f"{length}: {error}")
            continue
        inputs = {value.name: x.array for value, x in zip(written.graph.input, batch, strict=True)}
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                theirs = evaluator.run(None, inputs)
        except Exception as error:
            raise ValueError(
                "onnx.export: the file cannot be verified, as onnx's reference evaluator fails on it; with "
                f"verify=False it is written unverified. {type(error).__name__}: {error}"
            ) from error
        for name, a, b in zip(names, ours, theirs, strict=True):
            apart = _difference(a, np.asarray(b))
            if apart:
                raise ValueError(
                    f"onnx.export: no file was written: for a batch of {length}, its output {name!r} {apart}"
                )
    if len(failed) == len(lengths):
        raise ValueError(f"onnx.export: the model failed on each batch that was to verify the file ({failed[-1]})")


def _by_the_model(model: Module, batch: Sequence[Tensor]) -> list[Array]:
    with in_evaluation_mode(model), no_grad(), np.errstate(all="ignore"):
        result = model(*(Tensor(x.array) for x in batch))
    return [np.asarray(value.array) for value in named_outputs(result).values()]


def _difference(ours: Array, theirs: Array) -> str:
    """Return in words how the file's numbers differ from the model's; nothing if only by rounding."""
    if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
        return f"is of shape {theirs.shape} and type {theirs.dtype}, the model's of {ours.shape} and {ours.dtype}"
    if ours.dtype.kind != "f":
        apart = int(np.sum(ours != theirs))
        return f"differs from the model's in {apart} of {ours.size} entries" if apart else ""
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    with np.errstate(all="ignore"):
        distances = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0, np.abs(a - b))
        scale = np.max(np.abs(a), where=np.isfinite(a), initial=0)
    worst = float(np.max(distances, initial=0)) if not np.isnan(distances).any() else np.nan
    if worst <= max(scale, 1e-6) * np.finfo(ours.dtype).eps ** 0.5:
        return ""
    return f"differs from the model's by {worst:.3g}, whose largest number is {scale:.3g}"
