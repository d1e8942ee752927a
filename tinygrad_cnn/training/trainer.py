"""The training loop: epochs of steps, evaluated, timed and watched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tinygrad_cnn.autograd import no_grad
from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.nn import Module
from tinygrad_cnn.ops import cat
from tinygrad_cnn.optim import Optimizer
from tinygrad_cnn.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.training.callbacks import Callback
from tinygrad_cnn.training.history import Epoch, History, Score
from tinygrad_cnn.training.interrupt import interruptible

INTERRUPTED = "interrupted"


class Trainer:
    """Trains a classifier, and evaluates it.

    ``loss`` is a function of the model's outputs (N, C) and the labels, class indices (N,) or rows (N, C).
    ``scheduler`` steps after every batch, but ReduceLROnPlateau after every epoch, by the validation loss.

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
        self.history = History()

    def fit(
        self, train: DataLoader, validation: DataLoader | None = None, epochs: int = 1, verbose: bool = False
    ) -> History:
        """Train until there have been ``epochs`` passes, and return the history of all of them.

        ``verbose`` shows a progress bar, and prints a line for each epoch. Ctrl-C lets the epoch that is running
        come to its end, and ends training there; a second one ends it at once.
        """
        if epochs < 1:
            raise ValueError(f"fit: epochs is {epochs}; wanted at least 1")
        history = self.history
        with interruptible() as interrupted:
            try:
                while len(history) < epochs and not history.ended_early:
                    self._one_more_epoch(train, validation, epochs, verbose)
                    if interrupted() and len(history) < epochs:
                        history.ended_early = history.ended_early or INTERRUPTED
            finally:
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

    def predict(self, data: DataLoader) -> Tensor:
        """Return the model's outputs for a whole data set, in its order; its labels are not looked at."""
        was_training = self.model.training
        self.model.eval()
        try:
            with no_grad():
                return cat([self.model(inputs) for inputs, _ in data])
        finally:
            self.model.train(was_training)

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on: model, optimizer, schedule, callbacks, history, randomness."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "callbacks": [callback.state_dict() for callback in self.callbacks],
            "history": [epoch.row() for epoch in self.history.epochs],
            "ended_early": self.history.ended_early,
            "random": default_generator().bit_generator.state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state: the next epochs are those that the run would have had."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        for callback, its_state in zip(self.callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(its_state)
        self.history.epochs[:] = map(Epoch.from_row, state["history"])
        self.history.ended_early = state["ended_early"]
        default_generator().bit_generator.state = state["random"]

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
            if self.scheduler is not None and not isinstance(self.scheduler, ReduceLROnPlateau):
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
