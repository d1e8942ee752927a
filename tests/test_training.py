"""The training loop and early stopping, on problems small enough to know the answer."""

from __future__ import annotations

import io
import math
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.storage.safetensors import load_checkpoint
from tinygrad_cnn.support.progress_bar import ProgressBar
from tinygrad_cnn.training import EarlyStopping, Epoch, Score, Trainer
from tinygrad_cnn.training.callbacks import Callback
from tinygrad_cnn.training.checkpoints import Checkpoints
from tinygrad_cnn.training.loggers import CSVLogger, TensorBoardLogger
from tinygrad_cnn.training.progress import Progress, in_lines, with_progress_bar

# --- early stopping ---


def epochs_until_stop(stopper: EarlyStopping, losses: list[float]) -> int | None:
    """After how many epochs it ends training, or None."""
    return next((i for i, loss in enumerate(losses, 1) if stopper.check(loss)), None)


@given(st.integers(1, 5), st.lists(st.floats(0, 10), max_size=30))
def test_it_stops_after_exactly_patience_epochs_without_improvement(patience: int, losses: list[float]) -> None:
    mark, since = math.inf, 0
    expected = None
    for i, loss in enumerate(losses, 1):
        mark, since = (loss, 0) if loss < mark - 0.5 else (mark, since + 1)
        if since == patience:
            expected = i
            break
    assert epochs_until_stop(EarlyStopping(patience, min_delta=0.5), losses) == expected


def test_an_improvement_must_exceed_min_delta() -> None:
    assert epochs_until_stop(EarlyStopping(2, min_delta=0.25), [1.0, 0.75, 0.75]) == 3
    assert epochs_until_stop(EarlyStopping(2, min_delta=0.25), [1.0, 0.74, 0.74]) is None


def test_slow_progress_adds_up() -> None:
    losses = [1.0 - 0.06 * i for i in range(10)]
    assert epochs_until_stop(EarlyStopping(2, min_delta=0.1), losses) is None


def test_what_is_best_is_said_by_the_mode() -> None:
    assert epochs_until_stop(EarlyStopping(2, 0.01, "val_accuracy", mode="max"), [0.5, 0.6, 0.7, 0.8]) is None
    assert epochs_until_stop(EarlyStopping(2, 0.01, "val_accuracy", mode="max"), [0.8, 0.7, 0.6]) == 3
    with pytest.raises(ValueError, match="mode is 'most'; wanted 'min' or 'max'"):
        EarlyStopping(mode="most")


def test_a_loss_that_is_not_a_number_ends_training_at_once() -> None:
    assert "not a number" in EarlyStopping(5).check(math.nan)


@pytest.mark.parametrize(("patience", "min_delta"), [(0, 0.1), (1, -0.1), (1, math.nan)])
def test_settings_out_of_range_are_refused(patience: int, min_delta: float) -> None:
    with pytest.raises(ValueError, match=r"EarlyStopping: patience is .* wanted at least 1"):
        EarlyStopping(patience, min_delta)


# --- the loop ---


def two_classes(n: int = 64) -> TensorDataset:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n)
    points = rng.standard_normal((n, 2)).astype(np.float32) + 4 * labels[:, None].astype(np.float32)
    return TensorDataset(tg.tensor(points), tg.tensor(labels))


def trainer(callbacks: tuple = (), lr: float = 0.1) -> Trainer:
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
    return Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr), callbacks=callbacks)


def test_it_learns_and_says_how_well() -> None:
    data = two_classes()
    run = trainer()
    history = run.fit(DataLoader(data, 8, shuffle=True), DataLoader(data, 64), epochs=10)
    assert [e.number for e in history.epochs] == list(range(1, 11))
    assert history.epochs[-1].validation.accuracy > 0.95
    assert history.epochs[-1].validation.loss < history.epochs[0].validation.loss
    assert history.ended_early is None
    assert all(p.dtype == tg.float32 and p.grad.dtype == tg.float32 for p in run.model.parameters())


