"""Averaged weights are those of the formula, and survive an interruption."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.training import Callback, EarlyStopping, Trainer, WeightAveraging


class Weights(Callback):
    """Notes the weights of every step."""

    def __init__(self) -> None:
        self.seen: list[dict[str, np.ndarray]] = []

    def on_step_end(self, trainer: Any) -> None:
        self.seen.append({k: v.array.copy() for k, v in trainer.model.state_dict().items()})


def made(decay: float, *before: Callback) -> tuple[Trainer, list[Any]]:
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    optimizer = tg.optim.SGD(model.parameters(), 0.5, momentum=0.9)
    callbacks = [*before, WeightAveraging(model, decay)]
    batches = [(tg.randn(6, 3), tg.tensor([0, 1, 0, 1, 1, 0])) for _ in range(3)]
    return Trainer(model, nn.CrossEntropyLoss(), optimizer, callbacks=callbacks), batches


@given(decay=st.floats(0, 1), epochs=st.integers(1, 3))
def test_what_is_left_is_the_moving_average_of_the_weights_of_all_steps(decay: float, epochs: int) -> None:
    weights = Weights()
    trainer, batches = made(decay, weights)
    trainer.fit(batches, epochs=epochs)
    assert len(weights.seen) == 3 * epochs
    for name, left in trainer.model.state_dict().items():
        wanted = weights.seen[0][name].astype(np.float64)
        for step in weights.seen[1:]:
            wanted = decay * wanted + (1 - decay) * step[name]
        if "num_batches" not in name:
            np.testing.assert_allclose(left.array, wanted, rtol=1e-4, atol=1e-5)


def test_after_early_stopping_the_average_is_left() -> None:
    trainer, batches = made(0.9, EarlyStopping(monitor="train_loss"))
    trainer.fit(batches, epochs=4)
    average = trainer.callbacks[1]
    assert isinstance(average, WeightAveraging)
    kept = average.averaged.module.state_dict()
    assert all(np.array_equal(v.array, kept[k].array) for k, v in trainer.model.state_dict().items())


def test_a_resumed_run_leaves_the_same_average() -> None:
    class Stop(Callback):
        state: Any = None

        def on_step_end(self, trainer: Any) -> None:
            if len(trainer.history) == 1 and trainer.running.batches == 2:
                self.state = deepcopy(trainer.state_dict())

    stop = Stop()
    whole, batches = made(0.7)
    whole.callbacks = (*whole.callbacks, stop)
    whole.fit(batches, epochs=3)
    resumed, _ = made(0.7)
    resumed.callbacks = (*resumed.callbacks, Callback())
    resumed.load_state_dict(stop.state)
    resumed.fit(batches, epochs=3)
    for name, value in whole.model.state_dict().items():
        np.testing.assert_array_equal(resumed.model.state_dict()[name].array, value.array)


@pytest.mark.parametrize("decay", [-0.1, 1.5, float("nan")])
def test_a_decay_that_is_none_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match=r"decay is .*; wanted a number from 0 to 1"):
        WeightAveraging(nn.Linear(1, 1), decay)


def test_the_state_of_another_model_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"module.weight: has shape \(4, 3\); wanted \(2, 1\)"):
        WeightAveraging(nn.Linear(1, 2)).load_state_dict(WeightAveraging(nn.Linear(3, 4)).state_dict())
