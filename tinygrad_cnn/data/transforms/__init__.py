"""Transforms of images, under torchvision's names: what datasets take as transform.

They take a picture of Pillow, an image (C, H, W), or a batch (N, C, H, W), of bytes or floats, and return the same
kind. Random ones draw for each image of a batch on its own. They do not touch what they are given.

>>> import tinygrad_cnn as tg
>>> from tinygrad_cnn.data.transforms import Compose, Normalize, RandomAffine
>>> augment = Compose([RandomAffine(12, translate=(0.07, 0.07), scale=(0.9, 1.1)), Normalize(0.1307, 0.3081)])
>>> augment(tg.rand(64, 1, 28, 28)).shape
(64, 1, 28, 28)
"""

from tinygrad_cnn.data.transforms.basic import Compose, Lambda, Normalize, Pad, ToTensor
from tinygrad_cnn.data.transforms.color import ColorJitter, Grayscale, RandomGrayscale
from tinygrad_cnn.data.transforms.convert import ConvertImageDtype, PILToTensor, ToPILImage
from tinygrad_cnn.data.transforms.elastic import ElasticTransform
from tinygrad_cnn.data.transforms.geometry import (
    CenterCrop,
    InterpolationMode,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
    Resize,
)
from tinygrad_cnn.data.transforms.random_affine import RandomAffine, RandomRotation, affine
from tinygrad_cnn.data.transforms.random_choice import RandomApply, RandomChoice, RandomErasing, RandomOrder
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.mistakes import explain_calls

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "ElasticTransform",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomAffine",
    "RandomApply",
    "RandomChoice",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomOrder",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "ToPILImage",
    "ToTensor",
    "affine",
]

explain_calls(globals())
explain_missing_names("torchvision.transforms", __name__)