def test_the_same_seed_gives_the_same_bits() -> None:
    def weights() -> list[np.ndarray]:
        run = trainer()
        run.fit(DataLoader(two_classes(), 8, shuffle=True), epochs=3)
        return [p.array for p in run.model.parameters()]

    for a, b in zip(weights(), weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@given(st.integers(1, 64))
def test_evaluation_does_not_depend_on_the_batch_size(batch_size: int) -> None:
    data, run = two_classes(), trainer()
    whole, parts = run.evaluate(DataLoader(data, 64)), run.evaluate(DataLoader(data, batch_size))
    assert whole.accuracy == parts.accuracy
    assert whole.loss == pytest.approx(parts.loss, rel=1e-5)


def test_evaluation_leaves_no_trace() -> None:
    run = trainer()
    run.model.train()
    run.model[1].eval()  # a part that is frozen stays so
    run.evaluate(DataLoader(two_classes(), 8))
    run.predict(DataLoader(two_classes(), 8))
    assert [module.training for module in run.model.modules()] == [True, True, False, True]
    assert all(p.grad is None for p in run.model.parameters())


def test_one_hot_labels_count_as_right_answers_too() -> None:
    data = two_classes()
    points, labels = data.tensors
    rows = TensorDataset(points, tg.one_hot(labels, 2).float())
    run = trainer()
    assert run.evaluate(DataLoader(rows, 64)).accuracy == run.evaluate(DataLoader(data, 64)).accuracy


class Scripted(Callback):
    """A callback that pretends the validation losses were others."""

    def __init__(self, losses: list[float]) -> None:
        self.losses, self.weights = losses, []
        self.stopper = EarlyStopping(patience=2, min_delta=0.0)

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> str | None:
        self.weights.append(trainer.model[0].weight.array.copy())
        score = Score(self.losses[epoch.number - 1], 0.5)
        return self.stopper.on_epoch_end(trainer, Epoch(epoch.number, epoch.train, score, 0.1, 0.0))

    def on_fit_end(self, trainer: Trainer) -> None:
        self.stopper.on_fit_end(trainer)


@pytest.mark.parametrize(
    ("losses", "epochs", "best"),
    [([3.0, 1.0, 2.0, 2.0, 0.5], 4, 1), ([3.0, 1.0, 2.0], 3, 1), ([3.0, 2.0, 1.0], 3, 2)],
    ids=["stopped early", "ran to the end", "best at the end"],
)
def test_the_best_weights_are_put_back_however_training_ends(losses: list[float], epochs: int, best: int) -> None:
    script = Scripted(losses)
    run = trainer((script,))
    history = run.fit(DataLoader(two_classes(), 8), epochs=len(losses))
    assert len(history) == epochs
    np.testing.assert_array_equal(run.model[0].weight.array, script.weights[best])


def test_the_first_interruption_ends_training_with_its_epoch() -> None:
    class Interrupt(Scripted):
        def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> str | None:
            if epoch.number == 2:
                signal.raise_signal(signal.SIGINT)
            return super().on_epoch_end(trainer, epoch)

    before = signal.getsignal(signal.SIGINT)
    script = Interrupt([1.0, 2.0, 3.0])
    run = trainer((script,))
    history = run.fit(DataLoader(two_classes(), 8), epochs=5)
    assert (len(history), history.ended_early) == (2, "interrupted")
    np.testing.assert_array_equal(run.model[0].weight.array, script.weights[0])
    assert signal.getsignal(signal.SIGINT) is before


def test_to_fit_again_after_an_interruption_is_to_go_on() -> None:
    run = trainer()
    run.fit(DataLoader(two_classes(), 8), epochs=1)
    run.history.ended_early = "interrupted"
    history = run.fit(DataLoader(two_classes(), 8), epochs=3)
    assert (len(history), history.ended_early) == (3, None)


def test_the_second_interruption_ends_it_at_once_but_in_good_order() -> None:
    class Impatient(Scripted):
        def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> str | None:
            super().on_epoch_end(trainer, epoch)
            for _ in range(2 * (epoch.number == 2)):
                signal.raise_signal(signal.SIGINT)
            return None

    script = Impatient([1.0, 2.0])
    run = trainer((script,))
    with pytest.raises(KeyboardInterrupt):
        run.fit(DataLoader(two_classes(), 8), epochs=5)
    np.testing.assert_array_equal(run.model[0].weight.array, script.weights[0])


def test_a_resumed_run_ends_with_the_bits_of_one_that_was_not_interrupted(tmp_path: Path) -> None:
    def new() -> Trainer:
        run = trainer((EarlyStopping(3), Checkpoints(tmp_path, keep=9)))
        run.optimizer.param_groups[0]["momentum"] = 0.9
        return run

    def go(run: Trainer, epochs: int) -> Trainer:
        run.fit(DataLoader(two_classes(), 8, shuffle=True), DataLoader(two_classes(), 64), epochs)
        return run

    whole = go(new(), 6)
    state = load_checkpoint(tmp_path / "checkpoint-00003.safetensors")
    resumed = new()
    tg.rand(5)  # the resumed process may have drawn any numbers before
    resumed.load_state_dict(state)
    go(resumed, 6)
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        np.testing.assert_array_equal(a.array, b.array)
    assert [e.train for e in whole.history.epochs] == [e.train for e in resumed.history.epochs]


def test_only_the_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    run = trainer((Checkpoints(tmp_path, keep=2), CSVLogger(tmp_path / "history.csv")))
    run.fit(DataLoader(two_classes(), 32), epochs=4)
    assert [p.name for p in Checkpoints.saved(tmp_path)] == [f"checkpoint-0000{n}.safetensors" for n in (4, 3)]
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0].startswith("epoch,train_loss,train_accuracy,val_loss")
    assert len(lines) == 5


