"""Several runs on one page: a table of their figures and of the settings in which they differ, and their curves."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from tinygrad_cnn.experiment.config import Config, ConfigError, flag_with_value, read_run
from tinygrad_cnn.experiment.plots.curves import plot_runs
from tinygrad_cnn.experiment.report import pictures_html, table, text, words, write_page
from tinygrad_cnn.training.history import Epoch, History

FIGURES = ("test_accuracy", "test_loss", "best_val_accuracy", "train_accuracy", "epochs", "seconds_per_epoch")
OF_NO_INTEREST = {"output", "data_dir", "checkpoint_seconds", "pictures", "tensorboard"}


class RunRecord(NamedTuple):
    """What the folder of a run says: configuration, epochs, and the metrics, which are empty until the run ends."""

    name: str
    config: Config
    history: History
    metrics: dict[str, Any]


def read_record(folder: Path, name: str) -> RunRecord:
    """Return the run in a folder. Raises ConfigError, naming the file, if there is none or a file is damaged."""
    config = read_run(folder)
    try:
        lines = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
        history = History([Epoch.from_row(json.loads(line)) for line in lines])
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(f"{folder / 'history.jsonl'}: not the epochs of a run: {error}") from error
    path = folder / "metrics.json"
    try:
        metrics = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise ConfigError(f"{path}: not the metrics of a run: {error}") from error
    if not isinstance(metrics, dict):
        raise ConfigError(f"{path}: not the metrics of a run: wanted an object, got {type(metrics).__name__}")
    return RunRecord(name, config, history, metrics)


def compare(folders: Sequence[Path], page: Path) -> str:
    """Write a page about the runs in several folders, and return its table as text.

    The page has the table, the curves of the validation loss and accuracy, and no other files. Raises ConfigError
    if a folder holds no run, or no run has ended an epoch.
    """
    runs = [read_record(folder, name) for folder, name in zip(folders, _names(folders), strict=True)]
    if not any(len(run.history) for run in runs):
        raise ConfigError("no epoch of these runs has ended, so there is nothing to compare")
    head, rows = _table(runs)
    histories = {run.name: run.history for run in runs}
    with tempfile.TemporaryDirectory() as drawn:
        pictures = [(f"Validation {name}", Path(drawn, f"{name}.png")) for name in ("accuracy", "loss")]
        for name, (_, path) in zip(("accuracy", "loss"), pictures, strict=True):
            plot_runs(histories, name, path)
        flags = table(("run", "settings that differ"), [(run.name, _difference(run, runs)) for run in runs])
        body = f"{table(head, rows)}{pictures_html(pictures)}<h2>Settings</h2>{flags}"
        write_page(page, f"{len(runs)} runs", body)
    return "\n".join(_aligned([head, *rows]))


def _names(folders: Sequence[Path]) -> list[str]:
    """Return the folders as they were given, but only their last parts if these differ."""
    last = [folder.resolve().name for folder in folders]
    return last if len(set(last)) == len(last) else [str(folder) for folder in folders]


def _table(runs: Sequence[RunRecord]) -> tuple[list[str], list[list[str]]]:
    head = ["run", "data", *map(words, FIGURES)]
    rows = []
    for run in runs:
        metrics = {"epochs": len(run.history), **run.metrics}
        data = str(metrics.get("dataset", run.config.dataset))
        rows.append([run.name, data, *(text(name, metrics.get(name)) for name in FIGURES)])
    return head, rows


def _difference(run: RunRecord, runs: Sequence[RunRecord]) -> str:
    """Return as flags those settings of a run in which the runs are not all the same."""
    settings = [asdict(other.config) for other in runs]
    differ = [n for n in settings[0] if n not in OF_NO_INTEREST and len({s[n] for s in settings}) > 1]
    return " ".join(flag_with_value(name, getattr(run.config, name)) for name in differ) or "-"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
