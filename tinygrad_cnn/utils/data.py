"""The names of `tinygrad_cnn.data`."""

from tinygrad_cnn.data import *  # noqa: F403
from tinygrad_cnn.data import __all__ as __all__
