"""The folder of a run, which one process has to itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinygrad_cnn.storage.atomic_files import atomic_write, locked, remove_leftovers
from tinygrad_cnn.training.callbacks import Callback, Training
from tinygrad_cnn.training.history import Epoch


class RunFolder:
    """A folder at a path, known by its device and inode.

    If it is moved or deleted, `check` and `file` raise OSError, also where a new folder was made in its place: that
    may be the folder of another run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity = _identity(path)

    def check(self) -> None:
        """Raise OSError if the path no longer leads to the folder."""
        if _identity(self.path) != self._identity:
            raise OSError(
                f"{self.path}: the folder was moved or deleted while this run was at work in it, so the run ends. "
                "To go on, resume it in the folder as it is called now"
            )

    def file(self, name: str) -> Path:
        """Return the path of a file to be written. Raises OSError as `check` does."""
        self.check()
        return self.path / name

    def write(self, name: str, text: str) -> None:
        """Write a text file, whole or not at all. Raises OSError as `check` does."""
        with atomic_write(self.file(name)) as file:
            file.write(text.encode())


class FolderCheck(Callback):
    """Ends training with an OSError if the folder of the run was moved or deleted, before anything is written."""

    on_every_rank = False

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def on_fit_start(self, trainer: Training) -> None:
        """Check the folder before files are made."""
        self.folder.check()

    def on_step_end(self, trainer: Training) -> None:
        """Check the folder before a checkpoint is saved."""
        self.folder.check()

    def on_epoch_end(self, trainer: Training, epoch: Epoch) -> None:
        """Check the folder before checkpoint and logs are written."""
        self.folder.check()


@contextmanager
def run_folder(path: Path) -> Iterator[RunFolder]:
    """Make a folder if there is none, and lock it within the block. Raises BlockingIOError if it is locked."""
    path.mkdir(parents=True, exist_ok=True)
    folder = RunFolder(path)
    with locked(path):
        folder.check()
        remove_leftovers(path)
        yield folder


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