def test_predictions_come_in_the_order_of_the_data() -> None:
    run = trainer()
    points, _ = two_classes().tensors
    with tg.no_grad():
        expected = run.model(points)
    np.testing.assert_allclose(run.predict(DataLoader(two_classes(), 7)).array, expected.array, rtol=1e-5)


def test_the_line_of_an_epoch_says_where_early_stopping_stands(capsys: pytest.CaptureFixture[str]) -> None:
    data = DataLoader(two_classes(), 32)
    trainer((EarlyStopping(patience=3, min_delta=100.0),)).fit(data, data, epochs=3, verbose=True)
    first, _, last = capsys.readouterr().out.splitlines()
    assert first.endswith("  best")
    assert last.endswith("  waited 2/3")


def test_tensorboard_gets_every_curve(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    data = DataLoader(two_classes(), 32)
    trainer((TensorBoardLogger(tmp_path),)).fit(data, data, epochs=1)
    assert next(tmp_path.iterdir()).name.startswith("events.out.tfevents")


def test_one_line_is_printed_for_each_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    data = DataLoader(two_classes(), 32)
    trainer().fit(data, data, epochs=2, verbose=True)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("epoch 1/2  train ")
    assert " val " in second


@given(
    st.integers(1, 999),
    st.floats(0, 99),
    st.floats(0, 1),
    st.floats(1e-5, 1),
    st.floats(0, 9999),
    st.sampled_from(["", "best", "waited 12/60"]),
)
def test_the_lines_of_an_epoch_fit_80_columns(
    number: int, loss: float, accuracy: float, rate: float, seconds: float, status: str
) -> None:
    epoch = Epoch(number, Score(loss, accuracy), Score(loss, accuracy), rate, seconds)
    parts = [f"epoch {number}/999", *epoch.parts(), status]
    lines = in_lines(parts, 80).split("\n")
    assert all(len(line) <= 80 for line in lines)
    assert " ".join(parts).split() == " ".join(lines).split()


def test_an_ordinary_epoch_is_one_line_of_80_columns() -> None:
    epoch = Epoch(12, Score(0.0123, 0.9961), Score(0.0411, 0.989), 0.091, 12.3)
    assert in_lines(["epoch 12/60", *epoch.parts(), "waited 4/60"], 80) == (
        "epoch 12/60  train 0.0123 99.61%  val 0.0411 98.90%  lr 0.091  12 s  waited 4/60"
    )


def test_the_bar_shows_loss_and_accuracy_as_they_run(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    running = Progress(None, 0.1)
    for _ in with_progress_bar(range(2), "epoch 1/1", running, 2):
        running.totals.add(0.25, {"accuracy": 3.0}, 4)
        time.sleep(0.12)  # for the bar, which draws itself at most ten times in a second
    assert "1/2, loss 0.2500, accuracy 75.00%" in terminal.getvalue()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run, data: run.fit(data, epochs=0), "fit: epochs is 0; wanted at least 1"),
        (lambda run, data: run.fit(data, epochs=1), "there is no val_loss to watch"),
    ],
)
def test_misuse_says_what_is_wrong(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(trainer((EarlyStopping(),)), DataLoader(two_classes(), 32))


def test_a_progress_bar_starts_no_thread_that_the_end_of_the_process_would_wait_for() -> None:
    before = {thread.name for thread in threading.enumerate()}
    with ProgressBar(range(2), disable=False, file=io.StringIO()) as bar:
        assert list(bar) == [0, 1]
        new = [type(thread).__name__ for thread in threading.enumerate() if thread.name not in before]
    assert "TMonitor" not in new
