"""What may watch training from epoch to epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_cnn.files import replacing
from tinygrad_cnn.training.checkpoint import save_checkpoint
from tinygrad_cnn.training.history import Epoch

if TYPE_CHECKING:
    from tinygrad_cnn.training.trainer import Trainer


class Callback:
    """Something that watches training; a subclass overrides what it needs."""

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> str | None:
        """Look at an epoch that has ended; return why training should end with it, or None."""
        return None

    def on_fit_end(self, trainer: Trainer) -> None:
        """Tidy up when training ends: after the last epoch, early, or because it was interrupted."""

    def status(self) -> str:
        """Return what there is to say of the last epoch, for the line that is printed for it."""
        return ""

    def state_dict(self) -> dict[str, Any]:
        """Return what it needs to go on watching when the run is resumed."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over such a state."""


class CSVLogger(Callback):
    """Keeps ``path`` a table of the epochs so far, whole at every moment."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> None:
        """Write the table anew."""
        with replacing(self.path) as file:
            file.write(trainer.history.to_csv().encode())


class JSONLinesLogger(Callback):
    """Keeps ``path`` a file with a JSON object for each epoch, whole at every moment."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> None:
        """Write the file anew."""
        with replacing(self.path) as file:
            for each in trainer.history.epochs:
                file.write(json.dumps(each.row()).encode() + b"\n")


class TensorBoardLogger(Callback):
    """Writes the epochs for TensorBoard, with the extra ``[tensorboard]``."""

    def __init__(self, folder: Path) -> None:
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(folder))

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> None:
        """Write one point of each curve."""
        for name, value in epoch.row().items():
            if value is not None:
                self._writer.add_scalar(name, value, epoch.number)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Close the file."""
        self._writer.close()


class Checkpoints(Callback):
    """Saves the run after every epoch, and keeps the newest ``keep`` files, so that it can be resumed."""

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder = folder
        self.keep = keep

    def on_epoch_end(self, trainer: Trainer, epoch: Epoch) -> None:
        """Save this epoch's checkpoint, then remove those that are no longer wanted."""
        save_checkpoint(trainer.state_dict(), self.folder / f"checkpoint-{epoch.number:05d}.safetensors")
        for old in self.saved(self.folder)[self.keep :]:
            old.unlink()

    @staticmethod
    def saved(folder: Path) -> list[Path]:
        """Return the checkpoints in a folder, the newest first."""
        return sorted(folder.glob("checkpoint-*.safetensors"), reverse=True)
