"""Averaged weights."""

from __future__ import annotations

from typing import Any

from tinygrad_cnn.nn import Module
from tinygrad_cnn.optim.swa_utils import AveragedModel, get_ema_avg_fn
from tinygrad_cnn.training.callbacks import Callback, Training


class WeightAveraging(Callback):
    """Leave the exponential moving average of the weights of all steps, in which noise of single steps cancels.

    The average is decay times the average before, plus (1 - decay) times the weights of the step. The weights that
    are trained, and validated after each epoch, are not averaged; when training ends, the model gets the average,
    running statistics included. After `EarlyStopping` in the list of callbacks, it replaces the best weights.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.training import Trainer, WeightAveraging
    >>> model = tg.nn.Linear(1, 1)
    >>> optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
    >>> average = WeightAveraging(model, decay=0.9)
    >>> trainer = Trainer(model, tg.nn.MSELoss(), optimizer, callbacks=[average], metric=None)
    >>> _ = trainer.fit([(tg.ones(4, 1), tg.zeros(4, 1))], epochs=5)
    >>> bool(model.weight == average.averaged.module.weight)
    True
    """

    def __init__(self, model: Module, decay: float = 0.999) -> None:
        self.averaged = AveragedModel(model, avg_fn=get_ema_avg_fn(decay), use_buffers=True)

    def on_step_end(self, trainer: Training) -> None:
        """Take the weights into the average."""
        self.averaged.update_parameters(trainer.model)

    def on_fit_end(self, trainer: Training) -> None:
        """Put the average into the model, if there has been a step."""
        if int(self.averaged.n_averaged):
            trainer.model.load_state_dict(self.averaged.module.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """Return the average, and of how many steps it is."""
        return self.averaged.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state. Raises RuntimeError for that of another model."""
        self.averaged.load_state_dict(state)
