"""How training behaves where no error would tell: modes, schedules, and counts that survive resuming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
from tests.support.training_cases import X, Y, pairs, trainer
from tinygrad_cnn import nn
from tinygrad_cnn.optim.lr_scheduler import ReduceLROnPlateau
from tinygrad_cnn.storage.safetensors import load_checkpoint
from tinygrad_cnn.training import Callback, Checkpoints, EarlyStopping, Trainer


class Spread(nn.Module):
    """Dropout and batch normalization, which compute something else in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))

    def forward(self, input: tg.Tensor) -> tg.Tensor:
        return self.layers(input)


def test_evaluation_is_in_evaluation_mode_also_within_training() -> None:
    run = trainer(Spread())
    run.fit(pairs(), pairs())
    within = run.history.epochs[-1].validation
    state = {name: t.tolist() for name, t in run.model.state_dict().items()}
    run.model.eval()
    with tg.no_grad():
        outputs = run.model(X)
        loss = nn.functional.cross_entropy(outputs, Y).item()
    run.model.train()
    for score in (within, run.evaluate(pairs()), run.evaluate(pairs(1))):
        assert score.loss == pytest.approx(loss, rel=1e-5)
        assert score.accuracy == np.mean(outputs.array.argmax(1) == Y.array)
    np.testing.assert_allclose(run.predict(pairs()).array, outputs.array, rtol=1e-5)
    assert {name: t.tolist() for name, t in run.model.state_dict().items()} == state
    assert run.model.training


def test_training_is_in_training_mode_whatever_the_model_was_in() -> None:
    seen: list[bool] = []

    class Look(Callback):
        def on_gradients(self, trainer: Any) -> None:
            seen.append(trainer.model.training)

    run = trainer(Spread(), callbacks=[Look()])
    run.model.eval()
    run.fit(pairs(), pairs(), epochs=2)
    assert seen == [True] * 6


def test_a_plateau_is_one_of_the_validation_loss() -> None:
    """The training loss falls in each epoch, and the validation loss rises: its labels are the opposite ones."""
    run = trainer()
    run.scheduler = ReduceLROnPlateau(run.optimizer, patience=0, factor=0.5)
    history = run.fit(pairs(), [(x, 1 - y) for x, y in pairs()], epochs=4)
    losses = [(epoch.train.loss, epoch.validation.loss) for epoch in history.epochs]
    assert [t for t, _ in losses] == sorted((t for t, _ in losses), reverse=True)
    assert [v for _, v in losses] == sorted(v for _, v in losses)
    assert run.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**3)
    alone = trainer()
    alone.scheduler = ReduceLROnPlateau(alone.optimizer, patience=0, factor=0.5)
    alone.fit(pairs(), epochs=4)
    assert alone.optimizer.param_groups[0]["lr"] == 0.1


def test_early_stopping_counts_on_after_resuming(tmp_path: Path) -> None:
    def run() -> Trainer:
        return trainer(callbacks=[EarlyStopping(4, 100.0), Checkpoints(tmp_path, keep=99)])

    history = run().fit(pairs(), pairs(), epochs=20)
    assert len(history) == 5
    for epoch in range(1, 5):
        other = run()
        other.load_state_dict(load_checkpoint(tmp_path / f"checkpoint-{epoch:05d}.safetensors"))
        assert other.callbacks[0].waited == epoch - 1
        assert len(other.fit(pairs(), pairs(), epochs=20)) == 5
        assert other.history.ended_early == history.ended_early
