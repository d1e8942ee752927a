"""The older name of the base class of ``torch.optim.lr_scheduler``."""

from tinygrad_cnn.optim.lr_scheduler import LRScheduler as _LRScheduler

__all__ = ["_LRScheduler"]
