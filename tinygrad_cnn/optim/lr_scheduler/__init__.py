"""Learning-rate schedules, under PyTorch's names and by its rules.

Make a schedule of an optimizer, and call its ``step`` after the optimizer's: once an epoch or once a batch,
whichever its lengths count. The optimizer keeps the rates, so load the states of both to resume.

A warm-up is a schedule before another:

>>> import tinygrad_cnn as tg
>>> from tinygrad_cnn.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
>>> optimizer = tg.optim.SGD([tg.nn.Parameter([1.0])], lr=0.1)
>>> warm_up = LinearLR(optimizer, start_factor=0.1, total_iters=3)
>>> schedule = SequentialLR(optimizer, [warm_up, CosineAnnealingLR(optimizer, T_max=4)], milestones=[3])
>>> rates = []
>>> for epoch in range(7):
...     rates += schedule.get_last_lr()
...     optimizer.step()
...     schedule.step()
>>> print(*(f"{rate:.3f}" for rate in rates))
0.010 0.040 0.070 0.100 0.085 0.050 0.015
"""

from tinygrad_cnn.optim.lr_scheduler.base import LRScheduler
from tinygrad_cnn.optim.lr_scheduler.base import LRScheduler as _LRScheduler
from tinygrad_cnn.optim.lr_scheduler.cycles import CosineAnnealingWarmRestarts, CyclicLR
from tinygrad_cnn.optim.lr_scheduler.factor import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from tinygrad_cnn.optim.lr_scheduler.one_cycle import OneCycleLR
from tinygrad_cnn.optim.lr_scheduler.plateau import ReduceLROnPlateau
from tinygrad_cnn.optim.lr_scheduler.sequential import ChainedScheduler, SequentialLR
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.mistakes import explain_calls

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]

explain_calls(globals())
explain_missing_names("torch.optim.lr_scheduler", __name__)
