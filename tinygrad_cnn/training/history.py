"""What happened in each epoch of a training run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from tinygrad_cnn.support.html import history_html


@dataclass(init=False)
class Score:
    """The mean loss over a set of samples, and the means of the metrics by name.

    ``Score(loss, 0.9)`` is short for ``Score(loss, accuracy=0.9)``.

    >>> from tinygrad_cnn.training import Score
    >>> Score(0.5, accuracy=0.9).accuracy
    0.9
    >>> Score(0.5, mean_error=0.1).metrics
    {'mean_error': 0.1}
    """

    loss: float
    metrics: dict[str, float]

    def __init__(self, loss: float, accuracy: float | None = None, /, **metrics: float) -> None:
        self.loss = loss
        self.metrics = metrics if accuracy is None else {"accuracy": accuracy, **metrics}

    def __str__(self) -> str:
        """Return loss and metrics as text; the loss and the accuracy are known by their places."""
        metrics = [v if name == "accuracy" else f"{name} {v}" for name, v in self._metric_texts()]
        return " ".join([f"{self.loss:.4f}", *metrics])

    def described(self) -> str:
        """Return loss and metrics as text, each after its name."""
        return ", ".join([f"loss {self.loss:.4f}", *(f"{name} {v}" for name, v in self._metric_texts())])

    def _metric_texts(self) -> list[tuple[str, str]]:
        return [(name, f"{v:.2%}" if name == "accuracy" else f"{v:.4g}") for name, v in self.metrics.items()]

    @property
    def accuracy(self) -> float:
        """The fraction of samples that the model got right. Raises AttributeError if that was not measured."""
        if "accuracy" not in self.metrics:
            known = ", ".join(self.metrics) or "none"
            raise AttributeError(f"Score: the accuracy was not measured; the metrics are: {known}")
        return self.metrics["accuracy"]


def columns_of(metrics: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the columns of a history, given those of its metrics."""
    names = ("loss", *metrics)
    scores = [f"{part}_{name}" for part in ("train", "val") for name in names]
    return ("epoch", *scores, "learning_rate", "seconds")


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set. Training figures are means over the pass, while the model was learning."""

    number: int
    train: Score
    validation: Score | None
    learning_rate: float
    seconds: float

    def __str__(self) -> str:
        return "  ".join(self.parts())

    def parts(self) -> list[str]:
        """Return the parts of the line that `str` makes: scores, learning rate, and time."""
        scores = [("train", self.train), ("val", self.validation)]
        shown = [f"{name} {score}" for name, score in scores if score is not None]
        seconds = f"{self.seconds:.1f}" if self.seconds < 9.95 else f"{self.seconds:.0f}"
        return [*shown, f"lr {self.learning_rate:.2g}", f"{seconds} s"]

    def row(self) -> dict[str, float | None]:
        """Return the epoch as numbers by column name; None without a validation set."""
        values: dict[str, float | None] = {"epoch": self.number, "train_loss": self.train.loss}
        values |= {f"train_{name}": value for name, value in self.train.metrics.items()}
        if self.validation is not None:
            values["val_loss"] = self.validation.loss
            values |= {f"val_{name}": value for name, value in self.validation.metrics.items()}
        values |= {"learning_rate": self.learning_rate, "seconds": self.seconds}
        return {name: values.get(name) for name in columns_of(self.train.metrics)}

    @staticmethod
    def from_row(row: Mapping[str, Any]) -> Epoch:
        """Return the epoch that `row` described. Raises ValueError for a row that describes none."""
        if not all(isinstance(value, Real) for name, value in row.items() if value is not None):
            raise ValueError(f"the epoch {row!r:.60} holds something that is no number")
        names = [name.removeprefix("train_") for name in row if name.startswith("train_") and name != "train_loss"]
        if tuple(row) != columns_of(names):
            raise ValueError(f"an epoch has the columns {', '.join(row)}; wanted {', '.join(columns_of(names))}")
        train, validation = (_score(row, part, names) for part in ("train", "val"))
        if train is None:
            raise ValueError(f"epoch {row['epoch']} has no training loss")
        return Epoch(row["epoch"], train, validation, row["learning_rate"], row["seconds"])


def _score(row: Mapping[str, Any], part: str, names: Iterable[str]) -> Score | None:
    if row[f"{part}_loss"] is None:
        return None
    return Score(row[f"{part}_loss"], **{name: row[f"{part}_{name}"] for name in names})


@dataclass
class History:
    """The epochs of a run so far, and why it ended before the last one, if it did."""

    epochs: list[Epoch] = field(default_factory=list)
    ended_early: str | None = None

    def __len__(self) -> int:
        return len(self.epochs)

    @property
    def seconds(self) -> float:
        """How long all epochs took, in seconds."""
        return sum(epoch.seconds for epoch in self.epochs)

    _repr_html_ = history_html

    def to_csv(self) -> str:
        """Return the epochs as a table, a line each, with a header."""
        text = io.StringIO()
        rows = [epoch.row() for epoch in self.epochs]
        writer = csv.DictWriter(text, rows[0] if rows else ["epoch"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def to_json_lines(self) -> str:
        """Return the epochs as JSON objects, a line each."""
        return "".join(json.dumps(epoch.row()) + "\n" for epoch in self.epochs)
