"""What may watch training from step to step and from epoch to epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from tinygrad_cnn.nn import Module
from tinygrad_cnn.optim import Optimizer
from tinygrad_cnn.optim.lr_scheduler import LRScheduler
from tinygrad_cnn.storage.atomic_files import atomic_write
from tinygrad_cnn.storage.safetensors import save_checkpoint
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.training.history import Epoch, History
from tinygrad_cnn.training.progress import Progress


class Training(Protocol):
    """What a callback may use of the `Trainer` that calls it."""

    model: Module
    loss: Callable[..., Tensor]
    optimizer: Optimizer
    scheduler: LRScheduler | None
    history: History
    running: Progress | None
    """The epoch that is under way; None between epochs."""

    def state_dict(self) -> dict[str, Any]: ...


class Callback:
    """Something that watches training; a subclass overrides what it needs."""

    def on_fit_start(self, trainer: Training) -> None:
        """Prepare when training begins, or goes on."""

    def on_step_end(self, trainer: Training) -> None:
        """Look at a step that has ended, which is number ``trainer.running.batches`` of its epoch."""

    def on_epoch_end(self, trainer: Training, epoch: Epoch) -> str | None:
        """Look at an epoch that has ended; return why training should end with it, or None."""
        return None

    def on_fit_end(self, trainer: Training) -> None:
        """Tidy up when training ends: after the last epoch, early, or because it was interrupted."""

    def status(self) -> str:
        """Return what there is to say of the last epoch, for the line that is printed for it."""
        return ""

    def state_dict(self) -> dict[str, Any]:
        """Return what it needs to go on watching when the run is resumed."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over such a state."""


class _Log(Callback):
    """Keeps ``path`` a record of the epochs so far: written anew each time, so whole at every moment."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _text(self, history: History) -> str:
        raise NotImplementedError(f"{type(self).__name__}: _text() is not defined")

    def on_fit_start(self, trainer: Training) -> None:
        """Write the file, whatever an earlier process left of it."""
        with atomic_write(self.path) as file:
            file.write(self._text(trainer.history).encode())

    def on_epoch_end(self, trainer: Training, epoch: Epoch) -> None:
        """Write the file anew."""
        self.on_fit_start(trainer)


class CSVLogger(_Log):
    """Keeps ``path`` a table of the epochs so far."""

    def _text(self, history: History) -> str:
        return history.to_csv()


class JSONLinesLogger(_Log):
    """Keeps ``path`` a file with a JSON object for each epoch."""

    def _text(self, history: History) -> str:
        return history.to_json_lines()


class TensorBoardLogger(Callback):
    """Writes the epochs for TensorBoard, with the extra ``[tensorboard]``."""

    def __init__(self, folder: Path) -> None:
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(folder))

    def on_epoch_end(self, trainer: Training, epoch: Epoch) -> None:
        """Write one point of each curve."""
        for name, value in epoch.row().items():
            if value is not None:
                self._writer.add_scalar(name, value, epoch.number)

    def on_fit_end(self, trainer: Training) -> None:
        """Close the file."""
        self._writer.close()


class Checkpoints(Callback):
    """Saves the run after every epoch, and within one after ``seconds``; keeps the newest ``keep`` files."""

    def __init__(self, folder: Path, keep: int = 2, seconds: float = 10.0) -> None:
        self.folder = folder
        self.keep = keep
        self.seconds = seconds
        self._saved_at = time.monotonic()

    def on_step_end(self, trainer: Training) -> None:
        """Save the run within its epoch, if the last checkpoint is that old."""
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
