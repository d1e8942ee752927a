"""PyTorch's other place for the sampler: ``from tinygrad_cnn.utils.data.distributed import DistributedSampler``."""

from tinygrad_cnn.data.distributed import DistributedSampler

__all__ = ["DistributedSampler"]
