"""The learning-rate finder: it sees where the loss falls and where it explodes, and leaves no trace."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.training import LearningRateFinder, Trainer


def data(n: int = 64) -> DataLoader:
    x = tg.randn(n, 2)
    return DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=8)


def trainer(loss: object = None) -> Trainer:
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2))
    optimizer = optim.SGD(model.parameters(), lr=0.125, momentum=0.9)
    return Trainer(model, loss or nn.CrossEntropyLoss(), optimizer)


@given(st.floats(1e-8, 1e-3), st.floats(1e-2, 1e3), st.integers(10, 50))
def test_rates_grow_by_one_factor_from_least_to_most(least: float, most: float, steps: int) -> None:
    rates = LearningRateFinder(least, most, steps).rates
    assert len(rates) == steps
    assert (rates[0], rates[-1]) == pytest.approx((least, most))
    np.testing.assert_allclose(np.diff(np.log(rates)), np.log(most / least) / (steps - 1), rtol=1e-6)


def test_the_suggestion_is_where_the_loss_falls_fastest() -> None:
    """A loss that is made up: it falls by steps of 1, one step of 5 among them."""
    tg.manual_seed(0)
    fall = [100.0 - i - 4 * (i >= 12) for i in range(20)]
    made_up = iter(fall)
    finder = LearningRateFinder(1e-3, 1.0, steps=20, smoothing=0.0)
    found = finder.run(trainer(lambda out, labels: out.sum() * 0 + next(made_up)), data())
    assert found.losses == pytest.approx(fall)
    assert found.suggestion in finder.rates[10:14]


def test_what_follows_the_explosion_is_not_looked_at() -> None:
    """Once the weights are ruined, the loss falls back to that of mere guesses, faster than it ever did before."""
    losses = [2.3, 2.3, 2.3, 2.25, 2.2, 2.1, 2.0, 3.5, 3.0, 2.8, 2.5, 2.3]
    made_up = iter(losses)
    finder = LearningRateFinder(steps=12, smoothing=0.0)
    found = finder.run(trainer(lambda out, labels: out.sum() * 0 + next(made_up)), data())
    assert found.suggestion == finder.rates[4]


@pytest.mark.parametrize("bad", [1e6, float("nan")])
def test_it_ends_when_the_loss_explodes(bad: float) -> None:
    made_up = iter([1.0] * 30 + [bad] * 70)
    finder = LearningRateFinder(smoothing=0.0)
    found = finder.run(trainer(lambda out, labels: out.sum() * 0 + next(made_up)), data())
    assert len(found.rates) == len(found.losses) == 31


def test_model_and_optimizer_are_left_as_they_were() -> None:
    run, batches = trainer(), data()
    run.fit(batches, epochs=1)  # so that there is momentum
    before = {name: t.array.copy() for name, t in run.model.state_dict().items()}
    momentum = [s["momentum_buffer"].array.copy() for s in run.optimizer.state_dict()["state"].values()]
    LearningRateFinder().run(run, batches)
    for name, tensor in run.model.state_dict().items():
        np.testing.assert_array_equal(tensor.array, before[name])
    for state, was in zip(run.optimizer.state_dict()["state"].values(), momentum, strict=True):
        np.testing.assert_array_equal(state["momentum_buffer"].array, was)
    assert run.optimizer.param_groups[0]["lr"] == 0.125


@pytest.mark.parametrize(
    "settings", [{"least": 0.0}, {"least": 2.0, "most": 1.0}, {"steps": 9}, {"smoothing": 1.0}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"LearningRateFinder: rates .* wanted 0 < least < most"):
        LearningRateFinder(**settings)


def test_smoothing_does_not_pull_the_first_losses_down() -> None:
    found = LearningRateFinder(steps=10, smoothing=0.9).run(trainer(lambda out, labels: out.sum() * 0 + 3), data())
    assert found.losses == pytest.approx([3.0] * 10)
