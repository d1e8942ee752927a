"""The parts that a Trainer is made of: whether they can work together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_cnn.nn import Module
from tinygrad_cnn.optim import Optimizer
from tinygrad_cnn.optim.lr_scheduler import LRScheduler
from tinygrad_cnn.training.callbacks import Callback


def check_parts(model: Any, loss: Any, optimizer: Any, scheduler: Any, callbacks: Any) -> None:
    """Raise TypeError or ValueError for parts that cannot work together."""
    if not isinstance(model, Module):
        raise TypeError(f"Trainer: model is a {type(model).__name__}; wanted a Module")
    if not callable(loss):
        raise TypeError(f"Trainer: loss is a {type(loss).__name__}; wanted a function of outputs and targets")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"Trainer: optimizer is a {type(optimizer).__name__}; wanted an Optimizer")
    own = {id(parameter) for parameter in model.parameters()}
    if not any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
        raise ValueError("Trainer: the optimizer has none of the model's parameters; wanted model.parameters()")
    if scheduler is not None and not isinstance(scheduler, LRScheduler):
        hint = "; SequentialLR follows one after the other" if isinstance(scheduler, (list, tuple)) else ""
        raise TypeError(f"Trainer: scheduler is a {type(scheduler).__name__}; wanted one schedule, or None{hint}")
    if scheduler is not None and scheduler.optimizer is not optimizer:
        raise ValueError("Trainer: the schedule is of another optimizer than the one given")
    if not isinstance(callbacks, Sequence):
        raise TypeError(f"Trainer: callbacks is a {type(callbacks).__name__}; wanted a list of callbacks")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            name = callback.__name__ if isinstance(callback, type) else type(callback).__name__
            hint = f"; {name}() makes one" if isinstance(callback, type) and issubclass(callback, Callback) else ""
            raise TypeError(f"Trainer: one of the callbacks is {name}, which is no Callback{hint}")
