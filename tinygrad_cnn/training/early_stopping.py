"""Stopping when there is no more progress."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_cnn.nn import Module
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.training.callbacks import Callback, Training
from tinygrad_cnn.training.history import Epoch


class EarlyStopping(Callback):
    """End training when a figure has not improved for ``patience`` epochs; leave the best weights.

    ``monitor`` is a column of the history (val_loss, val_accuracy, train_loss, train_accuracy), ``mode`` whether
    "min" or "max" of it is best. An epoch counts as an improvement if it is better than the best that counted by
    more than ``min_delta``. Slow progress adds up: figures that creep by less than that each time are measured
    against the same mark until they have passed it. The weights that are put back when training ends, for whatever
    reason, are those of the best figure of all. One that is not a number ends training at once.

    >>> from tinygrad_cnn.training import EarlyStopping
    >>> stopper = EarlyStopping(patience=2, min_delta=0.1)
    >>> [stopper.check(loss) is not None for loss in (1.0, 0.95, 0.85, 0.80, 0.80)]
    [False, False, False, False, True]
    """

    def __init__(
        self, patience: int = 5, min_delta: float = 0.001, monitor: str = "val_loss", mode: str = "min"
    ) -> None:
        if patience < 1 or not min_delta >= 0:
            raise ValueError(
                f"EarlyStopping: patience is {patience}, min_delta {min_delta}; wanted at least 1 and at least 0"
            )
        if mode not in ("min", "max"):
            raise ValueError(f"EarlyStopping: mode is {mode!r}; wanted 'min' or 'max'")
        self.patience = patience
        self.min_delta = min_delta
        self.monitor = monitor
        self.mode = mode
        self.mark = math.inf  # the best that counted, negated if more is better; so is `best`, the best of all
        self.best = math.inf
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

    def on_epoch_end(self, trainer: Training, epoch: Epoch) -> str | None:
        """Keep the weights if they are the best so far; return why training should end, or None."""
        figure = epoch.row().get(self.monitor)
        if figure is None:
            raise ValueError(f"EarlyStopping: there is no {self.monitor} to watch; give fit() a validation set")
        if self._as_cost(figure) < self.best:
            self.best = self._as_cost(figure)
            self._best_weights = _copy_of(trainer.model)
        return self.check(figure)

    def status(self) -> str:
        """Return the best figure, and for how many epochs there has been no improvement."""
        best = self.best if self.mode == "min" else -self.best
        return f"best {best:.4f}" + (f", {self.waited} of {self.patience} without progress" if self.waited else "")

    def on_fit_end(self, trainer: Training) -> None:
        """Put the best weights back."""
        if self._best_weights is not None:
            trainer.model.load_state_dict(self._best_weights)

    def state_dict(self) -> dict[str, Any]:
        """Return the marks and the best weights so far."""
        marks = {"mark": self.mark, "waited": self.waited, "best": self.best}
        return {**marks, "best_weights": self._best_weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over marks and weights."""
        self.mark, self.waited, self.best = state["mark"], state["waited"], state["best"]
        self._best_weights = state["best_weights"]


def _copy_of(model: Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}
