"""Loss, metrics and outputs of a model over a whole data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_cnn.inspection.observe import in_evaluation_mode
from tinygrad_cnn.nn import Module
from tinygrad_cnn.ops import cat
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.training.batches import Loader, check_loader, checked_batches
from tinygrad_cnn.training.history import Score
from tinygrad_cnn.training.metric import Metric, metric_sums
from tinygrad_cnn.training.progress import Totals


def evaluate(model: Module, loss: Callable[..., Tensor], metrics: Mapping[str, Metric], data: Loader) -> Score:
    """Return the mean loss and the metrics over all samples; the model is in evaluation mode meanwhile."""
    check_loader("evaluate", data)
    totals = Totals()
    with no_grad(), in_evaluation_mode(model):
        for inputs, targets in checked_batches("evaluate", data):
            outputs = model(inputs)
            value = mean_loss("evaluate", loss, outputs, targets).item()
            totals.add(value, metric_sums(metrics, outputs, targets), len(targets))
    if not totals.samples:
        raise ValueError(f"evaluate: the {type(data).__name__} gave no batch; wanted at least one")
    return totals.score()


def predict(model: Module, data: Loader) -> Tensor:
    """Return the model's outputs for all samples, in their order; the model is in evaluation mode meanwhile."""
    check_loader("predict", data)
    outputs: list[Tensor] = []
    with no_grad(), in_evaluation_mode(model):
        for inputs, _ in checked_batches("predict", data):
            output = model(inputs)
            if not isinstance(output, Tensor):
                raise TypeError(
                    f"predict: the model's output is a {type(output).__name__}; wanted a tensor. Call the model "
                    "itself on each batch"
                )
            outputs.append(output)
    if not outputs:
        raise ValueError(f"predict: the {type(data).__name__} gave no batch; wanted at least one")
    return cat(outputs)


def mean_loss(name: str, loss: Callable[..., Tensor], outputs: Any, targets: Tensor) -> Tensor:
    """Return the loss of a batch. Raises TypeError or ValueError, naming the caller, if it is not one number."""
    value = loss(outputs, targets)
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: the loss is a {type(value).__name__}; wanted a tensor of one number")
    if value.numel() != 1:
        raise ValueError(
            f"{name}: the loss has shape {value.shape}; wanted one number for the batch, such as a mean"
        )
    return value
