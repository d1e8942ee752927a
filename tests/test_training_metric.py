"""What a Trainer measures beside the loss: accuracy, another metric, several or none; and gradients of a step."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.experiment import plots
from tinygrad_cnn.experiment.metrics import statistics
from tinygrad_cnn.storage.safetensors import load_checkpoint, save_checkpoint
from tinygrad_cnn.training import (
    Callback,
    CSVLogger,
    EarlyStopping,
    Epoch,
    GradientNorms,
    JSONLinesLogger,
    Score,
    Trainer,
    accuracy,
)

POINTS = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
TARGETS = POINTS.sum(1, keepdims=True)


def mean_error(outputs: tg.Tensor, targets: tg.Tensor) -> tg.Tensor:
    return (outputs - targets).abs().mean()


def errors(outputs: tg.Tensor, targets: tg.Tensor) -> tg.Tensor:
    return (outputs - targets).abs().flatten()


def largest(outputs: tg.Tensor, targets: tg.Tensor) -> np.ndarray:
    return np.abs(outputs.detach().numpy()).reshape(len(targets), -1).max(1)


METRICS: dict[str, Any] = {
    "none": None,
    "a function": mean_error,
    "one number for each sample": errors,
    "several": {"mean_error": mean_error, "largest": largest},
}
every_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)


def data(batch_size: int = 6) -> DataLoader:
    return DataLoader(TensorDataset(tg.tensor(POINTS), tg.tensor(TARGETS)), batch_size)


def regression(metric: Any, callbacks: tuple[Callback, ...] = (), lr: float = 0.05) -> Trainer:
    tg.manual_seed(0)
    model = nn.Linear(3, 1)
    return Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr), callbacks=callbacks, metric=metric)


@every_metric
def test_a_history_of_any_metric_can_be_printed_written_drawn_and_resumed(
    tmp_path: Path, metric: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [] if metric is None else list(metric) if isinstance(metric, dict) else [metric.__name__]
    files = (CSVLogger(tmp_path / "history.csv"), JSONLinesLogger(tmp_path / "history.jsonl"))
    run = regression(metric, files)
    history = run.fit(data(), data(), epochs=3, verbose=True)
    scores = [f"{part}_{name}" for part in ("train", "val") for name in ("loss", *names)]
    columns = ["epoch", *scores, "learning_rate", "seconds"]
    with open(tmp_path / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == columns
    assert [list(json.loads(line)) for line in (tmp_path / "history.jsonl").read_text().splitlines()] == [
        columns
    ] * 3
    assert list(history.epochs[-1].validation.metrics) == names
    assert all(name in capsys.readouterr().out for name in names[:1])
    assert [Epoch.from_row(epoch.row()) for epoch in history.epochs] == history.epochs
    assert history._repr_html_().count("<svg") == 1 + len(names)
    plots.plot_losses(history, tmp_path / "losses.png")
    for name in names:
        plots.plot_metric(history, name, tmp_path / f"{name}.png")
    assert statistics(history).get(f"val_{names[0] if names else 'loss'}") is not None
    save_checkpoint(run.state_dict(), tmp_path / "state")
    other = regression(metric, files)
    other.load_state_dict(load_checkpoint(tmp_path / "state"))
    assert other.history == history


@given(st.integers(1, 20))
def test_a_metric_is_the_mean_over_all_samples_however_they_are_batched(batch_size: int) -> None:
    """One number for each sample and their mean over the batch are the same metric."""
    run = regression({"means": mean_error, "numbers": errors})
    measured = run.evaluate(data(batch_size)).metrics
    outputs = run.model(tg.tensor(POINTS)).detach().numpy()
    assert (
        measured["means"] == pytest.approx(measured["numbers"]) == pytest.approx(np.abs(outputs - TARGETS).mean())
    )


def test_early_stopping_watches_any_metric() -> None:
    stopper = EarlyStopping(patience=1, min_delta=1e9, monitor="val_mean_error")
    history = regression(mean_error, (stopper,)).fit(data(), data(), epochs=5)
    assert (stopper.mode, len(history)) == ("min", 2)
    assert stopper.best == min(epoch.validation.metrics["mean_error"] for epoch in history.epochs)


def test_a_state_with_another_metric_is_refused() -> None:
    run = regression(mean_error)
    run.fit(data())
    with pytest.raises(ValueError, match=r"metrics are those of epoch, train_loss, train_mean_error.*are \[\]"):
        regression(None).load_state_dict(run.state_dict())


@given(st.data(), st.integers(1, 6), st.integers(2, 4), st.sampled_from([(), (2,), (2, 3)]), st.booleans())
def test_the_accuracy_is_the_fraction_of_right_guesses(
    drawn: st.DataObject, n: int, classes: int, places: tuple[int, ...], as_scores: bool
) -> None:
    rng = np.random.default_rng(drawn.draw(st.integers(0, 99)))
    outputs = rng.standard_normal((n, classes, *places))
    labels = rng.integers(0, classes, (n, *places))
    targets = np.moveaxis(np.eye(classes)[labels], -1, 1) if as_scores else labels
    measured = accuracy(tg.tensor(outputs), tg.tensor(targets))
    right = [np.mean(outputs[i].argmax(0) == labels[i]) for i in range(n)]
    assert measured.shape == (n,)
    assert measured.tolist() == pytest.approx(right)


BAD_METRICS: dict[str, tuple[Any, str]] = {
    "a string": ("accuracy", "metric is a str; wanted a function"),
    "a list": ([mean_error], "metric is a list"),
    "no name": (lambda outputs, targets: 0, "the name '<lambda>', which cannot be a column"),
    "the loss's name": ({"loss": mean_error}, "the name 'loss'"),
    "no function": ({"error": 1.0}, "the metric 'error' is a float"),
}


@pytest.mark.parametrize("case", BAD_METRICS)
def test_a_metric_that_cannot_be_measured_is_refused_at_construction(case: str) -> None:
    metric, message = BAD_METRICS[case]
    with pytest.raises((TypeError, ValueError), match=f"Trainer: .*{message}"):
        regression(metric)


@pytest.mark.parametrize("result", ["high", np.zeros(5), np.zeros((2, 2)), None])
def test_what_a_metric_returns_is_checked_before_the_step(result: Any) -> None:
    run = regression({"mine": lambda outputs, targets: result})
    before = run.model.weight.tolist()
    with pytest.raises(ValueError, match=r"the metric mine returned .* wanted one number for each, .6,."):
        run.fit(data())
    assert run.model.weight.tolist() == before


# --- the gradients of a step ---


class Gradients(Callback):
    """Does something to the gradients of each step."""

    def __init__(self, change: Callable[[np.ndarray], Any]) -> None:
        self.change = change

    def on_gradients(self, trainer: Trainer) -> None:
        for p in trainer.model.parameters():
            self.change(p.grad.array)


def test_a_callback_may_change_the_gradients_before_the_step() -> None:
    run = regression(None, (Gradients(lambda g: g.fill(0.0)),))
    before = [p.tolist() for p in run.model.parameters()]
    run.fit(data())
    assert [p.tolist() for p in run.model.parameters()] == before


def test_gradients_are_clipped_after_callbacks_have_changed_them() -> None:
    run = regression(None, (Gradients(lambda g: g.fill(1e6)),), lr=1.0)
    run.clip_gradient = 0.5
    before = np.concatenate([p.array.ravel() for p in run.model.parameters()])
    run.fit(data(20))  # one step
    moved = np.concatenate([p.array.ravel() for p in run.model.parameters()]) - before
    assert np.linalg.norm(moved) == pytest.approx(0.5, rel=1e-3)


def test_gradients_that_a_callback_spoiled_never_reach_the_weights() -> None:
    run = regression(None, (Gradients(lambda g: g.fill(np.nan)),))
    before = run.model.weight.tolist()
    with pytest.raises(FloatingPointError, match=r"the gradient is not finite: .*a callback changed the gradient"):
        run.fit(data())
    assert run.model.weight.tolist() == before


def test_the_norms_of_gradients_are_those_before_clipping() -> None:
    norms = GradientNorms()
    run = regression(None, (norms,), lr=0.0)
    run.clip_gradient = 1e-9
    run.fit(data(), epochs=2)
    assert len(norms.norms) == len(data())
    outputs = run.model(tg.tensor(POINTS[:6]))
    run.optimizer.zero_grad()
    nn.functional.mse_loss(outputs, tg.tensor(TARGETS[:6])).backward()
    whole = np.concatenate([p.grad.array.ravel() for p in run.model.parameters()])
    assert norms.norms[0] == pytest.approx(np.linalg.norm(whole), rel=1e-5)
    assert norms.status().startswith("gradient norm ")


def test_a_score_without_accuracy_says_what_was_measured() -> None:
    with pytest.raises(AttributeError, match="the accuracy was not measured; the metrics are: error"):
        _ = Score(1.0, error=0.5).accuracy
    assert Score(1.0, 0.5) == Score(1.0, accuracy=0.5) != Score(1.0)
