"""Figures of a classifier: confusion, precision and recall, calibration, intervals, statistics of a history."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_cnn.training.history import History, Score, columns_of
from tinygrad_cnn.typing import Array

OVERFITTING_GAP = 0.10  # the report's: 10 points
_Z95 = 1.959963984540054  # 95 % of a normal distribution lies within this many standard deviations


def confusion_matrix(labels: ArrayLike, guesses: ArrayLike, classes: int) -> Array:
    """Count how often samples of a class (row) were classified as each class (column): (classes, classes), int64.

    Raises ValueError unless labels and guesses are two (N,) arrays of class indices below ``classes``.

    >>> from tinygrad_cnn.experiment.metrics import confusion_matrix
    >>> confusion_matrix([0, 0, 1], [0, 1, 1], classes=2)
    array([[1, 1],
           [0, 1]])
    """
    if classes < 1:
        raise ValueError(f"confusion_matrix: classes is {classes}; wanted at least 1")
    truth = _class_indices("confusion_matrix", "labels", labels, classes)
    guessed = _class_indices("confusion_matrix", "guesses", guesses, classes)
    if len(truth) != len(guessed):
        raise ValueError(f"confusion_matrix: {len(truth)} labels, {len(guessed)} guesses; wanted as many")
    return np.bincount(truth * classes + guessed, minlength=classes**2).reshape(classes, classes)


class PerClass(NamedTuple):
    """Figures for each class, each of shape (classes,)."""

    precision: Array  # of the samples classified as the class, the fraction that are of it
    recall: Array  # of the samples of the class, the fraction classified as it
    f1: Array  # the harmonic mean of precision and recall
    support: Array  # the number of samples of the class


def per_class(confusion: Array) -> PerClass:
    """Return precision, recall, F1 and support of each class; 0 / 0 counts as 0.

    >>> from tinygrad_cnn.experiment.metrics import per_class
    >>> import numpy as np
    >>> per_class(np.array([[1, 1], [0, 2]])).recall
    array([0.5, 1. ])
    """
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise ValueError(f"per_class: the confusion matrix has shape {confusion.shape}; wanted a square")
    right, guessed, support = np.diagonal(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    return PerClass(_ratio(right, guessed), _ratio(right, support), _ratio(2 * right, guessed + support), support)


@dataclass(frozen=True)
class Calibration:
    """A reliability diagram: samples in bins of confidence; bin i goes from edges[i] to edges[i + 1]."""

    edges: Array  # (bins + 1,)
    confidence: Array  # (bins,): mean probability of the guesses; 0 in an empty bin
    accuracy: Array  # (bins,): fraction of right guesses; 0 in an empty bin
    count: Array  # (bins,)
    error: float  # the expected calibration error: mean of |accuracy - confidence|, weighted by count


def calibration(probabilities: ArrayLike, labels: ArrayLike, bins: int = 15) -> Calibration:
    """Compare the confidence of a model in its guesses with how often they are right.

    ``probabilities`` are (N, C), ``labels`` class indices (N,). The guess is the first largest probability.
    After Guo et al., "On Calibration of Modern Neural Networks" (2017).

    >>> from tinygrad_cnn.experiment.metrics import calibration
    >>> round(calibration([[0.9, 0.1], [0.2, 0.8]], [0, 1]).error, 3)
    0.15
    """
    table = np.asarray(probabilities)
    if table.ndim != 2 or not table.size or bins < 1:
        raise ValueError(f"calibration: probabilities {table.shape}, {bins} bins; wanted (N, C) and at least 1 bin")
    truth = _class_indices("calibration", "labels", labels, table.shape[1])
    if len(truth) != len(table):
        raise ValueError(f"calibration: probabilities of {len(table)} samples, {len(truth)} labels; wanted as many")
    confidence = table.max(axis=1).astype(np.float64)
    if not ((confidence >= 0) & (confidence <= 1 + 1e-6)).all():  # NaN fails too; float32's softmax may pass 1
        raise ValueError("calibration: the largest probabilities are not all from 0 to 1")
    edges = np.linspace(0, 1, bins + 1)
    where = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(where, minlength=bins)
    sure = np.bincount(where, confidence, bins)
    right = np.bincount(where, table.argmax(axis=1) == truth, bins)
    error = float(np.abs(right - sure).sum() / len(table))
    return Calibration(edges, _ratio(sure, count), _ratio(right, count), count, error)


def wilson_interval(right: int, total: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of the accuracy of a model that got ``right`` of ``total`` samples right.

    After Wilson, "Probable inference, the law of succession, and statistical inference" (1927).

    >>> from tinygrad_cnn.experiment.metrics import wilson_interval
    >>> [round(bound, 4) for bound in wilson_interval(9900, 10_000)]
    [0.9879, 0.9918]
    """
    if not 0 <= right <= total or total < 1:
        raise ValueError(f"wilson_interval: {right} right of {total}; wanted 0 <= right <= total, of at least 1")
    p, z2 = right / total, _Z95**2
    centre = (p + z2 / (2 * total)) / (1 + z2 / total)
    reach = _Z95 * math.sqrt(p * (1 - p) / total + z2 / (4 * total**2)) / (1 + z2 / total)
    # At 0 and 1 the bound is known exactly; rounding would miss it by an ulp.
    return (0.0 if right == 0 else centre - reach, 1.0 if right == total else centre + reach)


