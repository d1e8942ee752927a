"""What happened in each epoch of a training run."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from typing import Any

from tinygrad_cnn.support.html import history_html


@dataclass(frozen=True)
class Score:
    """The mean loss over a set of samples, and the fraction of them that the model got right."""

    loss: float
    accuracy: float


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set. Training figures are means over the pass, while the model was learning."""

    number: int
    train: Score
    validation: Score | None
    learning_rate: float
    seconds: float

    def __str__(self) -> str:
        scores = [("train", self.train), ("val", self.validation)]
        shown = [f"{name} {s.loss:.4f} {s.accuracy:7.2%}" for name, s in scores if s is not None]
        return "   ".join([*shown, f"lr {self.learning_rate:.2g}", f"{self.seconds:.1f} s"])

    def row(self) -> dict[str, float | None]:
        """Return the epoch as numbers by column name."""
        return {
            "epoch": self.number,
            "train_loss": self.train.loss,
            "train_accuracy": self.train.accuracy,
            "val_loss": None if self.validation is None else self.validation.loss,
            "val_accuracy": None if self.validation is None else self.validation.accuracy,
            "learning_rate": self.learning_rate,
            "seconds": self.seconds,
        }

    @staticmethod
    def from_row(row: dict[str, Any]) -> Epoch:
        """Return the epoch that `row` described."""
        validation = None if row["val_loss"] is None else Score(row["val_loss"], row["val_accuracy"])
        train = Score(row["train_loss"], row["train_accuracy"])
        return Epoch(row["epoch"], train, validation, row["learning_rate"], row["seconds"])


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
