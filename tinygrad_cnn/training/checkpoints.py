"""The callback that saves the run, so that it can be resumed."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.optim.lr_scheduler.base import number
from tinygrad_cnn.storage.safetensors import save_checkpoint
from tinygrad_cnn.training.callbacks import Callback, Training
from tinygrad_cnn.training.history import Epoch

_NAME = re.compile(r"checkpoint-(\d+)(?:-(\d+))?\.safetensors")


class Checkpoints(Callback):
    """Saves the run after every epoch, and within one when ``seconds`` have passed since the last time.

    The newest ``keep`` files stay in the folder, which is for one run only. Within an epoch whose batches cannot be
    read again from the middle, such as those of a generator, nothing is saved. ``extra`` is saved beside the
    trainer's state, by its own names.
    """

    on_every_rank = False

    def __init__(
        self,
        folder: str | os.PathLike[str],
        keep: int = 2,
        seconds: float = 10.0,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.keep = whole("Checkpoints", "keep", keep, 1)
        self.seconds = number("Checkpoints", "seconds", seconds)
        self.extra = dict(extra or {})
        self._saved_at = time.monotonic()

    def on_step_end(self, trainer: Training) -> None:
        """Save the run within its epoch if the last checkpoint is older than ``seconds``."""
        running = trainer.running
        if running is not None and running.order is not None and time.monotonic() - self._saved_at >= self.seconds:
            self.save(trainer)

    def on_epoch_end(self, trainer: Training, epoch: Epoch) -> None:
        """Save the run at the end of this epoch."""
        self.save(trainer)

    def save(self, trainer: Training, **extra: Any) -> None:
        """Save a checkpoint, with more beside it if given, then remove those that are no longer wanted."""
        epochs, running = len(trainer.history), trainer.running
        name = f"{epochs:05d}" if running is None else f"{epochs:05d}-{running.batches:09d}"
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"checkpoint-{name}.safetensors"
        save_checkpoint({**trainer.state_dict(), **self.extra, **extra}, path)
        saved = self.saved(self.folder)
        for old in saved[saved.index(path) :][self.keep :]:  # later ones are of no moment that this run was at
            old.unlink()
        self._saved_at = time.monotonic()

    @staticmethod
    def saved(folder: Path) -> list[Path]:
        """Return the checkpoints in a folder, the newest first: by their epochs, then by their batches."""
        numbers = {}
        for path in folder.glob("checkpoint-*.safetensors"):
            if match := _NAME.fullmatch(path.name):
                epochs, batches = match.groups(default="0")
                numbers[path] = (int(epochs), int(batches))
        return sorted(numbers, key=numbers.__getitem__, reverse=True)