def statistics(history: History, test: Score | None = None, test_samples: int = 0) -> dict[str, float | None]:
    """Return the final statistics of a run, plain numbers for JSON. What is missing or not finite is None.

    ``loss_improvement`` is the training loss of the first epoch minus that of the last. Metrics stand under their
    own names; of the accuracy there is the best of validation too, and, with a ``test`` score of ``test_samples``
    samples, its 95 % interval. Raises ValueError if no epoch ended.
    """
    if not history.epochs:
        raise ValueError("statistics: the history has no epochs; wanted at least one")
    first, last = history.epochs[0], history.epochs[-1]
    row = last.row()
    numbers: dict[str, float | None] = {
        "epochs": len(history.epochs),
        "train_loss": last.train.loss,
        "loss_improvement": first.train.loss - last.train.loss,
        **{name: row[name] for name in columns_of(last.train.metrics)[1:-2]},
    }
    if "accuracy" in last.train.metrics:
        accuracies = [epoch.validation.accuracy for epoch in history.epochs if epoch.validation is not None]
        numbers["best_val_accuracy"] = max(accuracies, default=None)
    numbers |= {"seconds_per_epoch": history.seconds / len(history.epochs), "seconds_total": history.seconds}
    if test is not None:
        numbers |= {"test_loss": test.loss, **{f"test_{name}": value for name, value in test.metrics.items()}}
        if "accuracy" in test.metrics:
            interval = wilson_interval(round(test.accuracy * test_samples), test_samples)
            numbers["test_accuracy_low"], numbers["test_accuracy_high"] = interval
    return {name: value if value is None or math.isfinite(value) else None for name, value in numbers.items()}


def overfitting_warning(train_accuracy: float, val_accuracy: float) -> str | None:
    """Return a warning if the training accuracy is more than 10 points above the validation accuracy, else None.

    >>> from tinygrad_cnn.experiment.metrics import overfitting_warning
    >>> overfitting_warning(0.98, 0.95)
    >>> overfitting_warning(0.98, 0.85)
    'overfitting: training accuracy 98.00% is 13.0 points above validation accuracy 85.00%'
    """
    gap = train_accuracy - val_accuracy
    if round(gap, 9) <= OVERFITTING_GAP or math.isnan(gap):  # 0.4 - 0.3 is above 0.1 in floating point
        return None
    return (
        f"overfitting: training accuracy {train_accuracy:.2%} is {100 * gap:.1f} points above "
        f"validation accuracy {val_accuracy:.2%}"
    )


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole != 0)


def _class_indices(function: str, name: str, values: ArrayLike, classes: int) -> Array:
    indices = np.asarray(values)
    if indices.ndim != 1 or (indices.size and indices.dtype.kind not in "iu"):
        raise ValueError(f"{function}: {name} are {indices.dtype} {indices.shape}; wanted integers (N,)")
    if indices.size and not 0 <= indices.min() <= indices.max() < classes:
        raise ValueError(f"{function}: {name} from {indices.min()} to {indices.max()}; wanted 0 to {classes - 1}")
    return indices.astype(np.int64)
