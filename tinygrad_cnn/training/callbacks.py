"""The base of callbacks, which follow training from step to step and from epoch to epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tinygrad_cnn.nn import Module
from tinygrad_cnn.optim import Optimizer
from tinygrad_cnn.optim.lr_scheduler import LRScheduler
from tinygrad_cnn.support.representation import call_text
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.training.history import Epoch, History
from tinygrad_cnn.training.metric import Metric
from tinygrad_cnn.training.progress import Progress


class Training(Protocol):
    """What a callback may use of the `Trainer` that calls it."""

    model: Module
    loss: Callable[..., Tensor]
    metrics: Mapping[str, Metric]
    optimizer: Optimizer
    scheduler: LRScheduler | None
    history: History
    running: Progress | None
    """The epoch that is under way; None between epochs."""
    validates: bool
    """Whether this call of ``fit`` was given a validation set."""

    def state_dict(self) -> dict[str, Any]: ...


class Callback:
    """Something that follows training. A subclass overrides the methods that it needs."""

    on_every_rank = True
    """Whether it runs on all ranks if several train together, or on the first alone, as what writes files must."""

    def __repr__(self) -> str:
        return call_text(self)

    def on_fit_start(self, trainer: Training) -> None:
        """Prepare: called when training begins or is resumed."""

    def on_gradients(self, trainer: Training) -> None:
        """Read or change the gradients of a step: called after backward, before they are clipped and used."""

    def on_step_end(self, trainer: Training) -> None:
        """Look at a step that has ended: the epoch has taken ``trainer.running.batches`` steps so far."""

    def on_epoch_end(self, trainer: Training, epoch: Epoch) -> str | None:
        """Look at an epoch that has ended; return the reason for which training should end with it, or None."""
        return None

    def on_fit_end(self, trainer: Training) -> None:
        """Tidy up: called when training ends, after the last epoch, early, or by an interruption or error."""

    def status(self) -> str:
        """Return what the line that is printed for the last epoch should say."""
        return ""

    def state_dict(self) -> dict[str, Any]:
        """Return what the callback needs when the run is resumed."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state that `state_dict` returned."""
