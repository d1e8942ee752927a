"""What happened in each epoch of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field


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
        scores = [("train", self.train), ("validation", self.validation)]
        shown = [f"{name} loss {s.loss:.4f} accuracy {s.accuracy:7.2%}" for name, s in scores if s is not None]
        return "   ".join([*shown, f"lr {self.learning_rate:.2g}", f"{self.seconds:.1f} s"])


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
