"""``torch.types``: names for annotations."""

from typing import Any

from tinygrad_cnn.tensor import Tensor

Number = int | float | bool
Device = Any

__all__ = ["Device", "Number", "Tensor"]
