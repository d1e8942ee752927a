"""Base classes of ``torch.nn`` that scripts ask for by ``isinstance``."""

from tinygrad_cnn.nn.conv import _Conv as _ConvNd
from tinygrad_cnn.nn.loss import _Loss
from tinygrad_cnn.nn.normalization import _BatchNorm, _InstanceNorm

__all__ = ["_BatchNorm", "_ConvNd", "_InstanceNorm", "_Loss"]
