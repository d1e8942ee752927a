"""The learning-rate range test: raise the rate step by step, and see where the loss falls fastest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from numbers import Real
from typing import NamedTuple

from tinygrad_cnn.training.batches import Batch, Loader, check_loader, checked_batches
from tinygrad_cnn.training.evaluation import mean_loss
from tinygrad_cnn.training.trainer import Trainer


class FinderResult(NamedTuple):
    """The rates that were tried, the smoothed loss at each, and the rate to train with."""

    rates: list[float]
    losses: list[float]
    suggestion: float


class LearningRateFinder:
    """Tries learning rates from ``least`` to ``most``, a higher one for each batch.

    The suggestion is the rate at which the smoothed loss falls fastest, on a logarithmic scale of rates. The
    trainer's model and optimizer are restored afterwards. (The range test of Smith, "Cyclical learning rates",
    2017, section 3.3.)

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data import DataLoader, TensorDataset
    >>> from tinygrad_cnn.training import LearningRateFinder, Trainer
    >>> _ = tg.manual_seed(0)
    >>> x = tg.randn(256, 2)
    >>> data = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=8)
    >>> model = tg.nn.Linear(2, 2)
    >>> trainer = Trainer(model, tg.nn.CrossEntropyLoss(), tg.optim.SGD(model.parameters()))
    >>> 1e-4 < LearningRateFinder().run(trainer, data).suggestion < 10
    True
    """

    def __init__(self, least: float = 1e-5, most: float = 10.0, steps: int = 100, smoothing: float = 0.9) -> None:
        numbers = isinstance(steps, int) and all(isinstance(value, Real) for value in (least, most, smoothing))
        if not numbers or not (0 < least < most < math.inf and steps >= 10 and 0 <= smoothing < 1):
            raise ValueError(
                f"LearningRateFinder: rates {least!r} to {most!r} in {steps!r} steps, smoothing {smoothing!r}; "
                "wanted 0 < least < most, at least 10 steps, and smoothing from 0 to below 1"
            )
        self.rates = [least * (most / least) ** (i / (steps - 1)) for i in range(steps)]
        self.smoothing = smoothing

    def run(self, trainer: Trainer, train: Loader) -> FinderResult:
        """Try the rates on batches of the training set, which is read again as often as needed."""
        model, optimizer = trainer.model, trainer.optimizer
        check_loader("LearningRateFinder.run", train, passes=len(self.rates))
        weights, state = deepcopy(model.state_dict()), deepcopy(optimizer.state_dict())
        tried: list[float] = []
        losses: list[float] = []
        average, weight = 0.0, 0.0
        model.train()
        try:
            for rate, (inputs, targets) in zip(self.rates, _endless(train), strict=False):
                for group in optimizer.param_groups:
                    group["lr"] = rate
                loss = mean_loss("LearningRateFinder.run", trainer.loss, model(inputs), targets)
                average = self.smoothing * average + (1 - self.smoothing) * loss.item()
                weight = self.smoothing * weight + (1 - self.smoothing)
                tried.append(rate)
                losses.append(average / weight)
                if not losses[-1] <= 4 * min(losses):  # exploded, or NaN
                    break
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        finally:
            model.load_state_dict(weights)
            optimizer.load_state_dict(state)
            optimizer.zero_grad()
        return FinderResult(tried, losses, _steepest(tried, losses))


def _endless(loader: Loader) -> Iterator[Batch]:
    """Yield the batches of one pass after the other."""
    while True:
        batches = 0
        for batch in checked_batches("LearningRateFinder.run", loader):
            yield batch
            batches += 1
        if not batches:
            raise ValueError(
                f"LearningRateFinder.run: the {type(loader).__name__} gave no batch; wanted at least one"
            )


def _steepest(rates: list[float], losses: list[float]) -> float:
    """Return the rate at which the loss falls fastest, by its slope over five rates, before its minimum.

    After the minimum the loss explodes, and from there it may fall again, to that of random guesses: that fall is
    not looked at.
    """
    bottom = losses.index(min(losses))
    slopes = [(losses[i + 2] - losses[i - 2]) / math.log(rates[i + 2] / rates[i - 2]) for i in range(2, bottom - 1)]
    return rates[2 + slopes.index(min(slopes))] if slopes else rates[0]
