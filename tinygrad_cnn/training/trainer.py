"""The training loop: epochs of steps, evaluated, timed and watched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from math import isfinite
from typing import Any

from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.inspection.observe import in_evaluation_mode
from tinygrad_cnn.nn import Module
from tinygrad_cnn.nn.utils import clip_grad_norm_
from tinygrad_cnn.ops import cat
from tinygrad_cnn.optim import Optimizer
from tinygrad_cnn.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.training.callbacks import Callback
from tinygrad_cnn.training.diagnosis import all_finite, first_trouble
from tinygrad_cnn.training.history import Epoch, History, Score
from tinygrad_cnn.training.interrupt import interruptible
from tinygrad_cnn.training.progress import Progress, Total

INTERRUPTED = "interrupted"


class Trainer:
    """Trains a classifier, and evaluates it.

    ``loss`` is a function of the model's outputs (N, C) and the labels, class indices (N,) or rows (N, C).
    ``scheduler`` steps after every batch, but ReduceLROnPlateau after every epoch, by the validation loss.
    ``clip_gradient`` is the largest norm that the gradient of all parameters, as one vector, may have.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data import DataLoader, TensorDataset
    >>> from tinygrad_cnn.training import Trainer
    >>> points, labels = tg.tensor([[-1.0], [1.0]]), tg.tensor([0, 1])
    >>> model = tg.nn.Linear(1, 2)
    >>> trainer = Trainer(model, tg.nn.CrossEntropyLoss(), tg.optim.SGD(model.parameters(), lr=1.0))
    >>> history = trainer.fit(DataLoader(TensorDataset(points, labels), batch_size=2), epochs=20)
    >>> trainer.evaluate(DataLoader(TensorDataset(points, labels))).accuracy
    1.0
    """

    def __init__(
        self,
        model: Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        optimizer: Optimizer,
        scheduler: LRScheduler | None = None,
        callbacks: Sequence[Callback] = (),
        clip_gradient: float | None = None,
    ) -> None:
        if clip_gradient is not None and not clip_gradient > 0:
            raise ValueError(f"Trainer: clip_gradient is {clip_gradient}; wanted a norm above 0, or None")
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.callbacks = tuple(callbacks)
        self.clip_gradient = clip_gradient
        self.history = History()
        self.running: Progress | None = None  # the epoch that is under way
        self._good: dict[str, Tensor] = {}  # the weights that it began with

    def fit(
        self, train: DataLoader, validation: DataLoader | None = None, epochs: int = 1, verbose: bool = False
    ) -> History:
        """Train until there have been ``epochs`` passes, and return the history of all of them.

        ``verbose`` shows a progress bar, and prints a line for each epoch. Ctrl-C lets the epoch that is running
        come to its end, and ends training there; a second one ends it at once. Raises FloatingPointError, and puts
        the last good weights back, if loss, gradient or weights are not finite: with the epoch, the step, the first
        operation concerned and the likely cause.
        """
        if epochs < 1:
            raise ValueError(f"fit: epochs is {epochs}; wanted at least 1")
        history = self.history
        if history.ended_early == INTERRUPTED:  # to fit again is to go on
            history.ended_early = None
        with interruptible() as interrupted:
            try:
                for callback in self.callbacks:
                    callback.on_fit_start(self)
                while len(history) < epochs and not history.ended_early:
                    self._one_more_epoch(train, validation, epochs, verbose)
                    if interrupted() and len(history) < epochs:
                        history.ended_early = history.ended_early or INTERRUPTED
            finally:
                self.running = None
                for callback in self.callbacks:
                    callback.on_fit_end(self)
        return history

    def _one_more_epoch(self, train: DataLoader, validation: DataLoader | None, epochs: int, verbose: bool) -> None:
        number = len(self.history) + 1
        epoch = self._epoch(number, epochs, train, validation, verbose)
        self.history.epochs.append(epoch)
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step((epoch.validation or epoch.train).loss)
        for callback in self.callbacks:
            reason = callback.on_epoch_end(self, epoch)
            if number < epochs:
                self.history.ended_early = self.history.ended_early or reason
        if verbose:
            shown = [str(epoch), *(status for callback in self.callbacks if (status := callback.status()))]
            print(f"epoch {number:{len(str(epochs))}}/{epochs}   {'   '.join(shown)}", flush=True)

    def evaluate(self, data: DataLoader) -> Score:
        """Return the mean loss and the accuracy on a data set; the model is in evaluation mode meanwhile."""
        total = Total()
        with no_grad(), in_evaluation_mode(self.model):
            for inputs, labels in data:
                outputs = self.model(inputs)
                total.add(self.loss(outputs, labels).item(), outputs, labels)
        return total.score()

    def predict(self, data: DataLoader) -> Tensor:
        """Return the model's outputs for a whole data set, in its order; its labels are not looked at."""
        with no_grad(), in_evaluation_mode(self.model):
            return cat([self.model(inputs) for inputs, _ in data])

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on, also within an epoch, at the end of a step or of an epoch.

        That is: model, optimizer, schedule, callbacks, history, the epoch that is running, and the state of this
        thread's generator. A generator of its own that a loader, layer or transform was given is not part of it.
        """
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "callbacks": [callback.state_dict() for callback in self.callbacks],
            "history": [epoch.row() for epoch in self.history.epochs],
            "ended_early": self.history.ended_early,
            "running": None if self.running is None else self.running.state_dict(),
            "random": default_generator().bit_generator.state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state: the next steps are those that the run would have had.

        Raises ValueError if it does not fit; then nothing has changed.
        """
        before = deepcopy(self.state_dict())
        try:
            self._load(state)
        except Exception as error:
            self._load(before)
            raise ValueError(f"Trainer.load_state_dict: the state does not fit: {error!r}") from error

    def _load(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        for callback, its_state in zip(self.callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(its_state)
        self.history.epochs[:] = map(Epoch.from_row, state["history"])
        self.history.ended_early = state["ended_early"]
        self.running = None if state["running"] is None else Progress.from_state_dict(state["running"])
        default_generator().bit_generator.state = state["random"]

    def _epoch(
        self, number: int, epochs: int, train: DataLoader, validation: DataLoader | None, verbose: bool
    ) -> Epoch:
        """Train for one epoch, or for what is left of the one that is running."""
        running = self.running
        if running is None:
            running = self.running = Progress(train.order(), self.optimizer.param_groups[0]["lr"])
        elif len(running.order) != len(train.dataset):
            raise ValueError(
                f"fit: the epoch that is running has {len(running.order)} samples, the training set "
                f"{len(train.dataset)}; wanted the same data"
            )
        start = time.perf_counter() - running.seconds
        self._good = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        self.model.train()
        batches = train.batches(running.order, running.batches)
        label = f"epoch {number}/{epochs}"
        for inputs, labels in _with_progress(batches, label, running.batches, len(train), verbose):
            self._step(inputs, labels, running.total)
            running.batches += 1
            running.seconds = time.perf_counter() - start
            for callback in self.callbacks:
                callback.on_step_end(self)
        if not all_finite(self.model.state_dict().values()):
            raise self._stopped("the step before made weights that are not finite: lower the learning rate")
        score = None if validation is None else self.evaluate(validation)
        self.running = None
        seconds = time.perf_counter() - start
        return Epoch(number, running.total.score(), score, running.learning_rate, seconds)

    def _step(self, inputs: Tensor, labels: Tensor, total: Total) -> None:
        """Train by one batch, if its loss and gradient are finite numbers."""
        random = default_generator().bit_generator
        before = random.state
        try:
            outputs = self.model(inputs)
            loss = self.loss(outputs, labels)
            self.optimizer.zero_grad()
            loss.backward()
            if not self.optimizer.has_stepped:
                self._want_reached()
            value = loss.item()
            if not isfinite(value):
                raise FloatingPointError(f"the loss is {value}")
            if not all_finite(p.grad for p in self.model.parameters() if p.grad is not None):
                raise FloatingPointError("the gradient is not finite")
            if self.clip_gradient is not None:
                clip_grad_norm_(self.model.parameters(), self.clip_gradient)
            self.optimizer.step()
        except FloatingPointError as error:  # NumPy raises it too, if it was told to
            random.state = before
            raise self._stopped(f"{error}: {first_trouble(self.model, self.loss, inputs, labels)}") from None
        if self.scheduler is not None and not isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step()
        total.add(value, outputs, labels)

    def _want_reached(self) -> None:
        """Warn of parameters that the loss does not depend on: they would never be trained."""
        left_out = [n for n, p in self.model.named_parameters() if p.requires_grad and p.grad is None]
        if left_out:
            warn_user(
                f"fit: the loss does not depend on {', '.join(left_out)}; is it left out of forward(), or "
                "detached? (What is not to be trained: requires_grad_(False))"
            )

    def _stopped(self, why: str) -> FloatingPointError:
        """Put the last good weights back, and return an error that says so, where training was, and why."""
        assert self.running is not None
        self.model.load_state_dict(self._good)
        return FloatingPointError(
            f"fit: stopped in epoch {len(self.history) + 1}, step {self.running.batches + 1}: {why}. "
            "The weights are back at those that this epoch began with, or at the best if early stopping keeps them"
        )


def _with_progress(batches: Iterable[Any], label: str, done: int, of: int, verbose: bool) -> Iterable[Any]:
    if not verbose:
        return batches
    from tqdm import tqdm

    in_terminals_only = None
    bar: Iterable[Any] = tqdm(
        batches, label, of, initial=done, unit="batch", leave=False, dynamic_ncols=True, disable=in_terminals_only
    )
    return bar
