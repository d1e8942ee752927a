"""Averages of models over the steps of training: stochastic weight averaging, and exponential moving averages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from math import cos, pi
from typing import Any

from tinygrad_cnn.nn import Module
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.optim.lr_scheduler.base import LRScheduler, number, per_group
from tinygrad_cnn.optim.optimizer import Optimizer
from tinygrad_cnn.support.devices import want_cpu
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tensor import Tensor

__all__ = ["SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "update_bn"]

Average = Callable[[Tensor, Tensor, Any], Any]


class AveragedModel(Module):
    """A copy of a model whose parameters are means of the model's: call `update_parameters` now and then.

    The mean is that of all updates, or what ``avg_fn(averaged, current, count)`` returns for each parameter
    (`get_ema_avg_fn`: an exponential moving average); ``multi_avg_fn`` is given all of them in lists, and writes to
    the first. Buffers are copied, or averaged too with ``use_buffers``. (Izmailov et al., "Averaging weights leads
    to wider optima and better generalization", 2018.)

    >>> import tinygrad_cnn as tg
    >>> model = tg.nn.Linear(1, 1, bias=False)
    >>> averaged = tg.optim.swa_utils.AveragedModel(model)
    >>> for value in (1.0, 3.0):
    ...     with tg.no_grad():
    ...         _ = model.weight.fill_(value)
    ...     averaged.update_parameters(model)
    >>> averaged.module.weight.item()
    2.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Callable[[list[Tensor], list[Tensor], Any], Any] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        want_cpu("AveragedModel", device)
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("AveragedModel: wanted avg_fn or multi_avg_fn, got both")
        self.module = deepcopy(model)
        self.register_buffer("n_averaged", Tensor(0))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the averaged model makes of the arguments."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the parameters of the model into the mean."""
        pairs = list(zip(self.module.parameters(), model.parameters(), strict=True))
        buffers = list(zip(self.module.buffers(), model.buffers(), strict=True))
        averaged = [*pairs, *buffers] if self.use_buffers else pairs
        own, current = [a.detach() for a, _ in averaged], [b.detach() for _, b in averaged]
        with no_grad():
            if not int(self.n_averaged):
                _copy(own, current)
            elif self.multi_avg_fn is not None:
                self.multi_avg_fn(own, current, self.n_averaged)
            else:
                average = self.avg_fn or get_swa_avg_fn()
                _copy(own, [average(a, b, self.n_averaged) for a, b in zip(own, current, strict=True)])
            if not self.use_buffers:
                _copy([a for a, _ in buffers], [b for _, b in buffers])
            self.n_averaged += 1


def _copy(to: Iterable[Tensor], values: Iterable[Tensor]) -> None:
    for tensor, value in zip(to, values, strict=True):
        tensor.copy_(value)


def get_swa_avg_fn() -> Average:
    """Return the function of the mean of all updates: averaged + (current - averaged) / (count + 1)."""

    def average(averaged: Tensor, current: Tensor, count: Any) -> Any:
        return averaged + (current - averaged) / (int(count) + 1)

    return average


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """Return the function of an exponential moving average: decay averaged + (1 - decay) current."""
    if not 0 <= decay <= 1:
        raise ValueError(f"get_ema_avg_fn: decay is {decay!r}; wanted a number from 0 to 1")
    return lambda averaged, current, count: averaged * decay + current * (1 - decay)


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[[list[Tensor], list[Tensor], Any], None]:
    """Return the function of an exponential moving average of lists of tensors, which it writes to."""
    average = get_ema_avg_fn(decay)
    return lambda averaged, current, count: _copy(
        averaged, [average(a, b, count) for a, b in zip(averaged, current, strict=True)]
    )


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the means and variances of a model's batch normalisation anew, from one pass over the inputs.

    A batch is a tensor of inputs, or a list or a tuple that begins with one. Call it after averaging weights: the
    statistics of the averaged model are not the mean of statistics.
    """
    want_cpu("update_bn", device)
    layers: list[Any] = [m for m in model.modules() if getattr(m, "running_mean", None) is not None]
    if not layers:
        return
    momenta, was_training = [layer.momentum for layer in layers], model.training
    try:
        model.train()
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None
        for batch in loader:
            model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """Bring the rate to ``swa_lr`` in ``anneal_epochs`` steps, along half a cosine wave ("cos") or a line."""

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"SWALR: anneal_strategy is {anneal_strategy!r}; wanted cos or linear")
        self.anneal_epochs = whole("SWALR", "anneal_epochs", anneal_epochs, 0)
        self.anneal_strategy = anneal_strategy
        rates = [number("SWALR", "swa_lr", lr) for lr in per_group("SWALR", "swa_lr", swa_lr, optimizer)]
        for group, lr in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = lr
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """Return which part of the way to ``swa_lr`` is done at a step."""
        part = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return (1 - cos(pi * part)) / 2 if self.anneal_strategy == "cos" else part

    def get_lr(self) -> list[float]:
        """Return the learning rate of each group at step ``last_epoch``."""
        step = max(1, self.last_epoch) if self.anneal_epochs == 0 else self.last_epoch
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group, lr in zip(self.optimizer.param_groups, self._rates(), strict=True):
            start = lr if before == 1 else (lr - before * group["swa_lr"]) / (1 - before)
            rates.append(group["swa_lr"] * now + start * (1 - now))
        return rates
