"""Curves over the epochs of a run, and over the rates of the learning-rate finder."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cnn.experiment.plots.style import BLUE, FAINT, GREEN, INK, SKY, TEN, VERMILION, drawing, shortened
from tinygrad_cnn.training.finder import FinderResult
from tinygrad_cnn.training.history import Epoch, History, Score
from tinygrad_cnn.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_losses(history: History, path: str | os.PathLike[str], steps: Sequence[float] = ()) -> None:
    """Draw the training and validation loss over the epochs, and mark the lowest of the latter.

    The axis is logarithmic, so that late epochs can be told apart. With the loss of all ``steps``, training is
    drawn step by step and smoothed, in place of the epochs' means.
    """
    means, validation = _scores(history, lambda score: score.loss)
    train = None if _fit(history, steps) else means
    with drawing(path, 8, 4.5) as figure:
        axes = _over_epochs(figure.subplots(), history, "Loss", "cross-entropy, mean over samples")
        if train is None:
            _draw_steps(axes, history, steps)
        _two_curves(
            axes,
            _numbers(history),
            train,
            validation,
            int(np.nanargmin(validation)) if _any(validation) else None,
            "{:.4f}",
        )
        _logarithmic(axes, [*steps, *(validation if train is None else [*train, *validation])])


def plot_accuracies(history: History, path: str | os.PathLike[str]) -> None:
    """Draw the training and validation accuracy of each epoch, and mark the highest of the latter."""
    plot_metric(history, "accuracy", path)


def plot_metric(history: History, name: str, path: str | os.PathLike[str], mode: str = "max") -> None:
    """Draw a metric of each epoch, and mark the best of validation: the highest, or with mode "min" the lowest.

    Raises ValueError if the history has epochs, but no metric of that name.
    """
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
        _two_curves(axes, _numbers(history), train, validation, best, form)
        if name == "accuracy":
            _by_error(axes, [*train, *validation])


def plot_runs(runs: Mapping[str, History], name: str, path: str | os.PathLike[str]) -> None:
    """Draw the validation "loss" or "accuracy" of each epoch of several runs, by the names of the runs.

    Of a run without validation, the training figure is drawn. Raises ValueError without a run that has an epoch.
    """
    if not any(len(history) for history in runs.values()):
        raise ValueError("plot_runs: no run has an epoch that ended; wanted at least one")
    longest = max(runs.values(), key=len)
    with drawing(path, 8, 4.5) as figure:
        axes = _over_epochs(figure.subplots(), longest, f"Validation {name}", "mean over samples")
        drawn: list[float] = []
        for i, (run, history) in enumerate(runs.items()):
            train, validation = _scores(history, lambda score: {"loss": score.loss, **score.metrics}[name])
            values = validation if _any(validation) else train
            style = ("-", "--", ":")[i // len(TEN) % 3]
            label = shortened(run, 32)
            axes.plot(_numbers(history), values, style, color=TEN[i % len(TEN)], label=label, **_dots(len(history)))
            drawn += values.tolist()
        if name == "accuracy":
            _by_error(axes, drawn)
        else:
            _logarithmic(axes, drawn)
        _legend(axes)


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


def plot_learning_rates(history: History, path: str | os.PathLike[str], steps: Sequence[float] = ()) -> None:
    """Draw the learning rate of all ``steps``, or where they are not known, at the start of each epoch."""
    with drawing(path, 8, 4.5) as figure:
        known = _fit(history, steps)
        label = "of each step" if known else "at the start of the epoch"
        axes = _over_epochs(figure.subplots(), history, "Learning rate", label)
        rates = steps if known else _each(history, lambda epoch: epoch.learning_rate)
        if known:
            axes.plot(_places(history, steps), rates, color=GREEN)
        else:
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


def _two_curves(
    axes: Axes, numbers: Sequence[int], train: Array | None, validation: Array, best: int | None, form: str
) -> None:
    if train is not None:
        axes.plot(numbers, train, color=BLUE, label="training", **_dots(len(train)))
    if best is not None:
        axes.plot(numbers, validation, "--", color=VERMILION, label="validation", **_dots(len(validation)))
        label = f"best validation: {form.format(validation[best])}, epoch {numbers[best]:.0f}"
        axes.plot(numbers[best], validation[best], "*", color=INK, markersize=16, fillstyle="none", label=label)
    _legend(axes)


def _fit(history: History, steps: Sequence[float]) -> bool:
    """Return whether there are steps of whole epochs."""
    return bool(len(history)) and bool(len(steps)) and len(steps) % len(history) == 0


def _places(history: History, steps: Sequence[float]) -> Array:
    """Return where the end of each step is on the axis: epoch 1 goes from 0 to 1, and is noted at 1."""
    return _numbers(history)[0] - 1 + (1 + np.arange(len(steps))) * len(history) / len(steps)


def _draw_steps(axes: Axes, history: History, steps: Sequence[float]) -> None:
    """Draw each step's loss faintly, and above it their mean over a twentieth of an epoch."""
    places, losses = _places(history, steps), np.asarray(steps)
    width = max(1, len(steps) // len(history) // 20)
    smooth = np.convolve(losses, np.full(width, 1 / width), mode="valid")
    axes.plot(places, losses, color=SKY, linewidth=0.6, alpha=0.45, label="each step")
    axes.plot(places[width - 1 :], smooth, color=BLUE, label=f"training, mean of {width} steps")
    axes.set_xlim(_numbers(history)[0] - 1, _numbers(history)[-1] + 0.15 * sqrt(len(history)))


def _logarithmic(axes: Axes, values: Sequence[float]) -> None:
    """Make the vertical axis logarithmic, with plain numbers, if the values are above 0 and differ much."""
    from matplotlib.ticker import LogLocator, NullFormatter

    known = [v for v in values if np.isfinite(v)]
    if not known or min(known) <= 0 or max(known) < 4 * min(known):
        axes.set_ylim(bottom=0)
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _by_error(axes: Axes, values: Sequence[float]) -> None:
    """Stretch an axis of accuracies towards 100 %, by the logarithm of the error, if there are any above 90 %."""
    from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

    known = [v for v in values if np.isfinite(v)]
    if not known or max(known) <= 0.9:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        return
    least = 0.5 * min(1 - v for v in known if v < 1) if min(known) < 1 else 1e-3
    forward = lambda v: -np.log10(np.maximum(1 - np.asarray(v), least))  # noqa: E731
    back = lambda v: 1 - 10.0 ** -np.asarray(v)  # noqa: E731
    axes.set_yscale("function", functions=(forward, back))
    ticks = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999]
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in ticks if tick <= 1 - least]))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))  # after the scale, which brings a formatter of its own
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(min(known) - 0.1 * (1 - min(known)), 1 - least)


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
