"""The learning-rate finder suggests a rate that trains, and leaves everything as it was."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.training import LearningRateFinder, Trainer
from tinygrad_cnn.training.finder import _steepest


@pytest.fixture
def trainer() -> Trainer:
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    return Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.01, momentum=0.9))


@pytest.fixture
def data() -> DataLoader:
    x = tg.randn(256, 2, generator=np.random.default_rng(0))
    return DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=16)


def test_the_suggested_rate_trains(trainer: Trainer, data: DataLoader) -> None:
    found = LearningRateFinder(steps=60).run(trainer, data)
    trainer.optimizer.param_groups[0]["lr"] = found.suggestion
    trainer.fit(data, epochs=3)
    assert trainer.evaluate(data).accuracy > 0.95


def test_model_and_optimizer_are_put_back(trainer: Trainer, data: DataLoader) -> None:
    before = {name: t.clone() for name, t in trainer.model.state_dict().items()}
    LearningRateFinder(steps=20).run(trainer, data)
    for name, tensor in trainer.model.state_dict().items():
        np.testing.assert_array_equal(tensor.array, before[name].array)
    assert trainer.optimizer.param_groups[0]["lr"] == 0.01
    assert all(p.grad is None for p in trainer.model.parameters())


def test_what_follows_the_explosion_is_not_looked_at() -> None:
    losses = [2.3, 2.3, 2.3, 2.25, 2.2, 2.1, 2.0, 3.5, 3.0, 2.8, 2.5, 2.3]
    rates = [10.0**i for i in range(len(losses))]
    assert _steepest(rates, losses) == rates[4]


@pytest.mark.parametrize("options", [{"least": 0}, {"least": 2, "most": 1}, {"steps": 9}, {"smoothing": 1}])
def test_senseless_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="wanted 0 < least < most, at least 10 steps"):
        LearningRateFinder(**options)
