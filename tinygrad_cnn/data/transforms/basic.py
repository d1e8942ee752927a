"""Transforms that move no pixels relative to one another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tinygrad_cnn.creation import from_numpy, tensor
from tinygrad_cnn.data.transforms.arguments import Numbers, check_images, numbers, pixels_of
from tinygrad_cnn.kernels.batch_innermost import empty_images
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.support.arrays import own_array
from tinygrad_cnn.support.dtypes import default_dtype
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

Transform = Callable[[Tensor], Tensor]


class Compose:
    """Apply one transform after the other."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        if not isinstance(transforms, Iterable):
            raise TypeError(f"Compose: wanted a list of transforms, got {type(transforms).__name__}")
        self.transforms = list(transforms)
        for t in self.transforms:
            _want_callable("Compose", t)

    def __call__(self, images: Tensor) -> Tensor:
        for transform in self.transforms:
            images = transform(images)
        return images


class Lambda:
    """Apply any function of a batch of images."""

    def __init__(self, lambd: Transform) -> None:
        _want_callable("Lambda", lambd)
        self.lambd = lambd

    def __call__(self, images: Tensor) -> Tensor:
        return self.lambd(images)


class ToTensor:
    """Return tensors as they are: this package's images are some already, with numbers in [0, 1].

    An array of bytes (H, W) or (H, W, C) becomes a tensor (C, H, W) of such, as in torchvision.

    >>> import numpy as np
    >>> from tinygrad_cnn.data.transforms import ToTensor
    >>> ToTensor()(np.array([[0, 255]], np.uint8))
    tensor([[[0., 1.]]])
    """

    def __call__(self, images: Tensor | Array) -> Tensor:
        if isinstance(images, Tensor):
            return images
        if not isinstance(images, np.ndarray) or images.ndim not in (2, 3):
            given = f"shape {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
            raise TypeError(f"ToTensor: wanted a tensor, or an array (H, W) or (H, W, C), got {given}")
        array = own_array("ToTensor", images)
        planes = from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1)).contiguous()
        return planes.to(default_dtype()) / 255 if array.dtype == np.uint8 else planes


class Normalize:
    """Subtract a mean and divide by a standard deviation: one number each, or one for each channel. Differentiable.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data.transforms import Normalize
    >>> Normalize(0.5, 0.25)(tg.ones(1, 1, 1, 2))
    tensor([[[[2., 2.]]]])
    """

    def __init__(self, mean: Numbers, std: Numbers) -> None:
        self.mean = numbers("Normalize", "mean", mean)
        self.std = numbers("Normalize", "std", std)
        if not all(s > 0 for s in self.std):
            raise ValueError(f"Normalize: std is {std!r}; wanted numbers above 0")

    def __call__(self, images: Tensor) -> Tensor:
        check_images("Normalize", images)
        channels = images.shape[1]
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels):
                raise ValueError(f"Normalize: {name} has {len(values)} values, the images {channels} channels")
        mean, std = (tensor(v, images.dtype).reshape(-1, 1, 1) for v in (self.mean, self.std))
        return (images - mean) / std


class Pad:
    """Put a border around images.

    ``padding`` is its width, or (left and right, top and bottom), or (left, top, right, bottom).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data.transforms import Pad
    >>> Pad(2)(tg.zeros(64, 1, 28, 28)).shape
    (64, 1, 32, 32)
    """

    def __init__(self, padding: int | Sequence[int], fill: float = 0) -> None:
        numbers("Pad", "padding", padding, (1, 2, 4))
        sides = [whole("Pad", "padding", n, 0) for n in (padding if isinstance(padding, Sequence) else [padding])]
        self.left, self.top, self.right, self.bottom = sides * (4 // len(sides))
        (self.fill,) = numbers("Pad", "fill", fill, (1,))

    def __call__(self, images: Tensor) -> Tensor:
        array = pixels_of("Pad", images)
        n, c, h, w = array.shape
        result = empty_images((n, c, h + self.top + self.bottom, w + self.left + self.right), array.dtype)
        result.fill(self.fill)
        result[:, :, self.top : self.top + h, self.left : self.left + w] = array
        return from_numpy(result)


def _want_callable(name: str, function: Transform) -> None:
    if not callable(function):
        raise TypeError(f"{name}: wanted a function of images, got {type(function).__name__}")
