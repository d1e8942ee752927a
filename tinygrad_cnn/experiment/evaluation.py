"""The evaluation of a trained model, on all three parts of the data, with the statistics of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.experiment.metrics import (
    calibration,
    confusion_matrix,
    overfitting_warning,
    per_class,
    statistics,
    wilson_interval,
)
from tinygrad_cnn.ops import softmax
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.training.trainer import Trainer
from tinygrad_cnn.typing import Array

BATCH = 1000


@dataclass(frozen=True)
class Evaluation:
    """The figures of a run, and the test set sample by sample."""

    metrics: dict[str, Any]
    images: Array  # (N, 1, H, W)
    labels: Array  # (N,)
    probabilities: Array  # (N, C)
    confusion: Array  # (C, C)


def evaluate_run(trainer: Trainer, train: Any, validation: Any, test: Any) -> Evaluation:
    """Evaluate a model on its three parts of the data, and on the test part in detail."""
    scores = [trainer.evaluate(DataLoader(part, BATCH)) for part in (train, validation, test)]
    images, labels = _as_arrays(test)
    probabilities = softmax(trainer.predict(DataLoader(test, BATCH)), dim=1).array
    classes = probabilities.shape[1]
    confusion = confusion_matrix(labels, probabilities.argmax(1), classes)
    right = int(np.trace(confusion))
    hits = probabilities.argmax(1) == labels
    final = statistics(trainer.history)
    low, high = wilson_interval(right, len(labels))
    metrics = {
        **final,
        "final_train_loss": final["train_loss"],
        "train_accuracy": scores[0].accuracy,
        "train_loss": scores[0].loss,
        "val_accuracy": scores[1].accuracy,
        "val_loss": scores[1].loss,
        "test_accuracy": scores[2].accuracy,
        "test_loss": scores[2].loss,
        "test_accuracy_low": low,
        "test_accuracy_high": high,
        "test_accuracy_halves": [float(half.mean()) for half in np.array_split(hits, 2) if len(half)],
        "calibration_error": calibration(probabilities, labels).error,
        "overfitting": overfitting_warning(scores[0].accuracy, scores[1].accuracy),
        "per_class": {name: values.tolist() for name, values in per_class(confusion)._asdict().items()},
        "confusion": confusion.tolist(),
    }
    return Evaluation(metrics, images, labels, probabilities, confusion)


def _as_arrays(part: Any) -> tuple[Array, Array]:
    """Return the images and class labels of a part as arrays."""
    batches: list[tuple[Tensor, Tensor]] = list(DataLoader(part, BATCH))
    labels = np.concatenate([y.array for _, y in batches])
    return np.concatenate([x.array for x, _ in batches]), labels.argmax(1) if labels.ndim > 1 else labels


def statistics_table(metrics: Mapping[str, Any]) -> str:
    """Return the final statistics as lines of text."""
    low, high = metrics["test_accuracy_low"], metrics["test_accuracy_high"]
    rows = [
        ("epochs", f"{metrics['epochs']}"),
        ("final training loss", f"{metrics['final_train_loss']:.4f}"),
        ("loss improvement", f"{metrics['loss_improvement']:.4f}"),
        ("training accuracy", f"{metrics['train_accuracy']:.2%}"),
        ("validation accuracy", f"{metrics['val_accuracy']:.2%} (best {metrics['best_val_accuracy']:.2%})"),
        ("test accuracy", f"{metrics['test_accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%})"),
        ("test loss", f"{metrics['test_loss']:.4f}"),
        ("time per epoch", f"{metrics['seconds_per_epoch']:.2f} s"),
        ("time of all epochs", f"{metrics['seconds_total']:.1f} s (training and validation)"),
    ]
    if metrics["synthetic"]:
        rows.insert(0, ("data", "SYNTHETIC digits: these figures say nothing about MNIST"))
    lines = [f"  {name:20} {value}" for name, value in rows]
    warning = [f"  warning: {metrics['overfitting']}"] if metrics["overfitting"] else []
    return "\n".join(["", *lines, *warning, ""])
