"""The training loop: epochs of steps, evaluation, callbacks, and a state to resume from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from copy import deepcopy
from math import isfinite
from numbers import Real
from shutil import get_terminal_size
from typing import Any

from tinygrad_cnn.distributed.share import Share, drawing_for
from tinygrad_cnn.nn import Module
from tinygrad_cnn.nn.utils import clip_grad_norm_
from tinygrad_cnn.optim import Optimizer
from tinygrad_cnn.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.training import ranks
from tinygrad_cnn.training.batches import (
    Batch,
    Loader,
    batches_of_pass,
    check_loader,
    check_order,
    checked_batches,
    order_of_pass,
    seed_of_pass,
)
from tinygrad_cnn.training.callbacks import Callback
from tinygrad_cnn.training.diagnosis import all_finite, first_nonfinite
from tinygrad_cnn.training.evaluation import evaluate, predict
from tinygrad_cnn.training.gradients import GradientsOfBatches, fill_gradients
from tinygrad_cnn.training.history import Epoch, History, Score, columns_of
from tinygrad_cnn.training.interrupt import interruptible
from tinygrad_cnn.training.metric import Metric, accuracy, metric_sums, named_metrics
from tinygrad_cnn.training.parts import check_parts
from tinygrad_cnn.training.progress import Progress, Totals, in_lines, with_progress_bar

INTERRUPTED = "interrupted"


class Trainer:
    """Trains a model on batches of (inputs, targets), and evaluates it.

    ``loss`` is a function of the model's outputs and the targets of a batch; it returns their mean loss.
    ``scheduler`` steps after every batch, but ReduceLROnPlateau after every epoch, by the validation loss.
    ``clip_gradient`` is the largest norm that the gradient of all parameters, as one vector, may have.
    ``metric`` is measured beside the loss, by its function's name: a function of outputs and targets that returns
    one number for each sample, (N,), or their mean; or a dict of such functions by name; or None. The default,
    `accuracy`, is for classifiers whose outputs are (N, C).

    With ``compile``, loss and gradients of a batch are computed by a program, as `compile` makes one, for batches
    of the kind of the first; what cannot be a program runs as it is (`explain` says why). With compiled kernels, a
    program gives other last digits than the steps without one.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data import DataLoader, TensorDataset
    >>> from tinygrad_cnn.training import Trainer
    >>> points, labels = tg.tensor([[-1.0], [1.0]]), tg.tensor([0, 1])
    >>> model = tg.nn.Linear(1, 2)
    >>> trainer = Trainer(model, tg.nn.CrossEntropyLoss(), tg.optim.SGD(model.parameters(), lr=1.0))
    >>> history = trainer.fit(DataLoader(TensorDataset(points, labels), batch_size=2), epochs=20)
    >>> trainer.evaluate(DataLoader(TensorDataset(points, labels))).accuracy
    1.0

    A regression, with a metric of its own:

    >>> def mean_error(outputs, targets):
    ...     return (outputs - targets).abs().mean()
    >>> model = tg.nn.Linear(1, 1)
    >>> optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = Trainer(model, tg.nn.MSELoss(), optimizer, metric=mean_error)
    >>> history = trainer.fit([(points, 3 * points)], epochs=100)
    >>> list(history.epochs[-1].train.metrics)
    ['mean_error']
    """

    def __init__(
        self,
        model: Module,
        loss: Callable[..., Tensor],
        optimizer: Optimizer,
        scheduler: LRScheduler | None = None,
        callbacks: Sequence[Callback] = (),
        clip_gradient: float | None = None,
        *,
        metric: Metric | Mapping[str, Metric] | None = accuracy,
        compile: bool = True,
    ) -> None:
        check_parts(model, loss, optimizer, scheduler, callbacks)
        if clip_gradient is not None and not (isinstance(clip_gradient, Real) and clip_gradient > 0):
            raise ValueError(f"Trainer: clip_gradient is {clip_gradient}; wanted a norm above 0, or None")
        self.model = ranks.plain(model)
        self.loss = loss
        self.metrics: Mapping[str, Metric] = named_metrics(metric)
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.callbacks = tuple(callbacks)
        self.clip_gradient = clip_gradient
        self.compile = compile
        self._gradients = GradientsOfBatches(self.model, loss, optimizer)
        self.history = History()
        self.running: Progress | None = None
        self.validates = False
        self._has_fitted = False
        self._weights_of_epoch_start: dict[str, Tensor] = {}

    def __repr__(self) -> str:
        parts = {"loss": self.loss, "optimizer": self.optimizer, "scheduler": self.scheduler}
        shown = [f"{name}={type(part).__name__}" for name, part in parts.items() if part is not None]
        return f"Trainer({type(self.model).__name__}, {', '.join(shown)}, {len(self.history)} epochs)"

    def fit(
        self, train: Loader, validation: Loader | None = None, epochs: int = 1, verbose: bool = False
    ) -> History:
        """Train until there have been ``epochs`` passes in all, and return the history of all of them.

        ``train`` and ``validation`` are DataLoaders, lists of batches (inputs, targets), or other iterables of such
        batches. Only with the first two can a run be saved and resumed within an epoch. ``verbose`` shows a
        progress bar, and prints a line for each epoch. Ctrl-C ends training with the epoch that is under way; a
        second one ends it at once. Warns if there is nothing to train: after early stopping, or if
        earlier calls have done all passes.

        Raises TypeError or ValueError for batches, outputs or losses that cannot be used, before the step is taken.
        Raises FloatingPointError, and restores the weights that the epoch began with, if loss, gradient or weights
        are not finite: with the epoch, the step, the first operation concerned and the likely cause.
        """
        if not isinstance(epochs, int) or epochs < 1:
            raise ValueError(f"fit: epochs is {epochs!r}; wanted at least 1, a whole number")
        history = self.history
        if history.ended_early == INTERRUPTED:
            history.ended_early = None
        self._warn_if_nothing_is_left(epochs)
        left = epochs - len(history)
        check_loader("fit: train", train, left)
        if validation is not None:
            check_loader("fit: validation", validation, left)
        self.validates, self._has_fitted = validation is not None, True
        ranks.begin_alike(self.model, self.loss)
        with interruptible() as interrupted, self._callbacks_at_work():
            while not self.is_finished(epochs):
                self._one_more_epoch(train, validation, epochs, verbose and ranks.is_first())
                reason = INTERRUPTED if interrupted() and len(history) < epochs else None
                if ranks.are_several():
                    history.ended_early, reason = ranks.agreed(history.ended_early, reason)
                history.ended_early = history.ended_early or reason
        return history

    def is_finished(self, epochs: int) -> bool:
        """Return whether there have been ``epochs`` passes, or training has ended early."""
        return len(self.history) >= epochs or self.history.ended_early is not None

    def finish(self) -> None:
        """Leave files and weights as `fit` leaves them: for a trainer that loaded the state of a finished run."""
        self.validates = any(epoch.validation for epoch in self.history.epochs)
        with self._callbacks_at_work():
            pass

    @contextmanager
    def _callbacks_at_work(self) -> Iterator[None]:
        try:
            for callback in self._callbacks_here():
                callback.on_fit_start(self)
            yield
        finally:
            self.running = None
            for callback in self._callbacks_here():
                callback.on_fit_end(self)

    def _callbacks_here(self) -> Iterator[Callback]:
        """Return the callbacks that run in this process: of several ranks, only the first has all of them."""
        return (callback for callback in self.callbacks if callback.on_every_rank or ranks.is_first())

    def _one_more_epoch(self, train: Loader, validation: Loader | None, epochs: int, verbose: bool) -> None:
        number = len(self.history) + 1
        epoch = self._epoch(number, epochs, train, validation, verbose)
        self.history.epochs.append(epoch)
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step((epoch.validation or epoch.train).loss)
        for callback in self._callbacks_here():
            reason = callback.on_epoch_end(self, epoch)
            if not isinstance(reason, (str, type(None))):
                raise TypeError(
                    f"fit: {type(callback).__name__}.on_epoch_end returned {reason!r:.60}; wanted the reason to "
                    "end training as a string, or None"
                )
            if number < epochs:
                self.history.ended_early = self.history.ended_early or reason
        if verbose:
            statuses = [status for callback in self.callbacks if (status := callback.status())]
            label = f"epoch {number:{len(str(epochs))}}/{epochs}"
            print(in_lines([label, *epoch.parts(), *statuses], get_terminal_size().columns), flush=True)

    def evaluate(self, data: Loader) -> Score:
        """Return the mean loss and the metrics on a data set; the model is in evaluation mode meanwhile."""
        return evaluate(self.model, self.loss, self.metrics, data)

    def predict(self, data: Loader) -> Tensor:
        """Return the model's outputs for a whole data set, in its order; the targets are not used."""
        return predict(self.model, data)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that is needed to resume, between epochs or after any step of one.

        That is: model, optimizer, schedule, callbacks, history, the epoch that is under way, and the state of this
        thread's random generator. A generator that a loader, layer or transform was given as an argument is not
        part of it. Tensors share memory with the trainer: write the state to a file, or copy it. Raises ValueError
        within an epoch whose batches cannot be read again from the middle.
        """
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "callbacks": [callback.state_dict() for callback in self.callbacks],
            "history": [epoch.row() for epoch in self.history.epochs],
            "ended_early": self.history.ended_early,
            "running": None if self.running is None else self.running.state_dict(),
            "program": self._gradients.kind,
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
            reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"Trainer.load_state_dict: the state does not fit: {reason}") from error

    def _load(self, state: Mapping[str, Any]) -> None:
        if not isinstance(state, Mapping):
            raise TypeError(f"it is a {type(state).__name__}; wanted what state_dict() returned")
        if (state["scheduler"] is None) != (self.scheduler is None):
            has, lacks = ("this trainer", "the state") if self.scheduler else ("the state", "this trainer")
            raise ValueError(f"{has} has a learning-rate schedule, {lacks} has none")
        if len(state["callbacks"]) != len(self.callbacks):
            names = ", ".join(type(callback).__name__ for callback in self.callbacks) or "none"
            raise ValueError(f"it is of {len(state['callbacks'])} callbacks; this trainer has: {names}")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        for callback, its_state in zip(self.callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(its_state)
        self._load_history(state)
        self.running = None if state["running"] is None else Progress.from_state_dict(state["running"])
        program = state.get("program")  # checkpoints of version 0.1 have none
        if not isinstance(program, (str, type(None))):
            raise TypeError(f"program is {program!r:.60}; wanted a kind of batches or None")
        self._gradients.kind = program
        default_generator().bit_generator.state = state["random"]

    def _load_history(self, state: Mapping[str, Any]) -> None:
        epochs = [Epoch.from_row(row) for row in state["history"]]
        for row in state["history"]:
            if tuple(row) != columns_of(self.metrics):
                raise ValueError(f"its metrics are those of {', '.join(row)}; this trainer's are {[*self.metrics]}")
        if not isinstance(state["ended_early"], (str, type(None))):
            raise TypeError(f"ended_early is {state['ended_early']!r:.60}; wanted a reason or None")
        self.history.epochs[:] = epochs
        self.history.ended_early = state["ended_early"]

    def _epoch(self, number: int, epochs: int, train: Loader, validation: Loader | None, verbose: bool) -> Epoch:
        """Train for one epoch, or for what is left of the one that is under way."""
        running = self.running
        if running is None:
            rate = self.optimizer.param_groups[0]["lr"]
            running = self.running = Progress(order_of_pass(train), rate, seed_of_pass(train))
        elif running.order is not None:
            check_order(train, running.order)
        start = time.perf_counter() - running.seconds
        self._weights_of_epoch_start = deepcopy(self.model.state_dict())
        self.model.train()
        batches = self._batches(train, running)
        if verbose:
            total = len(train) if isinstance(train, Sized) else None
            batches = with_progress_bar(batches, f"epoch {number}/{epochs}", running, total)
        for (inputs, targets), share in batches:
            self._step(inputs, targets, running.totals, share)
            running.batches += 1
            running.seconds = time.perf_counter() - start
            for callback in self._callbacks_here():
                callback.on_step_end(self)
        if not running.totals.samples:
            raise ValueError(
                f"fit: the {type(train).__name__} gave no batch in epoch {number}; wanted at least one"
            )
        if not all_finite(self.model.state_dict().values()):
            raise self._stopped("the step before made weights that are not finite: lower the learning rate")
        if ranks.are_several():
            ranks.check_alike(self.model)
        evaluated = ranks.evaluate_shares if ranks.are_several() else evaluate
        score = None if validation is None else evaluated(self.model, self.loss, self.metrics, validation)
        self.running = None
        seconds = time.perf_counter() - start
        return Epoch(number, running.totals.score(), score, running.learning_rate, seconds)

    def _batches(self, train: Loader, running: Progress) -> Iterable[tuple[Batch, Share | None]]:
        """Return the batches of an epoch that are still to come or, of several ranks, this one's share of each."""
        if ranks.are_several():
            return ranks.shares_of_pass("fit", train, running.order, running.seed, running.batches)
        batches = batches_of_pass(train, running.order, running.batches, running.seed)
        return ((batch, None) for batch in checked_batches("fit", batches, running.batches))

    def _step(self, inputs: Tensor, targets: Tensor, totals: Totals, share: Share | None = None) -> None:
        """Train on one batch, or on a rank's share of one, if its loss and gradient are finite."""
        random = default_generator().bit_generator
        before = random.state
        weight = 1.0
        try:
            if share is None:
                loss, outputs = self._fill_gradients(inputs, targets)
            else:
                criterion, weight = ranks.loss_of_share(self.loss, targets, share)
                with drawing_for(share):
                    loss, outputs = fill_gradients(self.model, criterion, self.optimizer, inputs, targets, weight)
            sums = self._sums_of_metrics(outputs, targets)
            value, samples = loss.item(), len(targets)
            if share is not None:
                samples = share.total
                value, sums = ranks.average_step(self.model, weight, value, sums, share)
            if not self.optimizer.has_stepped and ranks.is_first():
                self._warn_of_unreached_parameters()
            if not isfinite(value):
                raise FloatingPointError(f"the loss is {value}")
            for callback in self._callbacks_here():
                callback.on_gradients(self)
            if not all_finite(p.grad for p in self.model.parameters() if p.grad is not None):
                raise FloatingPointError("the gradient is not finite")
            if self.clip_gradient is not None:
                clip_grad_norm_(self.model.parameters(), self.clip_gradient)
            self.optimizer.step()
        except FloatingPointError as error:  # NumPy raises it too, under np.errstate(all="raise")
            random.state = before
            reason = first_nonfinite(self.model, self.loss, inputs, targets)
            raise self._stopped(f"{error}: {reason}") from None
        if self.scheduler is not None and not isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step()
        totals.add(value, sums, samples)

    def _fill_gradients(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Any]:
        parts = self.model, self.loss, self.optimizer
        if not self.compile:
            return fill_gradients(*parts, inputs, targets)
        if any(part is not known for part, known in zip(parts, self._gradients.parts, strict=True)):
            self._gradients = GradientsOfBatches(*parts, self._gradients.kind)
        return self._gradients.fill(inputs, targets)

    def _sums_of_metrics(self, outputs: Any, targets: Tensor) -> dict[str, float]:
        try:
            return metric_sums(self.metrics, outputs, targets)
        except Exception:
            self.optimizer.zero_grad()  # there is no step
            raise

    def explain(self) -> str:
        """Return the program of a step's gradients as text, or why steps run as they are."""
        return self._gradients.explain() if self.compile else "steps run as they are: compile=False"

    def _warn_if_nothing_is_left(self, epochs: int) -> None:
        done, reason = len(self.history), self.history.ended_early
        if reason is not None:
            warn_user(
                f"fit: training ended early after epoch {done} ({reason}), so nothing is trained; to go on all the "
                "same, set trainer.history.ended_early = None"
            )
        elif self._has_fitted and done >= epochs:
            warn_user(
                f"fit: epochs is {epochs}, and there have been {done} already, so nothing is trained; epochs "
                "counts all passes, those of earlier calls too"
            )

    def _warn_of_unreached_parameters(self) -> None:
        """Warn of parameters that the loss does not depend on: they would never be trained."""
        unreached = [n for n, p in self.model.named_parameters() if p.requires_grad and p.grad is None]
        if unreached:
            warn_user(
                f"fit: the loss does not depend on {', '.join(unreached)}; is it left out of forward(), or "
                "detached? (What is not to be trained: requires_grad_(False))"
            )

    def _stopped(self, reason: str) -> FloatingPointError:
        """Restore the weights that the epoch began with, and return the error that says why and where."""
        step = 1 if self.running is None else self.running.batches + 1
        self.model.load_state_dict(self._weights_of_epoch_start)
        return FloatingPointError(
            f"fit: stopped in epoch {len(self.history) + 1}, step {step}: {reason}. The weights are back at those "
            "that this epoch began with, or at the best if early stopping keeps them"
        )
