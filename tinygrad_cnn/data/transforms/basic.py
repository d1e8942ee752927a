"""Transforms that move no pixels relative to one another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.creation import from_numpy, tensor
from tinygrad_cnn.data.images import scaled
from tinygrad_cnn.data.pil import is_picture, pixels_of_picture
from tinygrad_cnn.data.transforms.arguments import Numbers, numbers, pixels_of
from tinygrad_cnn.data.transforms.base import ImageTransform
from tinygrad_cnn.kernels.batch_innermost import empty_images
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.support.arrays import own_array
from tinygrad_cnn.support.dtypes import default_dtype
from tinygrad_cnn.tensor import Tensor

Transform = Callable[[Any], Any]


class Compose:
    """Apply one transform after the other."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        if not isinstance(transforms, Iterable):
            raise TypeError(f"Compose: wanted a list of transforms, got {type(transforms).__name__}")
        self.transforms = list(transforms)
        for t in self.transforms:
            want_callable("Compose", t)

    @property
    def takes_batches(self) -> bool:
        """Whether all of the transforms do."""
        return all(getattr(t, "takes_batches", False) for t in self.transforms)

    @property
    def reads_bytes(self) -> bool:
        """Whether one of the transforms does."""
        return any(getattr(t, "reads_bytes", False) for t in self.transforms)

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return "\n".join(["Compose(", *(f"    {t}" for t in self.transforms), ")"])


class Lambda:
    """Apply any function. A dataset calls it with one image at a time."""

    def __init__(self, lambd: Transform) -> None:
        want_callable("Lambda", lambd)
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return "Lambda()"


class ToTensor:
    """Return a picture of Pillow, or an array (H, W) or (H, W, C), as a tensor (C, H, W).

    Bytes become numbers of the default type in [0, 1], those of a tensor (C, H, W) or (N, C, H, W) too. Other
    arrays keep their type, and other tensors are returned as they are.

    >>> import numpy as np
    >>> from tinygrad_cnn.data.transforms import ToTensor
    >>> ToTensor()(np.array([[0, 255]], np.uint8))
    tensor([[[0., 1.]]])
    """

    takes_batches = True
    reads_bytes = True
    """Read by datasets: whether the batch that it is given is to be of bytes."""

    def __call__(self, pic: Any) -> Tensor:
        if is_picture(pic):
            pic = from_numpy(pixels_of_picture(pic))
        if isinstance(pic, Tensor):
            if pic.dtype != np.uint8:
                return pic
            return from_numpy(scaled(pic.array)) if pic.ndim == 4 else pic.to(default_dtype()) / 255
        if not isinstance(pic, np.ndarray) or pic.ndim not in (2, 3):
            given = f"shape {pic.shape}" if isinstance(pic, np.ndarray) else type(pic).__name__
            raise TypeError(
                f"ToTensor: wanted a tensor, or an array (H, W) or (H, W, C), or a picture, got {given}"
            )
        array = own_array("ToTensor", pic)
        planes = from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1)).contiguous()
        return planes.to(default_dtype()) / 255 if array.dtype == np.uint8 else planes

    def __repr__(self) -> str:
        return "ToTensor()"


class Normalize(ImageTransform):
    """Subtract a mean and divide by a standard deviation: one number each, or one for each channel. Differentiable.

    Raises TypeError for pictures and bytes: `ToTensor` must come first.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data.transforms import Normalize
    >>> Normalize(0.5, 0.25)(tg.ones(1, 1, 1, 2))
    tensor([[[[2., 2.]]]])
    """

    def __init__(self, mean: Numbers, std: Numbers, inplace: bool = False) -> None:
        self.mean = numbers("Normalize", "mean", mean)
        self.std = numbers("Normalize", "std", std)
        if not all(s > 0 for s in self.std):
            raise ValueError(f"Normalize: std is {std!r}; wanted numbers above 0")

    def __call__(self, img: Tensor) -> Tensor:
        if is_picture(img) or (isinstance(img, Tensor) and img.dtype == np.uint8):
            raise TypeError("Normalize: wanted float32 or float64, got bytes; ToTensor() makes floats")
        return super().__call__(img)

    def _apply(self, images: Tensor) -> Tensor:
        channels = images.shape[1]
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, channels):
                raise ValueError(f"Normalize: {name} has {len(values)} values, the images {channels} channels")
        mean, std = (tensor(v, images.dtype).reshape(-1, 1, 1) for v in (self.mean, self.std))
        return (images - mean) / std


class Pad(ImageTransform):
    """Put a border around images.

    ``padding`` is its width, or (left and right, top and bottom), or (left, top, right, bottom). It is filled with
    ``fill``, a number or one for each channel, or by ``padding_mode``: "edge" repeats the last pixel, "reflect" and
    "symmetric" mirror the image, without the last pixel and with it.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data.transforms import Pad
    >>> Pad(2)(tg.zeros(64, 1, 28, 28)).shape
    (64, 1, 32, 32)
    """

    def __init__(self, padding: int | Sequence[int], fill: Numbers = 0, padding_mode: str = "constant") -> None:
        numbers("Pad", "padding", padding, (1, 2, 4))
        sides = [whole("Pad", "padding", n, 0) for n in (padding if isinstance(padding, Sequence) else [padding])]
        self.left, self.top, self.right, self.bottom = sides * (4 // len(sides))
        self.fill = numbers("Pad", "fill", fill)
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError(f"Pad: padding_mode is {padding_mode!r}; wanted constant, edge, reflect or symmetric")
        self.padding_mode = padding_mode

    def _apply(self, images: Tensor) -> Tensor:
        array = pixels_of("Pad", images)
        n, c, h, w = array.shape
        around = ((0, 0), (0, 0), (self.top, self.bottom), (self.left, self.right))
        if self.padding_mode != "constant":
            return from_numpy(np.pad(array, around, mode=self.padding_mode))  # type: ignore[call-overload]
        if len(self.fill) not in (1, c):
            raise ValueError(f"Pad: fill has {len(self.fill)} numbers for {c} channels")
        result = empty_images((n, c, h + self.top + self.bottom, w + self.left + self.right), array.dtype)
        result[...] = np.array(self.fill)[:, None, None]
        result[:, :, self.top : self.top + h, self.left : self.left + w] = array
        return from_numpy(result)


def want_callable(name: str, function: Transform) -> None:
    if not callable(function):
        raise TypeError(f"{name}: wanted a function of images, got {type(function).__name__}")
