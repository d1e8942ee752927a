"""Several runs on one page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tinygrad_cnn.experiment.__main__ import main
from tinygrad_cnn.experiment.config import Config
from tinygrad_cnn.experiment.plots import plot_runs
from tinygrad_cnn.training.history import Epoch, History, Score


def put(folder: Path, config: Config, accuracies: list[float], test: float | None) -> Path:
    """Make the folder of a run with those validation accuracies; one that has not ended has no test accuracy."""
    folder.mkdir(parents=True)
    epochs = [Epoch(i + 1, Score(0.5, a), Score(1 - a, a), 0.1, 2.0) for i, a in enumerate(accuracies)]
    (folder / "config.ini").write_text(config.to_ini())
    (folder / "history.jsonl").write_text(History(epochs).to_json_lines())
    if test is not None:
        (folder / "metrics.json").write_text(json.dumps({"dataset": "mnist", "test_accuracy": test}))
    return folder


def test_a_page_has_the_figures_the_settings_that_differ_and_the_curves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = put(tmp_path / "first", Config(output="x"), [0.9, 0.95], 0.96)
    second = put(tmp_path / "second", Config(output="y", learning_rate=0.02), [0.8], None)
    page = tmp_path / "page.html"
    main(["compare", str(first), str(second), "--output", str(page)])
    head, *rows, said = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "run"
    assert [row.split()[:4] for row in rows] == [["first", "mnist", "96.00%", "-"], ["second", "auto", "-", "-"]]
    assert str(page) in said
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/png") == 2
    assert text.count("<script") == 0
    assert "--learning-rate 0.02" in text
    assert "--output" not in text
    assert "--momentum" not in text


def test_runs_of_the_same_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    folders = [str(put(tmp_path / name / "run", Config(), [0.9], 0.9)) for name in ("a", "b")]
    page = tmp_path / "page.html"
    main(["compare", *folders, "--output", str(page)])
    assert all(folder in page.read_text(encoding="utf-8") for folder in folders)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.ini", None, "holds no run"),
        ("history.jsonl", None, "history.jsonl: not the epochs of a run"),
        ("history.jsonl", '{"epoch": 1}', "history.jsonl: not the epochs of a run"),
        ("history.jsonl", "[1]", "history.jsonl: not the epochs of a run"),
        ("history.jsonl", "", "no epoch of these runs has ended"),
        ("metrics.json", "{", "metrics.json: not the metrics of a run"),
        ("metrics.json", "[1]", "metrics.json: not the metrics of a run"),
    ],
)
def test_what_is_no_run_is_refused_in_one_line_and_nothing_is_written(
    file: str, content: str | None, message: str, tmp_path: Path
) -> None:
    path = put(tmp_path / "run", Config(), [0.9], 0.9) / file
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(SystemExit, match=message):
        main(["compare", str(tmp_path / "run"), "--output", str(tmp_path / "page.html")])
    assert not (tmp_path / "page.html").exists()


def test_curves_of_many_runs_can_be_drawn_and_of_none_are_refused(tmp_path: Path) -> None:
    history = History([Epoch(1, Score(0.5, accuracy=0.9), None, 0.1, 1.0)])
    plot_runs({f"run {i}": history for i in range(25)}, "accuracy", tmp_path / "many.png")
    assert (tmp_path / "many.png").stat().st_size > 0
    with pytest.raises(ValueError, match="no run has an epoch that ended"):
        plot_runs({"empty": History()}, "loss", tmp_path / "none.png")
