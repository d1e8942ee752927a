"""Stopping when there is no more progress."""

from __future__ import annotations

import math
from copy import deepcopy
from numbers import Integral, Real
from typing import Any

from tinygrad_cnn.support.did_you_mean import did_you_mean
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.training.callbacks import Callback, Training
from tinygrad_cnn.training.history import Epoch, columns_of

MODES = {
    **dict.fromkeys(("loss", "error", "mae", "mse", "rmse", "perplexity"), "min"),
    **dict.fromkeys(("accuracy", "precision", "recall", "f1", "auc", "iou", "dice", "r2", "score"), "max"),
}
"""Whether the lowest or the highest value is best, by words in the name of what is monitored."""


class EarlyStopping(Callback):
    """End training when a figure has not improved for ``patience`` epochs; leave the best weights.

    ``monitor`` is a column of the history: val_loss, train_loss, or val_ or train_ and the name of a metric.
    ``mode`` says whether its lowest ("min") or highest ("max") value is best; without it, the name decides, as for
    loss, error, accuracy or f1. An epoch counts as an improvement if it is better than the best that counted by
    more than ``min_delta``. Slow progress adds up: figures that improve by less than that each time are compared
    with the same mark until they have passed it. When training ends, for whatever reason, the weights of the best
    figure of all are restored. A figure that is NaN ends training at once.

    Raises ValueError for a mode that the name does not tell, and, when training begins, for a column that does not
    exist.

    >>> from tinygrad_cnn.training import EarlyStopping
    >>> stopper = EarlyStopping(patience=2, min_delta=0.1)
    >>> [stopper.check(loss) is not None for loss in (1.0, 0.95, 0.85, 0.80, 0.80)]
    [False, False, False, False, True]
    """

    def __init__(
        self, patience: int = 5, min_delta: float = 0.001, monitor: str = "val_loss", mode: str | None = None
    ) -> None:
        if not (_is_at_least(patience, 1, Integral) and _is_at_least(min_delta, 0, Real)):
            raise ValueError(
                f"EarlyStopping: patience is {patience!r}, min_delta is {min_delta!r}; wanted at least 1 and at "
                "least 0"
            )
        if not isinstance(monitor, str):
            raise TypeError(
                f"EarlyStopping: monitor is {monitor!r:.60}; wanted the name of a column of the history"
            )
        if mode is not None and mode not in ("min", "max"):
            raise ValueError(f"EarlyStopping: mode is {mode!r}; wanted 'min' or 'max'")
        self.patience = patience
        self.min_delta = min_delta
        self.monitor = monitor
        self.mode = mode or _mode_of(monitor)
        self.mark = math.inf  # the best value that counted, as a cost: negated in mode "max"
        self.best = math.inf  # the best value of all, as a cost too
        self.waited = 0
        self._best_weights: dict[str, Tensor] | None = None

    def check(self, figure: float) -> str | None:
        """Take in the figure of one more epoch; return why training should end, or None."""
        if math.isnan(figure):
            return f"{self.monitor} is not a number: try a lower learning rate"
        if self._as_cost(figure) < self.mark - self.min_delta:
            self.mark = self._as_cost(figure)
            self.waited = 0
            return None
        self.waited += 1
        if self.waited < self.patience:
            return None
        return f"no improvement of {self.monitor} by more than {self.min_delta:g} for {self.patience} epochs"

    def _as_cost(self, figure: float) -> float:
        return figure if self.mode == "min" else -figure

    def on_fit_start(self, trainer: Training) -> None:
        """Raise ValueError if the history will not have the column."""
        columns = columns_of(trainer.metrics)
        if self.monitor not in columns:
            raise ValueError(
                f"EarlyStopping: there is no {self.monitor} in the history; it has {', '.join(columns[1:-2])}"
                f"{did_you_mean(self.monitor, columns)}"
            )
        if self.monitor.startswith("val_") and not trainer.validates:
            raise ValueError(f"EarlyStopping: there is no {self.monitor} to watch; give fit() a validation set")

    def on_epoch_end(self, trainer: Training, epoch: Epoch) -> str | None:
        """Keep the weights if they are the best so far; return why training should end, or None."""
        figure = epoch.row()[self.monitor]
        if figure is None:
            raise ValueError(f"EarlyStopping: epoch {epoch.number} has no {self.monitor}; wanted a number")
        if self._as_cost(figure) < self.best:
            self.best = self._as_cost(figure)
            self._best_weights = deepcopy(trainer.model.state_dict())
        return self.check(figure)

    def status(self) -> str:
        """Return that the epoch is the best so far, or how many of ``patience`` epochs brought no improvement."""
        return f"waited {self.waited}/{self.patience}" if self.waited else "best"

    def on_fit_end(self, trainer: Training) -> None:
        """Restore the best weights."""
        if self._best_weights is not None:
            trainer.model.load_state_dict(self._best_weights)

    def state_dict(self) -> dict[str, Any]:
        """Return the best figures, how long there has been no improvement, and the best weights so far."""
        figures = {"mark": self.mark, "waited": self.waited, "best": self.best}
        return {"monitor": self.monitor, "mode": self.mode, **figures, "best_weights": self._best_weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state. Raises ValueError for one of another figure, or one that is none."""
        monitored, own = (state["monitor"], state["mode"]), (self.monitor, self.mode)
        if monitored != own:
            raise ValueError(
                f"EarlyStopping: the state is of {monitored[0]} ({monitored[1]}); wanted {own[0]} ({own[1]})"
            )
        figures = state["mark"], state["waited"], state["best"]
        weights = state["best_weights"]
        if not all(isinstance(figure, Real) for figure in figures) or not isinstance(weights, (dict, type(None))):
            raise ValueError(f"EarlyStopping: the state holds {figures!r:.60} and a {type(weights).__name__}")
        self.mark, self.waited, self.best = figures
        self._best_weights = weights


def _is_at_least(value: Any, least: int, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and float(value) >= least  # type: ignore[arg-type]


def _mode_of(monitor: str) -> str:
    modes = {MODES[word] for word in monitor.lower().split("_") if word in MODES}
    if len(modes) != 1:
        raise ValueError(
            f"EarlyStopping: the name {monitor!r} does not tell whether low or high is best; wanted mode='min' or "
            "mode='max'"
        )
    return modes.pop()
