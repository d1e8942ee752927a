"""``torch.utils.dlpack``."""

from tinygrad_cnn.creation import from_dlpack

__all__ = ["from_dlpack"]
