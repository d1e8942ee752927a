"""Modules that train one model in several processes, under the names of `torch.nn.parallel`."""

from tinygrad_cnn.nn.parallel.distributed import DistributedDataParallel

__all__ = ["DistributedDataParallel"]
