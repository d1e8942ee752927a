"""What is known of an epoch while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.training.history import Score
from tinygrad_cnn.typing import Array


@dataclass
class Total:
    """Loss and right answers, added up over batches of any size."""

    loss: float = 0.0
    right: int = 0
    samples: int = 0

    def add(self, loss: float, outputs: Tensor, labels: Tensor) -> None:
        """Add a batch: its mean loss, the outputs (N, C), and the labels (N,) or (N, C)."""
        guesses, answers = outputs.array.argmax(axis=1), labels.array
        if answers.ndim > 1:
            answers = answers.argmax(axis=1)
        self.loss += loss * len(answers)
        self.right += int((guesses == answers).sum())
        self.samples += len(answers)

    def score(self) -> Score:
        """Return the means."""
        return Score(self.loss / self.samples, self.right / self.samples)


@dataclass
class Progress:
    """An epoch that is running: the order of its samples, and how far it has come."""

    order: Array
    learning_rate: float  # at its start
    batches: int = 0  # that are done
    seconds: float = 0.0
    total: Total = field(default_factory=Total)

    def state_dict(self) -> dict[str, Any]:
        """Return all of it as tensors and numbers."""
        return {**vars(self), "order": from_numpy(self.order), "total": vars(self.total).copy()}

    @staticmethod
    def from_state_dict(state: Mapping[str, Any]) -> Progress:
        """Return the epoch that `state_dict` described. Raises ValueError for one that cannot be."""
        order = state["order"].array
        if not np.array_equal(np.sort(order), np.arange(len(order))) or state["batches"] < 0:
            raise ValueError("the epoch that is running has no order of samples, or no number of batches done")
        return Progress(**{**state, "order": order, "total": Total(**state["total"])})
