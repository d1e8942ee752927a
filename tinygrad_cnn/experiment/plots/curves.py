"""Curves over the epochs of a run, and over the rates of the learning-rate finder."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cnn.experiment.plots.style import BLUE, FAINT, GREEN, INK, VERMILION, drawing
from tinygrad_cnn.training.finder import FinderResult
from tinygrad_cnn.training.history import Epoch, History, Score
from tinygrad_cnn.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_losses(history: History, path: str | os.PathLike[str]) -> None:
    """Draw the training and validation loss of each epoch, and mark the lowest of the latter."""
    train, validation = _scores(history, lambda score: score.loss)
    with drawing(path, 8, 4.5) as figure:
        axes = _over_epochs(figure.subplots(), history, "Loss", "cross-entropy, mean over samples")
        _two_curves(axes, train, validation, int(np.nanargmin(validation)) if _any(validation) else None, "{:.4f}")
        axes.set_ylim(bottom=0)


def plot_accuracies(history: History, path: str | os.PathLike[str]) -> None:
    """Draw the training and validation accuracy of each epoch, and mark the highest of the latter."""
    plot_metric(history, "accuracy", path)


def plot_metric(history: History, name: str, path: str | os.PathLike[str], mode: str = "max") -> None:
    """Draw a metric of each epoch, and mark the best of validation: the highest, or with mode "min" the lowest.

    Raises ValueError if the history has epochs, but no metric of that name.
    """
    from matplotlib.ticker import PercentFormatter

    known = history.epochs[0].train.metrics if history.epochs else {name: 0.0}
    if name not in known or mode not in ("min", "max"):
        raise ValueError(
            f"plot_metric: name is {name!r}, mode is {mode!r}; wanted a metric of the history "
            f"({', '.join(known)}), and 'min' or 'max'"
        )
    train, validation = _scores(history, lambda score: score.metrics[name])
    argbest = np.nanargmax if mode == "max" else np.nanargmin
    best = int(argbest(validation)) if _any(validation) else None
    title, label, form = name.replace("_", " ").capitalize(), "mean over samples", "{:.4g}"
    if name == "accuracy":
        label, form = "fraction of samples", "{:.2%}"
    with drawing(path, 8, 4.5) as figure:
        axes = _over_epochs(figure.subplots(), history, title, label)
        _two_curves(axes, train, validation, best, form)
        if name == "accuracy":
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def plot_seconds(history: History, path: str | os.PathLike[str]) -> None:
    """Draw the duration of each epoch, and the mean."""
    seconds = _each(history, lambda epoch: epoch.seconds)
    mean = float(np.mean(seconds)) if len(seconds) else 0.0
    with drawing(path, 8, 4.5) as figure:
        axes = _over_epochs(figure.subplots(), history, f"Time per epoch: {mean:.3g} s on average", "seconds")
        axes.bar(_numbers(history), seconds, width=0.7, color=BLUE)
        axes.axhline(mean, color=VERMILION, linestyle="--", label="mean")
        axes.set_ylim(0, 1.05 * max([*seconds, 1e-9]))
        _legend(axes)


def plot_learning_rates(history: History, path: str | os.PathLike[str]) -> None:
    """Draw the learning rate at the start of each epoch."""
    with drawing(path, 8, 4.5) as figure:
        axes = _over_epochs(figure.subplots(), history, "Learning rate", "at the start of the epoch")
        rates = _each(history, lambda epoch: epoch.learning_rate)
        axes.plot(_numbers(history), rates, color=GREEN, **_dots(len(history)))
        axes.set_ylim(0, 1.05 * max([*rates, 1e-9]))


def plot_finder(found: FinderResult, path: str | os.PathLike[str]) -> None:
    """Draw the loss at each rate that `LearningRateFinder` tried, and mark the rate that it suggests."""
    with drawing(path, 8, 4.5) as figure:
        axes = figure.subplots()
        axes.set_title("Loss while the learning rate grows", fontweight="bold")
        axes.semilogx(found.rates, found.losses, color=BLUE, label="smoothed loss")
        label = f"suggestion: {found.suggestion:.2g}"
        axes.axvline(found.suggestion, color=VERMILION, linestyle="--", label=label)
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        axes.grid(axis="y", color=FAINT)
        _legend(axes)


def _over_epochs(axes: Axes, history: History, title: str, ylabel: str) -> Axes:
    """Prepare axes over epochs: whole numbers, and a range of some width even for a single epoch."""
    from matplotlib.ticker import MaxNLocator

    numbers = _numbers(history) or [1]
    axes.set_title(title, fontweight="bold")
    axes.set_xlabel("epoch")
    axes.set_ylabel(ylabel)
    axes.set_xlim(numbers[0] - 0.5, numbers[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
    axes.grid(axis="y", color=FAINT)
    axes.set_axisbelow(True)
    return axes


def _two_curves(axes: Axes, train: Array, validation: Array, best: int | None, form: str) -> None:
    numbers = axes.get_xlim()[0] + 0.5 + np.arange(len(train))
    axes.plot(numbers, train, color=BLUE, label="training", **_dots(len(train)))
    if best is not None:
        axes.plot(numbers, validation, "--", color=VERMILION, label="validation", **_dots(len(train)))
        label = f"best validation: {form.format(validation[best])}, epoch {numbers[best]:.0f}"
        axes.plot(numbers[best], validation[best], "*", color=INK, markersize=16, fillstyle="none", label=label)
    _legend(axes)


def _legend(axes: Axes) -> None:
    """Put the legend below the axes, where it hides no curve."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)


def _dots(epochs: int) -> dict[str, Any]:
    return {"marker": "o", "markersize": 5} if epochs <= 25 else {}


def _numbers(history: History) -> list[int]:
    return [epoch.number for epoch in history.epochs]


def _each(history: History, value: Callable[[Epoch], float]) -> Array:
    """Return a value for each epoch; a curve has a gap where it is not finite."""
    return np.array([value(epoch) for epoch in history.epochs], dtype=np.float64)


def _scores(history: History, value: Callable[[Score], float]) -> tuple[Array, Array]:
    """Return a figure of training and of validation; the latter is NaN for epochs without it."""
    return (
        _each(history, lambda epoch: value(epoch.train)),
        _each(history, lambda epoch: float("nan") if epoch.validation is None else value(epoch.validation)),
    )


def _any(values: Array) -> bool:
    return bool(np.isfinite(values).any())
