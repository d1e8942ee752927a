"""Callbacks that write down what happens: tables of the epochs, TensorBoard's files, norms of gradients."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from tinygrad_cnn.storage.atomic_files import atomic_write
from tinygrad_cnn.training.callbacks import Callback, Training
from tinygrad_cnn.training.history import Epoch, History


class _HistoryFile(Callback):
    """Keeps a file with all epochs so far. It is written anew each time, so it is complete at every moment."""

    on_every_rank = False

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def _text(self, history: History) -> str:
        raise NotImplementedError(f"{type(self).__name__}: _text() is not defined")

    def on_fit_start(self, trainer: Training) -> None:
        """Write the file, whatever an earlier process left of it."""
        with atomic_write(self.path) as file:
            file.write(self._text(trainer.history).encode())

    def on_epoch_end(self, trainer: Training, epoch: Epoch) -> None:
        """Write the file anew."""
        self.on_fit_start(trainer)


class CSVLogger(_HistoryFile):
    """Keeps a table of the epochs so far in the file ``path``."""

    def _text(self, history: History) -> str:
        return history.to_csv()


class JSONLinesLogger(_HistoryFile):
    """Keeps a JSON object for each epoch so far in the file ``path``."""

    def _text(self, history: History) -> str:
        return history.to_json_lines()


class TensorBoardLogger(Callback):
    """Writes the epochs for TensorBoard into a folder. Needs tensorboardX, from the extra ``[tensorboard]``."""

    on_every_rank = False

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                'TensorBoardLogger needs tensorboardX: pip install "tinygrad_cnn[tensorboard]"'
            ) from error
        self._writer = SummaryWriter(os.fspath(folder))

    def on_epoch_end(self, trainer: Training, epoch: Epoch) -> None:
        """Write one point of each curve."""
        for name, value in epoch.row().items():
            if value is not None:
                self._writer.add_scalar(name, value, epoch.number)

    def on_fit_end(self, trainer: Training) -> None:
        """Close the file."""
        self._writer.close()


class GradientNorms(Callback):
    """Notes the norm of the gradient of each step, before clipping, and shows the median and largest of an epoch.

    ``norms`` are those of the epoch that is under way, or of the last. They tell which ``clip_gradient`` to give
    the `Trainer`: a norm that few steps exceed.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data import DataLoader, TensorDataset
    >>> from tinygrad_cnn.training import GradientNorms, Trainer
    >>> data = DataLoader(TensorDataset(tg.tensor([[3.0], [4.0]]), tg.zeros(2, 1)), batch_size=1)
    >>> model = tg.nn.Linear(1, 1, bias=False)
    >>> model.weight.array[:] = 1.0
    >>> norms = GradientNorms()
    >>> trainer = Trainer(
    ...     model, tg.nn.MSELoss(), tg.optim.SGD(model.parameters(), lr=0.0), callbacks=[norms], metric=None
    ... )
    >>> _ = trainer.fit(data)
    >>> norms.norms, norms.status()
    ([18.0, 32.0], 'gradient norm 25, at most 32')
    """

    def __init__(self) -> None:
        self.norms: list[float] = []

    def on_gradients(self, trainer: Training) -> None:
        """Note the norm of the gradients of all parameters, as of one vector."""
        if trainer.running is not None and trainer.running.batches == 0:
            self.norms = []
        arrays = [p.grad.array for p in trainer.model.parameters() if p.grad is not None]
        self.norms.append(float(np.sqrt(sum(float(np.vdot(array, array)) for array in arrays))))

    def status(self) -> str:
        """Return the median and the largest norm of the epoch."""
        return f"gradient norm {np.median(self.norms):.3g}, at most {max(self.norms):.3g}" if self.norms else ""
