"""What happened from epoch to epoch."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cnn.experiment.plots.style import BLUE, FAINT, GREEN, INK, VERMILION, drawing
from tinygrad_cnn.training.finder import FinderResult
from tinygrad_cnn.training.history import Epoch, History
from tinygrad_cnn.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_losses(history: History, path: str | os.PathLike[str]) -> None:
    """Draw the training and validation loss of each epoch, and mark the lowest of the latter."""
    train, validation = _scores(history, "loss")
    with drawing(path, 8, 4.5) as figure:
        axes = _over_epochs(figure.subplots(), history, "Loss", "cross-entropy, mean over samples")
        _two_curves(axes, train, validation, int(np.nanargmin(validation)) if _any(validation) else None, "{:.4f}")
        axes.set_ylim(bottom=0)


def plot_accuracies(history: History, path: str | os.PathLike[str]) -> None:
    """Draw the training and validation accuracy of each epoch, and mark the highest of the latter."""
    from matplotlib.ticker import PercentFormatter

    train, validation = _scores(history, "accuracy")
    with drawing(path, 8, 4.5) as figure:
        axes = _over_epochs(figure.subplots(), history, "Accuracy", "right guesses")
        _two_curves(axes, train, validation, int(np.nanargmax(validation)) if _any(validation) else None, "{:.2%}")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def plot_seconds(history: History, path: str | os.PathLike[str]) -> None:
    """Draw how long each epoch took, and the mean."""
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
    """Prepare axes whose x are epochs: whole numbers, a sensible range also for a single one."""
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
    """One value of each epoch; curves have gaps where it is not finite."""
    return np.array([value(epoch) for epoch in history.epochs], dtype=np.float64)


def _scores(history: History, name: str) -> tuple[Array, Array]:
    missing = float("nan")
    return (
        _each(history, lambda epoch: getattr(epoch.train, name)),
        _each(history, lambda epoch: getattr(epoch.validation, name, missing)),
    )


def _any(values: Array) -> bool:
    return bool(np.isfinite(values).any())
