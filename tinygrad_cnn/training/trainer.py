"""The training loop: epochs of steps, evaluated, timed and watched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from tinygrad_cnn.autograd import no_grad
from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.nn import Module
from tinygrad_cnn.optim import Optimizer
from tinygrad_cnn.optim.lr_scheduler import LRScheduler
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.training.history import Epoch, History, Score


class Callback(Protocol):
    """Something that watches training from epoch to epoch."""

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> str | None:
        """Look at an epoch that has ended; return why training should end with it, or None."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """Tidy up when training ends: after the last epoch, early, or because it was interrupted."""


class Trainer:
    """Trains a classifier, and evaluates it.

    ``loss`` is a function of the model's outputs (N, C) and the labels, class indices (N,) or rows (N, C).
    ``scheduler`` steps after every batch.

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
    ) -> None:
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.callbacks = tuple(callbacks)

    def fit(
        self, train: DataLoader, validation: DataLoader | None = None, epochs: int = 1, verbose: bool = False
    ) -> History:
        """Train for at most ``epochs`` passes; ``verbose`` shows a progress bar and prints a line for each.

        Ctrl-C ends training where it is: the callbacks still have their say, and the history says so.
        """
        if epochs < 1:
            raise ValueError(f"fit: epochs is {epochs}; wanted at least 1")
        history = History()
        try:
            for number in range(1, epochs + 1):
                epoch = self._epoch(number, epochs, train, validation, verbose)
                history.epochs.append(epoch)
                if verbose:
                    print(f"epoch {number:{len(str(epochs))}}/{epochs}   {epoch}", flush=True)
                reasons = [callback.on_epoch_end(self, epoch) for callback in self.callbacks]
                history.ended_early = next((reason for reason in reasons if reason), None)
                if history.ended_early and number < epochs:
                    break
        except KeyboardInterrupt:
            history.ended_early = f"interrupted after {len(history)} whole epochs"
        finally:
            for callback in self.callbacks:
                callback.on_fit_end(self)
        return history

    def evaluate(self, data: DataLoader) -> Score:
        """Return the mean loss and the accuracy on a data set; the model is in evaluation mode meanwhile."""
        total = _Total()
        was_training = self.model.training
        self.model.eval()
        try:
            with no_grad():
                for inputs, labels in data:
                    outputs = self.model(inputs)
                    total.add(self.loss(outputs, labels), outputs, labels)
        finally:
            self.model.train(was_training)
        return total.score()

    def _epoch(
        self, number: int, epochs: int, train: DataLoader, validation: DataLoader | None, verbose: bool
    ) -> Epoch:
        start = time.perf_counter()
        learning_rate = self.optimizer.param_groups[0]["lr"]
        total = _Total()
        self.model.train()
        for inputs, labels in _with_progress(train, f"epoch {number}/{epochs}", verbose):
            outputs = self.model(inputs)
            loss = self.loss(outputs, labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            if self.scheduler is not None:
                self.scheduler.step()
            total.add(loss, outputs, labels)
        score = None if validation is None else self.evaluate(validation)
        return Epoch(number, total.score(), score, learning_rate, time.perf_counter() - start)


class _Total:
    """Loss and right answers, added up over batches of any size."""

    def __init__(self) -> None:
        self.loss = 0.0
        self.right = 0
        self.samples = 0

    def add(self, loss: Tensor, outputs: Tensor, labels: Tensor) -> None:
        guesses, answers = outputs.array.argmax(axis=1), labels.array
        if answers.ndim > 1:
            answers = answers.argmax(axis=1)
        self.loss += float(loss.array) * len(answers)
        self.right += int((guesses == answers).sum())
        self.samples += len(answers)

    def score(self) -> Score:
        return Score(self.loss / self.samples, self.right / self.samples)


def _with_progress(batches: DataLoader, label: str, verbose: bool) -> Iterable[Any]:
    if not verbose:
        return batches
    from tqdm import tqdm

    in_terminals_only = None
    bar: Iterable[Any] = tqdm(
        batches, desc=label, unit="batch", leave=False, dynamic_ncols=True, disable=in_terminals_only
    )
    return bar
