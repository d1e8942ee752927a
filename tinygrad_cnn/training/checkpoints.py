"""The callback that saves the run, so that it can be resumed."""

from __future__ import annotations

import time
from pathlib import Path

from tinygrad_cnn.storage.safetensors import save_checkpoint
from tinygrad_cnn.training.callbacks import Callback, Training
from tinygrad_cnn.training.history import Epoch


class Checkpoints(Callback):
    """Saves the run after every epoch, and within one after ``seconds``; keeps the newest ``keep`` files."""

    def __init__(self, folder: Path, keep: int = 2, seconds: float = 10.0) -> None:
        self.folder = folder
        self.keep = keep
        self.seconds = seconds
        self._saved_at = time.monotonic()

    def on_step_end(self, trainer: Training) -> None:
        """Save the run within its epoch if the last checkpoint is older than ``seconds``."""
        if time.monotonic() - self._saved_at >= self.seconds and trainer.running is not None:
            self._save(trainer, f"{len(trainer.history):05d}-{trainer.running.batches:09d}")

    def on_epoch_end(self, trainer: Training, epoch: Epoch) -> None:
        """Save the run at the end of this epoch."""
        self._save(trainer, f"{epoch.number:05d}")

    def _save(self, trainer: Training, name: str) -> None:
        """Save a checkpoint, then remove those that are no longer wanted."""
        save_checkpoint(trainer.state_dict(), self.folder / f"checkpoint-{name}.safetensors")
        for old in self.saved(self.folder)[self.keep :]:
            old.unlink()
        self._saved_at = time.monotonic()

    @staticmethod
    def saved(folder: Path) -> list[Path]:
        """Return the checkpoints in a folder, the newest first."""
        return sorted(folder.glob("checkpoint-*.safetensors"), key=lambda path: path.stem, reverse=True)
