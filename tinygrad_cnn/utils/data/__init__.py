"""The names of `tinygrad_cnn.data`."""

from tinygrad_cnn.data import *
from tinygrad_cnn.data import __all__ as __all__
