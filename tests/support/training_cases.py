"""A small problem of two classes, in every form in which a Trainer takes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import TensorDataset
from tinygrad_cnn.training import Trainer

POINTS = np.random.default_rng(0).standard_normal((12, 2)).astype(np.float32)
X, Y = tg.tensor(POINTS), tg.tensor((POINTS.sum(1) > 0).astype(np.int64))
DATASET = TensorDataset(X, Y)


def pairs(size: int = 4) -> list[tuple[tg.Tensor, tg.Tensor]]:
    return [(X[i : i + size], Y[i : i + size]) for i in range(0, len(X), size)]


def generator() -> Iterator[Any]:
    yield from pairs()


class Passes:
    """An iterable that is neither a list nor a generator: each pass begins anew."""

    def __iter__(self) -> Iterator[Any]:
        return generator()


def trainer(model: nn.Module | None = None, loss: Any = None, **options: Any) -> Trainer:
    tg.manual_seed(0)
    model = model or nn.Linear(2, 2)
    return Trainer(model, loss or nn.CrossEntropyLoss(), optim.SGD(model.parameters(), 0.1, 0.9), **options)


def weights(run: Trainer) -> Any:
    return [p.tolist() for p in run.model.parameters()]
