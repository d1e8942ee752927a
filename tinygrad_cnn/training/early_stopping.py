"""Stopping when the validation loss no longer improves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinygrad_cnn.training.callbacks import Callback
from tinygrad_cnn.training.history import Epoch

if TYPE_CHECKING:
    from tinygrad_cnn.nn import Module
    from tinygrad_cnn.tensor import Tensor
    from tinygrad_cnn.training.trainer import Trainer


class EarlyStopping(Callback):
    """End training when the validation loss has not improved for ``patience`` epochs; leave the best weights.

    An epoch counts as an improvement if its loss is lower than the best that counted by more than ``min_delta``.
    Slow progress adds up: losses that creep down by less than that each time are measured against the same mark
    until they have passed it. The weights that are put back when training ends, for whatever reason, are those of
    the lowest loss of all. A loss that is not a number ends training at once.

    >>> from tinygrad_cnn.training import EarlyStopping
    >>> stopper = EarlyStopping(patience=2, min_delta=0.1)
    >>> [stopper.check(loss) is not None for loss in (1.0, 0.95, 0.85, 0.80, 0.80)]
    [False, False, False, False, True]
    """

    def __init__(self, patience: int = 5, min_delta: float = 0.001) -> None:
        if patience < 1 or not min_delta >= 0:
            raise ValueError(
                f"EarlyStopping: patience is {patience}, min_delta {min_delta}; wanted at least 1 and at least 0"
            )
        self.patience = patience
        self.min_delta = min_delta
        self.mark = math.inf
        self.waited = 0
        self.best_loss = math.inf
        self._best_weights: dict[str, Tensor] | None = None

    def check(self, loss: float) -> str | None:
        """Take in the loss of one more epoch; return why training should end, or None."""
        if math.isnan(loss):
            return "the validation loss is not a number: try a lower learning rate"
        if loss < self.mark - self.min_delta:
            self.mark = loss
            self.waited = 0
            return None
        self.waited += 1
        if self.waited < self.patience:
            return None
        return f"no improvement of the validation loss by more than {self.min_delta:g} for {self.patience} epochs"

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> str | None:
        """Keep the weights if they are the best so far; return why training should end, or None."""
        if epoch.validation is None:
            raise ValueError("EarlyStopping: there is no validation loss to watch; give fit() a validation set")
        if epoch.validation.loss < self.best_loss:
            self.best_loss = epoch.validation.loss
            self._best_weights = _copy_of(trainer.model)
        return self.check(epoch.validation.loss)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Put the best weights back."""
        if self._best_weights is not None:
            trainer.model.load_state_dict(self._best_weights)

    def state_dict(self) -> dict[str, Any]:
        """Return the marks and the best weights so far."""
        marks = {"mark": self.mark, "waited": self.waited, "best_loss": self.best_loss}
        return {**marks, "best_weights": self._best_weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over marks and weights."""
        self.mark, self.waited, self.best_loss = state["mark"], state["waited"], state["best_loss"]
        self._best_weights = state["best_weights"]


def _copy_of(model: Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}
