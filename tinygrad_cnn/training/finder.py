"""Finding a learning rate: raise it step by step, and see where the loss falls fastest and where it explodes."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import NamedTuple

from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.training.trainer import Trainer


class FinderResult(NamedTuple):
    """The rates that were tried, the smoothed loss at each, and the rate to train with."""

    rates: list[float]
    losses: list[float]
    suggestion: float


class LearningRateFinder:
    """Tries rates from ``least`` to ``most``, one a batch (Smith, "Cyclical learning rates", 2017, section 3.3).

    The suggestion is where the smoothed loss falls fastest on a logarithmic scale. The trainer's model and
    optimizer are put back as they were.

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
        if not (0 < least < most and steps >= 10 and 0 <= smoothing < 1):
            raise ValueError(
                f"LearningRateFinder: rates {least} to {most} in {steps} steps, smoothing {smoothing}; wanted "
                "0 < least < most, at least 10 steps, and smoothing from 0 to below 1"
            )
        self.rates = [least * (most / least) ** (i / (steps - 1)) for i in range(steps)]
        self.smoothing = smoothing

    def run(self, trainer: Trainer, train: DataLoader) -> FinderResult:
        """Try the rates on batches of the training set, over and over if there are too few."""
        model, optimizer = trainer.model, trainer.optimizer
        weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        state = deepcopy(optimizer.state_dict())
        tried: list[float] = []
        losses: list[float] = []
        average, weight = 0.0, 0.0
        batches = iter(train)
        model.train()
        try:
            for rate in self.rates:
                inputs, labels = next(batches, None) or next(batches := iter(train))
                for group in optimizer.param_groups:
                    group["lr"] = rate
                loss = trainer.loss(model(inputs), labels)
                average = self.smoothing * average + (1 - self.smoothing) * loss.item()
                weight = self.smoothing * weight + (1 - self.smoothing)
                tried.append(rate)
                losses.append(average / weight)
                if not losses[-1] <= 4 * min(losses):  # exploded, or not a number
                    break
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        finally:
            model.load_state_dict(weights)
            optimizer.load_state_dict(state)
            optimizer.zero_grad()
        return FinderResult(tried, losses, _steepest(tried, losses))


def _steepest(rates: list[float], losses: list[float]) -> float:
    """Return the rate at which the loss falls fastest, by its slope over five rates, before it is lowest.

    What comes after that is the explosion, and the loss may well fall back from there to that of mere guesses.
    """
    bottom = losses.index(min(losses))
    slopes = [(losses[i + 2] - losses[i - 2]) / math.log(rates[i + 2] / rates[i - 2]) for i in range(2, bottom - 1)]
    return rates[2 + slopes.index(min(slopes))] if slopes else rates[0]
