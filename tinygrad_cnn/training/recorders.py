"""Callbacks that remember numbers for pictures: each step's loss and rate, each epoch's weights and gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.training.callbacks import Callback, Training
from tinygrad_cnn.training.history import Epoch
from tinygrad_cnn.typing import Array

BINS = 60


class StepRecorder(Callback):
    """Remembers the loss and the learning rate of each step, in ``losses`` and ``rates``.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.training import StepRecorder, Trainer
    >>> model, steps = tg.nn.Linear(1, 1), StepRecorder()
    >>> optimizer = tg.optim.SGD(model.parameters(), lr=0.5)
    >>> trainer = Trainer(model, tg.nn.MSELoss(), optimizer, callbacks=[steps], metric=None)
    >>> history = trainer.fit([(tg.ones(2, 1), tg.zeros(2, 1))] * 3)
    >>> len(steps.losses), steps.rates
    (3, [0.5, 0.5, 0.5])
    """

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.rates: list[float] = []
        self._before = (0.0, 0)  # the sum of the losses of the epoch so far, and the number of its samples

    def on_gradients(self, trainer: Training) -> None:
        """Note the rate that the step is about to be taken with."""
        if trainer.running is not None and trainer.running.batches == 0:
            self._before = (0.0, 0)
        del self.rates[len(self.losses) :]  # of a step that failed
        self.rates.append(float(trainer.optimizer.param_groups[0]["lr"]))

    def on_step_end(self, trainer: Training) -> None:
        """Note the mean loss of the step's samples."""
        if trainer.running is not None:
            totals = trainer.running.totals
            loss, samples = self._before
            self.losses.append((totals.loss - loss) / (totals.samples - samples))
            self._before = (totals.loss, totals.samples)

    def to_csv(self) -> str:
        """Return the steps as a table, a line each, with a header."""
        rows = zip(self.losses, self.rates, strict=True)
        lines = [f"{step},{loss!r},{rate!r}" for step, (loss, rate) in enumerate(rows, 1)]
        return "\n".join(["step,loss,learning_rate", *lines, ""])

    def state_dict(self) -> dict[str, Any]:
        """Return the numbers of all steps so far."""
        numbers = np.array([self.losses, self.rates[: len(self.losses)]], dtype=np.float64)
        return {"steps": from_numpy(numbers), "loss_sum": self._before[0], "samples": self._before[1]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the numbers of a state. Raises ValueError for a state that holds none."""
        numbers = state["steps"].array
        if numbers.ndim != 2 or len(numbers) != 2 or numbers.dtype != np.float64:
            raise ValueError(
                f"StepRecorder: the state holds {numbers.dtype} {numbers.shape}; wanted float64 (2, N)"
            )
        self.losses, self.rates = (row.tolist() for row in numbers)
        self._before = (float(state["loss_sum"]), int(state["samples"]))


class Histogram(NamedTuple):
    """How many numbers lie in each of equal bins from -reach to reach."""

    reach: float
    counts: Array  # (BINS,)


class HistogramRecorder(Callback):
    """Remembers, of each epoch, histograms of the weights and of the gradients of its last step, by parameter.

    ``weights`` and ``gradients`` map the name of each parameter with at least two dimensions to a `Histogram` for
    each epoch.
    """

    def __init__(self) -> None:
        self.weights: dict[str, list[Histogram]] = {}
        self.gradients: dict[str, list[Histogram]] = {}

    def on_epoch_end(self, trainer: Training, epoch: Epoch) -> None:
        """Count the weights and the gradients as they are now."""
        for name, parameter in trainer.model.named_parameters():
            if parameter.ndim > 1 and parameter.grad is not None:
                self.weights.setdefault(name, []).append(_histogram(parameter.array))
                self.gradients.setdefault(name, []).append(_histogram(parameter.grad.array))

    def state_dict(self) -> dict[str, Any]:
        """Return the histograms of all epochs so far."""
        return {"weights": _packed(self.weights), "gradients": _packed(self.gradients)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the histograms of a state. Raises ValueError for a state that holds none."""
        self.weights, self.gradients = (_unpacked(state[name]) for name in ("weights", "gradients"))


def _histogram(numbers: Array) -> Histogram:
    reach = float(np.abs(numbers).max(initial=0)) or 1.0
    return Histogram(reach, np.histogram(numbers, BINS, (-reach, reach))[0])


def _packed(histograms: dict[str, list[Histogram]]) -> dict[str, Any]:
    """Return each parameter's histograms as one tensor, a row each: the reach, then the counts."""
    return {name: from_numpy(np.array([[h.reach, *h.counts] for h in each])) for name, each in histograms.items()}


def _unpacked(state: dict[str, Any]) -> dict[str, list[Histogram]]:
    return {name: list(_rows(name, tensor.array)) for name, tensor in state.items()}


def _rows(name: str, array: Array) -> Iterable[Histogram]:
    if array.ndim != 2 or array.shape[1] != BINS + 1:
        raise ValueError(f"HistogramRecorder: {name} has shape {array.shape}; wanted (epochs, {BINS + 1})")
    return (Histogram(float(row[0]), row[1:].astype(np.int64)) for row in array)
