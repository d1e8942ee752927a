"""SyncBatchNorm: batch normalisation with the statistics of all ranks' samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from tinygrad_cnn.autograd.function import Function
from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.distributed.average import sums_over_ranks
from tinygrad_cnn.distributed.group import current_group
from tinygrad_cnn.distributed.share import is_counted
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.normalization import _BatchNorm
from tinygrad_cnn.tape.writes import mark_written
from tinygrad_cnn.tensor import Tensor

_weight: ContextVar[float] = ContextVar("weight", default=1.0)


@contextmanager
def weighing(weight: float) -> Iterator[None]:
    """Within the block, the gradients of what this rank computes will be multiplied by a weight after backward."""
    token = _weight.set(weight)
    try:
        yield
    finally:
        _weight.reset(token)


class _SumOverRanks(Function):
    """The sum of all ranks' tensors. All ranks call it, and its derivative, which sums weighted gradients."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return from_numpy(sums_over_ranks(input.array).astype(input.dtype))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return _SumOverRanks.apply(grad * ctx.weight, 1.0) / ctx.weight, None


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation with the mean and variance of the samples of all ranks; `BatchNorm2d` in one process.

    Takes (N, C) or (N, C, ...). In training, all ranks must call it together, and go back through it together. The
    results of n ranks are those of one process with the whole batch. `convert_sync_batchnorm` puts it into a model.

    >>> import tinygrad_cnn as tg
    >>> model = tg.nn.Sequential(tg.nn.Conv2d(1, 4, 3), tg.nn.BatchNorm2d(4))
    >>> tg.nn.SyncBatchNorm.convert_sync_batchnorm(model)[1]
    SyncBatchNorm(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    """

    _dims = (2, 3, 4, 5)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: None = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        if process_group is not None:
            raise ValueError("SyncBatchNorm: process_group is not None; wanted the group of all processes")
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, bias=bias, device=device, dtype=dtype
        )

    @staticmethod
    def convert_sync_batchnorm(module: Module, process_group: None = None) -> Module:
        """Return a module in which each batch normalisation is a SyncBatchNorm with its parameters and buffers."""
        if not isinstance(module, _BatchNorm):
            for name, child in list(module.named_children()):
                setattr(module, name, SyncBatchNorm.convert_sync_batchnorm(child, process_group))
            return module
        converted = SyncBatchNorm(
            module.num_features,
            module.eps,
            module.momentum,
            module.affine,
            module.track_running_stats,
            process_group,
        )
        for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            setattr(converted, name, getattr(module, name))
        converted.train(module.training)
        return converted

    def forward(self, input: Tensor) -> Tensor:
        """Return the input standardised: in training mode with the statistics of all ranks' inputs."""
        group = current_group()
        tracked = self.running_mean is not None and self.running_var is not None
        if group is None or group.size == 1 or not (self.training or not tracked):
            return super().forward(input)
        self._check_input(input, 1)
        dims, counted = (0, *range(2, input.ndim)), float(is_counted())
        shape = (1, self.num_features, *(1 for _ in dims[1:]))
        total = float(sums_over_ranks(np.array([counted * input.numel() / self.num_features]))[0])
        if total < 2:
            raise ValueError(f"SyncBatchNorm: wanted more than one value for each channel, got {total:.0f}")
        weight = _weight.get()
        mean = _SumOverRanks.apply(input.sum(dims) * counted, weight) / total
        centred = input - mean.reshape(shape)
        var = _SumOverRanks.apply(centred.square().sum(dims) * counted, weight) / total
        if self.training:
            self._track(mean, var * (total / (total - 1)))
        result = centred * ((var + self.eps) ** -0.5).reshape(shape)
        if self.weight is not None:
            result = result * self.weight.reshape(shape)
        return result if self.bias is None else result + self.bias.reshape(shape)

    def _track(self, mean: Tensor, var: Tensor) -> None:
        """Move the running statistics towards those of a batch."""
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        if self.running_mean is None or self.running_var is None:
            return
        momentum = self.momentum
        if momentum is None:
            momentum = 0.0 if self.num_batches_tracked is None else 1 / int(self.num_batches_tracked)
        for running, now in ((self.running_mean, mean), (self.running_var, var)):
            running.array[...] = (1 - momentum) * running.array + momentum * now.array
            mark_written(running.array, "SyncBatchNorm")
