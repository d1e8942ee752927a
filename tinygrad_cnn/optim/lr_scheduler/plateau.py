"""The schedule that reduces the rate when a metric stops improving."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.optim.lr_scheduler.base import LRScheduler, number, per_group
from tinygrad_cnn.optim.optimizer import Optimizer
from tinygrad_cnn.tape.capture import effect


class ReduceLROnPlateau(LRScheduler):
    """Multiply the rate by ``factor`` when a metric has not improved for more than ``patience`` steps.

    An improvement is a value below (``mode`` "max": above) the best so far by more than ``threshold``, a part of
    the best ("rel") or an amount ("abs"); NaN is none. For ``cooldown`` steps after a reduction no step counts
    against the rate. It does not fall below ``min_lr``, and a change of ``eps`` or less is not made.

    >>> import tinygrad_cnn as tg
    >>> optimizer = tg.optim.SGD([tg.nn.Parameter([1.0])], lr=0.5)
    >>> schedule = tg.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    >>> for loss in (1.0, 0.5, 0.5, 0.5):
    ...     schedule.step(loss)
    >>> schedule.get_last_lr()
    [0.05]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        name = "ReduceLROnPlateau"
        if mode not in ("min", "max"):
            raise ValueError(f"{name}: mode is {mode!r}; wanted min or max")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"{name}: threshold_mode is {threshold_mode!r}; wanted rel or abs")
        self.mode, self.threshold_mode = mode, threshold_mode
        self.factor = number(name, "factor", factor)
        if self.factor >= 1:
            raise ValueError(f"{name}: factor is {factor!r}; wanted a number below 1")
        self.patience = whole(name, "patience", patience, 0)
        self.cooldown = whole(name, "cooldown", cooldown, 0)
        self.threshold = number(name, "threshold", threshold)
        self.eps = number(name, "eps", eps)
        self.min_lrs = [number(name, "min_lr", low) for low in per_group(name, "min_lr", min_lr, optimizer)]
        self.best = inf if mode == "min" else -inf
        self.num_bad_epochs = self.cooldown_counter = 0
        super().__init__(optimizer)

    def get_lr(self) -> list[float]:
        """Return the rates of the groups as they are: only `step` reduces them."""
        return self._rates()

    @effect
    def step(self, metrics: float, epoch: int | None = None) -> None:  # type: ignore[override]
        """Look at the metric of one more step, a number or a tensor of one, and reduce the rates if it is time."""
        try:
            value = float(metrics)
        except (TypeError, ValueError):
            raise TypeError(f"ReduceLROnPlateau.step: the metric is {metrics!r:.60}; wanted a number") from None
        self.num_bad_epochs += 1
        if self._is_better(value):
            self.best, self.num_bad_epochs = value, 0
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            reduced = [max(lr * self.factor, low) for lr, low in zip(self._rates(), self.min_lrs, strict=True)]
            pairs = zip(self._rates(), reduced, strict=True)
            self._set_rates([new if lr - new > self.eps else lr for lr, new in pairs])
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._go_to(self.last_epoch + 1 if epoch is None else whole("ReduceLROnPlateau", "epoch", epoch, 0))

    def _is_better(self, value: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "rel":
            return sign * value > sign * self.best * (1 + sign * self.threshold)
        return sign * value > sign * self.best + self.threshold
