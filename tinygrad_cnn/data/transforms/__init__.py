"""Transforms of whole batches of images (N, C, H, W), under torchvision's names: what datasets take as transform.

Those that move pixels draw for each image on its own, do not touch what they are given, and return images that lie
in the batch-innermost layout, as MNIST's do.

>>> import tinygrad_cnn as tg
>>> from tinygrad_cnn.data.transforms import Compose, Normalize, RandomAffine
>>> augment = Compose([RandomAffine(12, translate=(0.07, 0.07), scale=(0.9, 1.1)), Normalize(0.1307, 0.3081)])
>>> augment(tg.rand(64, 1, 28, 28)).shape
(64, 1, 28, 28)
"""

from tinygrad_cnn.data.transforms.basic import Compose, Lambda, Normalize, Pad, ToTensor
from tinygrad_cnn.data.transforms.elastic import ElasticTransform
from tinygrad_cnn.data.transforms.geometry import RandomCrop, RandomHorizontalFlip, Resize
from tinygrad_cnn.data.transforms.random_affine import RandomAffine, affine
from tinygrad_cnn.support.missing_names import explain_missing_names

__all__ = [
    "Compose",
    "ElasticTransform",
    "Lambda",
    "Normalize",
    "Pad",
    "RandomAffine",
    "RandomCrop",
    "RandomHorizontalFlip",
    "Resize",
    "ToTensor",
    "affine",
]

explain_missing_names("torchvision.transforms", __name__)
