"""Metrics: figures beside the loss, computed for each batch and averaged over all samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

Metric = Callable[[Any, Tensor], Any]
"""A function of the model's outputs and the targets of a batch.

It returns one number for each sample, (N,), or a single number, the mean over the batch.
"""


def accuracy(outputs: Any, targets: Tensor) -> Array:
    """Return for each sample whether its class has the largest output: (N,) booleans.

    ``outputs`` (N, C) are scores of at least two classes; ``targets`` are class indices (N,), or scores (N, C) too.
    With outputs (N, C, d1, ...) and targets (N, d1, ...), as in segmentation, a sample's number is the fraction of
    its positions that are right. Raises TypeError for outputs that are no tensor, ValueError for other shapes.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.training.metric import accuracy
    >>> accuracy(tg.tensor([[0.2, 0.8], [0.9, 0.1]]), tg.tensor([1, 1]))
    array([ True, False])
    """
    if not isinstance(outputs, Tensor):
        raise TypeError(
            f"accuracy: the outputs are a {type(outputs).__name__}; wanted a tensor (N, C). For other outputs, "
            "give Trainer metric=None, or a metric of your own"
        )
    if outputs.ndim < 2 or outputs.shape[1] < 2:
        raise ValueError(
            f"accuracy: the outputs have shape {outputs.shape}; wanted a score for each of at least two classes, "
            "(N, C). For a regression, or a classifier with one output, give Trainer metric=None, or a metric of "
            "your own"
        )
    guesses, classes = outputs.array.argmax(axis=1), targets.array
    if classes.shape == outputs.shape:
        classes = classes.argmax(axis=1)
    elif classes.shape != guesses.shape or classes.dtype.kind not in "iu":
        raise ValueError(
            f"accuracy: the targets are {classes.dtype} {classes.shape}, the outputs {outputs.shape}; wanted class "
            f"indices {guesses.shape}, or scores {outputs.shape}"
        )
    right: Array = guesses == classes
    return right if right.ndim == 1 else right.reshape(len(right), -1).mean(axis=1)


def named_metrics(metric: Metric | Mapping[str, Metric] | None) -> dict[str, Metric]:
    """Return metrics by name: a function counts under its own name. Raises TypeError or ValueError for others."""
    if metric is None:
        return {}
    if isinstance(metric, Mapping):
        named = dict(metric)
    elif not callable(metric):
        raise TypeError(
            f"Trainer: metric is a {type(metric).__name__}; wanted a function of outputs and targets, a dict of "
            "such functions by name, or None"
        )
    else:
        named = {getattr(metric, "__name__", type(metric).__name__): metric}
    for name, function in named.items():
        if not callable(function):
            raise TypeError(f"Trainer: the metric {name!r} is a {type(function).__name__}; wanted a function")
        if not isinstance(name, str) or not name.isidentifier() or name == "loss":
            raise ValueError(
                f"Trainer: a metric has the name {name!r}, which cannot be a column of the history; wanted "
                'another, as in metric={"mean_error": function}'
            )
    return named


def metric_sums(metrics: Mapping[str, Metric], outputs: Any, targets: Tensor) -> dict[str, float]:
    """Return each metric, added up over the samples of a batch."""
    with no_grad():
        return {name: _sum(name, metric(outputs, targets), len(targets)) for name, metric in metrics.items()}


def _sum(name: str, value: Any, samples: int) -> float:
    array = np.asarray(value.array if isinstance(value, Tensor) else value)
    if array.dtype.kind not in "biuf" or array.shape not in ((), (samples,)):
        raise ValueError(
            f"the metric {name} returned {array.dtype} {array.shape} for a batch of {samples} samples; wanted one "
            f"number for each, ({samples},), or a single number, their mean"
        )
    if array.dtype == bool and array.ndim:
        return float(np.count_nonzero(array))
    return float(array) * samples if array.ndim == 0 else float(array.sum(dtype=np.float64))
