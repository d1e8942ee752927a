"""The names of ``torchvision.transforms.v2``: those of the transforms, which take pictures, images and batches alike."""

from tinygrad_cnn.data.transforms import *
from tinygrad_cnn.data.transforms import __all__ as _names
from tinygrad_cnn.data.transforms import functional as functional
from tinygrad_cnn.data.transforms.convert import ToDtype, ToImage

__all__ = [*_names, "ToDtype", "ToImage", "functional"]
