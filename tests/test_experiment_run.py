"""Whole runs, on few digits: what they leave in their folder, and that they can be taken up again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.data import sources
from tinygrad_cnn.experiment.archive import archive
from tinygrad_cnn.experiment.config import PRESETS, Config, parse_arguments
from tinygrad_cnn.experiment.run import load_data, main, make_trainer, run
from tinygrad_cnn.training.trainer import Trainer


def small(folder: Path, **changes: Any) -> Config:
    """A run of a second."""
    settings = {"dataset": "synthetic", "samples": 300, "epochs": 3, "batch_size": 32, "pictures": False}
    return Config(**{**settings, "output": str(folder), **changes})


def test_a_run_leaves_everything_in_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], feet: list[str]
) -> None:
    metrics = run(small(tmp_path, pictures=True, epochs=1))
    names = {p.name for p in tmp_path.iterdir()}
    assert {
        "config.ini",
        "history.csv",
        "history.jsonl",
        "metrics.json",
        "model.safetensors",
        "report.html",
    } <= names
    assert {"losses.png", "accuracies.png", "seconds.png", "confusion.png", "mistakes.png", "filters.png"} <= names
    assert {"samples.png", "feature-maps.png", "architecture.png", "learning-rates.png"} <= names
    assert json.loads((tmp_path / "metrics.json").read_text()) == json.loads(json.dumps(metrics))
    wanted = "test_accuracy test_loss train_accuracy val_accuracy best_val_accuracy epochs seconds_per_epoch"
    assert {*wanted.split(), "seconds_total", "dataset"} <= metrics.keys()
    assert metrics["dataset"] == "synthetic digits"
    assert "SYNTHETIC" in capsys.readouterr().out
    assert "SYNTHETIC" in (tmp_path / "report.html").read_text()
    assert len(feet) == len(list(tmp_path.glob("*.png")))
    assert all("SYNTHETIC" in text for text in feet)
    archive(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["earlier-1"]


@pytest.fixture
def feet(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said at the foot of each picture that is drawn."""
    from matplotlib.figure import Figure

    save, said = Figure.savefig, []

    def noting(figure: Figure, *args: Any, **options: Any) -> None:
        said.append(figure.get_supxlabel())
        save(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", noting)
    return said


def test_a_run_that_a_folder_holds_is_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = run(small(tmp_path, epochs=1))
    (tmp_path / "report.html").touch()
    (tmp_path / "notes.txt").touch()
    first = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.name != "notes.txt"}
    run(small(tmp_path, seed=1, epochs=1))
    assert f"the run that was in {tmp_path} is in {tmp_path / 'earlier-1'} now" in capsys.readouterr().out
    assert {p.name: p.read_bytes() for p in (tmp_path / "earlier-1").iterdir()} == first
    assert {p.name for p in tmp_path.iterdir()} == {*first, "notes.txt", "earlier-1"} - {"report.html"}
    assert run(parse_arguments(["--resume", str(tmp_path / "earlier-1")])[0], resume=True) == metrics
    run(small(tmp_path, epochs=1))
    assert (tmp_path / "earlier-2" / "metrics.json").exists()


def test_an_impatient_interruption_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def pulled_plug(*rest: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_epoch", pulled_plug)
    folder = tmp_path / "my run"
    with pytest.raises(SystemExit) as ended:
        main(["--dataset", "synthetic", "--output", str(folder)])
    assert ended.value.code == 130
    assert capsys.readouterr().out.endswith(f"--resume '{folder}'\n")


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=f"error: {tmp_path / 'file'}: "):
        main(["--output", str(tmp_path / "file")])


def test_the_saved_weights_are_those_that_were_measured(tmp_path: Path) -> None:
    metrics = run(small(tmp_path))
    model = tg.models.LeNet()
    model.load_state_dict(tg.load(tmp_path / "model.safetensors"))
    test = sources.open_dataset("synthetic").test
    images, labels = test.batch_at(range(len(test)))
    with tg.no_grad():
        right = (model(images).argmax(1) == labels).float().mean().item()
    assert right == pytest.approx(metrics["test_accuracy"])


def test_an_interrupted_run_is_resumed_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run(small(whole, augment="affine"))
    epoch = Trainer._epoch

    def pulled_plug(self: Trainer, number: int, *rest: Any) -> Any:
        if number == 3:
            raise KeyboardInterrupt
        return epoch(self, number, *rest)

    monkeypatch.setattr(Trainer, "_epoch", pulled_plug)
    with pytest.raises(KeyboardInterrupt):
        run(small(broken, augment="affine"))
    monkeypatch.undo()
    config, folder = parse_arguments(["--resume", str(broken)])
    assert folder == broken
    run(config, resume=True)
    assert (broken / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(small(tmp_path))
    expected = (tmp_path / "model.safetensors").read_bytes()
    newest = tmp_path / "checkpoint-00003.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    run(small(tmp_path), resume=True)
    assert "passing over a checkpoint" in capsys.readouterr().out
    assert (tmp_path / "model.safetensors").read_bytes() == expected


def test_without_mnist_the_digits_are_synthetic_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(*args: Any, **options: Any) -> Any:
        raise ConnectionError("no mirror served it")

    monkeypatch.setattr("tinygrad_cnn.data.mnist.fetch", unreachable)
    assert sources.open_dataset("auto", str(tmp_path)).synthetic
    shown = capsys.readouterr().err
    assert "no mirror served it" in shown
    assert "SYNTHETIC" in shown
    with pytest.raises(ConnectionError):
        sources.open_dataset("mnist", str(tmp_path))


def test_the_reports_split_is_800_100_100(tmp_path: Path) -> None:
    tg.manual_seed(0)
    parts = load_data(Config(**{**PRESETS["report"], "dataset": "synthetic"}))
    assert [len(part) for part in parts.plain] == [800, 100, 100]
    indices = [set(part.indices.tolist()) for part in parts.plain]
    assert len(set.union(*indices)) == 1000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"samples": 10**6}, "samples is 1000000; wanted at most the 10000"),
        ({"train_ratio": 1.0, "val_ratio": 0.0}, "nothing is left for the validation set"),
    ],
)
def test_what_cannot_be_divided_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(small(tmp_path, **changes))


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "lenet5"},
        {"augment": "elastic", "normalize": True, "one_hot": True},
        {"momentum": 0.0},
        {"model": "porpiglia", "augment": "slight", "optimizer": "adam"},
        {"model": "duan"},
        {"model": "small", "augment": "cutout", "label_smoothing": 0.1, "average": 0.9},
        {"compile": False},
    ],
)
@pytest.mark.parametrize("schedule", ["cosine", "step", "none"])
def test_every_setting_runs(tmp_path: Path, settings: dict[str, Any], schedule: str) -> None:
    assert run(small(tmp_path, epochs=1, samples=100, schedule=schedule, **settings))["epochs"] == 1


@pytest.mark.parametrize("wanted", [True, False])
def test_the_setting_decides_whether_gradients_come_from_a_program(tmp_path: Path, wanted: bool) -> None:
    config = small(tmp_path, compile=wanted)
    assert make_trainer(config, tmp_path, 1).compile is wanted
