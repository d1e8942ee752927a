"""Other sizes, parts and reflections of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.data.arguments import as_generator
from tinygrad_cnn.data.transforms.arguments import numbers, pixels_of
from tinygrad_cnn.data.transforms.base import ImageTransform
from tinygrad_cnn.data.transforms.basic import Pad
from tinygrad_cnn.kernels.batch_innermost import empty_images
from tinygrad_cnn.ops.arguments import pair, whole
from tinygrad_cnn.random import GeneratorArgument as Generator
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array


class Resize(ImageTransform):
    """Bring images to a size: (height, width), or the shorter side, which keeps the proportions.

    Each pixel is a mean of those around it, weighted by a triangle that is as wide as a new pixel where the image
    shrinks (bilinear with antialiasing, as in torchvision).

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data.transforms import Resize
    >>> Resize(32)(tg.zeros(64, 1, 28, 28)).shape
    (64, 1, 32, 32)
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = (
            whole("Resize", "size", size, 1)
            if isinstance(size, (int, np.integer))
            else pair("Resize", "size", size, 1)
        )

    def _apply(self, images: Tensor) -> Tensor:
        array = pixels_of("Resize", images)
        height, width = array.shape[2:]
        if isinstance(self.size, int):
            short = min(height, width)
            wanted = self.size * height // short, self.size * width // short
        else:
            wanted = self.size
        down, across = (_weights(*n, array.dtype) for n in zip((height, width), wanted, strict=True))
        return from_numpy(down @ array @ across.T)


def _weights(before: int, after: int, dtype: np.dtype[Any]) -> Array:
    """Return the matrix (after, before) that resizes a column."""
    scale = before / after
    reach = max(scale, 1)
    middle = (np.arange(after)[:, None] + 0.5) * scale
    weights = np.maximum(0, 1 - abs(np.arange(before) + 0.5 - middle) / reach)
    normed: Array = (weights / weights.sum(1, keepdims=True)).astype(dtype)
    return normed


class RandomCrop(ImageTransform):
    """Cut a part of a size out of each image, anywhere; ``padding`` puts a border of ``fill`` around it first.

    ``size`` is (height, width), or one number for both; ``padding`` is that of `Pad`.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data.transforms import RandomCrop
    >>> RandomCrop(28, padding=2)(tg.zeros(64, 1, 28, 28)).shape
    (64, 1, 28, 28)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        fill: float = 0,
        generator: Generator = None,
    ) -> None:
        self.size = pair("RandomCrop", "size", size, 1)
        self.pad = Pad(0 if padding is None else padding, fill)
        if generator is not None:
            as_generator("RandomCrop", generator)
        self.generator = generator

    def _apply(self, images: Tensor) -> Tensor:
        padded = self.pad._apply(from_numpy(pixels_of("RandomCrop", images))).array
        (n, c, *sides), (height, width) = padded.shape, self.size
        if height > sides[0] or width > sides[1]:
            raise ValueError(f"RandomCrop: cannot cut {self.size} out of images of {tuple(sides)}")
        draw = as_generator("RandomCrop", self.generator).integers
        rows = draw(0, sides[0] - height, (n, 1), endpoint=True) + np.arange(height)
        columns = draw(0, sides[1] - width, (n, 1), endpoint=True) + np.arange(width)
        result = empty_images((n, c, height, width), padded.dtype)
        places = np.arange(n)
        for channel in range(c):
            result[:, channel] = padded[places, channel, rows.T[:, None], columns.T[None]].transpose(2, 0, 1)
        return from_numpy(result)


class RandomHorizontalFlip(ImageTransform):
    """Turn each image into its mirror image, left for right, with probability p."""

    def __init__(self, p: float = 0.5, generator: Generator = None) -> None:
        (self.p,) = numbers("RandomHorizontalFlip", "p", p, (1,))
        if not 0 <= self.p <= 1:
            raise ValueError(f"RandomHorizontalFlip: p is {p!r}; wanted a probability between 0 and 1")
        if generator is not None:
            as_generator("RandomHorizontalFlip", generator)
        self.generator = generator

    def _apply(self, images: Tensor) -> Tensor:
        array = pixels_of("RandomHorizontalFlip", images)
        turned = as_generator("RandomHorizontalFlip", self.generator).random(len(array)) < self.p
        return from_numpy(np.where(turned[:, None, None, None], array[..., ::-1], array))
