"""What training on several machines needs beside ``torch.distributed``: it can be imported, not be called."""

from __future__ import annotations

from tinygrad_cnn.compat.refused import refused

__all__ = ["DistributedSampler"]

DistributedSampler = refused("torch.utils.data.DistributedSampler")
