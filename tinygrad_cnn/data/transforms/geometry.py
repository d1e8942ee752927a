"""Other sizes, parts and reflections of images."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import exp, log, sqrt
from typing import Any

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.data.arguments import as_generator, flag
from tinygrad_cnn.data.transforms.arguments import Numbers, interval, pixels_of, probability
from tinygrad_cnn.data.transforms.base import ImageTransform
from tinygrad_cnn.data.transforms.basic import Pad
from tinygrad_cnn.kernels.batch_innermost import empty_images
from tinygrad_cnn.ops.arguments import pair, whole
from tinygrad_cnn.random import GeneratorArgument as Generator
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array


class InterpolationMode(Enum):
    """How pixels between pixels are computed: from the nearest, or from those around, linearly or by cubics."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


_PILLOWS = {0: "nearest", 2: "bilinear", 3: "bicubic"}


def interpolation_of(name: str, value: Any, known: Sequence[str] = ("nearest", "bilinear", "bicubic")) -> str:
    """Return the name of a mode, which may also be an `InterpolationMode` or a number of Pillow's."""
    given = value.value if isinstance(value, Enum) else value
    mode = str(_PILLOWS.get(given, given) if isinstance(given, int) else given).removesuffix("-exact")
    if mode not in known:
        raise ValueError(f"{name}: interpolation is {value!r}; wanted one of {', '.join(known)}")
    return mode


class Resize(ImageTransform):
    """Bring images to a size: (height, width), or the shorter side, which keeps the proportions.

    Each pixel is a mean of those around it, weighted by a triangle ("bilinear") or a cubic that is as wide as a new
    pixel where the image shrinks (antialiasing, as in torchvision), or the one nearest to its middle ("nearest").
    ``max_size`` bounds the longer side.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data.transforms import Resize
    >>> Resize(32)(tg.zeros(64, 1, 28, 28)).shape
    (64, 1, 32, 32)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: Any = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool = True,
    ) -> None:
        single = not isinstance(size, Sequence) or len(size) == 1
        self.size: Any = (
            whole("Resize", "size", size[0] if isinstance(size, Sequence) else size, 1)
            if single and not isinstance(size, str)
            else pair("Resize", "size", size, 1)
        )
        self.interpolation = interpolation_of("Resize", interpolation)
        self.max_size = None if max_size is None else whole("Resize", "max_size", max_size, 1)
        self.antialias = antialias is None or flag("Resize", "antialias", antialias)
        if self.interpolation == "bicubic" and not self.antialias:
            raise ValueError("Resize: bicubic without antialias is not supported; wanted antialias=True")

    def _apply(self, images: Tensor) -> Tensor:
        array = pixels_of("Resize", images)
        height, width = array.shape[2:]
        wanted = self._wanted(height, width)
        down, across = (
            weights(before, after, self.interpolation, self.antialias).astype(array.dtype)
            for before, after in zip((height, width), wanted, strict=True)
        )
        return from_numpy(down @ array @ across.T)

    def _wanted(self, height: int, width: int) -> tuple[int, int]:
        if not isinstance(self.size, int):
            wanted: tuple[int, int] = self.size
            return wanted
        short, long = min(height, width), max(height, width)
        new_short, new_long = self.size, self.size * long // short
        if self.max_size is not None and new_long > self.max_size:
            new_short, new_long = max(1, self.max_size * new_short // new_long), self.max_size
        return (new_short, new_long) if height <= width else (new_long, new_short)


def weights(
    before: int, after: int, mode: str, antialias: bool = True, start: float = 0.0, length: float | None = None
) -> Array:
    """Return the matrix (after, before) that resizes a column, or a part of one, to ``after`` pixels."""
    length = before if length is None else length
    scale = length / after
    middle = start + (np.arange(after)[:, None] + 0.5) * scale
    if mode == "nearest":
        return (np.floor(middle) == np.arange(before)).astype(np.float64)
    reach = max(scale, 1) if antialias else 1
    pixels = np.arange(before) + 0.5
    distance = abs(pixels - middle) / reach
    shape = _cubic(distance) if mode == "bicubic" else np.maximum(0, 1 - distance)
    shape *= (pixels > start) & (pixels < start + length)
    normed: Array = shape / shape.sum(1, keepdims=True)
    return normed


def _cubic(x: Array, a: float = -0.5) -> Array:
    """Return the cubic of convolution (Keys, 1981) at distances of at least 0."""
    inner = ((a + 2) * x - (a + 3)) * x * x + 1
    outer = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x < 1, inner, np.where(x < 2, outer, 0))


class CenterCrop(ImageTransform):
    """Cut the middle out of images, (height, width) or one number for both; smaller images get a border of 0."""

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = pair("CenterCrop", "size", size, 1)

    def _apply(self, images: Tensor) -> Tensor:
        array = pixels_of("CenterCrop", images)
        missing = [max(0, wanted - side) for wanted, side in zip(self.size, array.shape[2:], strict=True)]
        before, after = [n // 2 for n in missing], [(n + 1) // 2 for n in missing]
        if any(missing):
            array = Pad((before[1], before[0], after[1], after[0]))._apply(images).array
        height, width = self.size
        top, left = (round((side - n) / 2) for side, n in zip(array.shape[2:], self.size, strict=True))
        return from_numpy(array[:, :, top : top + height, left : left + width].copy(order="K"))


class RandomCrop(ImageTransform):
    """Cut a part of a size out of each image, anywhere; ``padding`` puts a border of ``fill`` around it first.

    ``size`` is (height, width), or one number for both; ``padding`` and ``padding_mode`` are those of `Pad`. With
    ``pad_if_needed`` images that are smaller get a border.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data.transforms import RandomCrop
    >>> RandomCrop(28, padding=2)(tg.zeros(64, 1, 28, 28)).shape
    (64, 1, 28, 28)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Numbers = 0,
        padding_mode: str = "constant",
        generator: Generator = None,
    ) -> None:
        self.size = pair("RandomCrop", "size", size, 1)
        self.pad = Pad(0 if padding is None else padding, fill, padding_mode)
        self.pad_if_needed = flag("RandomCrop", "pad_if_needed", pad_if_needed)
        if generator is not None:
            as_generator("RandomCrop", generator)
        self.generator = generator

    def _apply(self, images: Tensor) -> Tensor:
        padded = self.pad._apply(from_numpy(pixels_of("RandomCrop", images)))
        if self.pad_if_needed:
            down, across = (max(0, n - side) for n, side in zip(self.size, padded.shape[2:], strict=True))
            padded = Pad((across, down), self.pad.fill, self.pad.padding_mode)._apply(padded)
        array = padded.array
        (n, c, *sides), (height, width) = array.shape, self.size
        if height > sides[0] or width > sides[1]:
            raise ValueError(f"RandomCrop: cannot cut {self.size} out of images of {tuple(sides)}")
        draw = as_generator("RandomCrop", self.generator).integers
        rows = draw(0, sides[0] - height, (n, 1), endpoint=True) + np.arange(height)
        columns = draw(0, sides[1] - width, (n, 1), endpoint=True) + np.arange(width)
        result = empty_images((n, c, height, width), array.dtype)
        places = np.arange(n)
        for channel in range(c):
            result[:, channel] = array[places, channel, rows.T[:, None], columns.T[None]].transpose(2, 0, 1)
        return from_numpy(result)


class RandomResizedCrop(ImageTransform):
    """Cut a part out of each image, of a random area and proportion, and bring it to a size.

    The area is a part of the image's in ``scale``, width / height is in ``ratio``, evenly in its logarithm. A part
    that does not fit in ten tries is the middle of the image. (Szegedy et al., "Going deeper with convolutions",
    2015.)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool = True,
        generator: Generator = None,
    ) -> None:
        name = "RandomResizedCrop"
        self.size = pair(name, "size", size, 1)
        self.scale, self.ratio = interval(name, "scale", scale), interval(name, "ratio", ratio)
        if self.scale[0] <= 0 or self.ratio[0] <= 0:
            raise ValueError(f"{name}: scale is {scale!r}, ratio {ratio!r}; wanted numbers above 0")
        self.interpolation = interpolation_of(name, interpolation)
        self.antialias = antialias is None or flag(name, "antialias", antialias)
        if generator is not None:
            as_generator(name, generator)
        self.generator = generator

    def _apply(self, images: Tensor) -> Tensor:
        array = pixels_of("RandomResizedCrop", images)
        generator = as_generator("RandomResizedCrop", self.generator)
        result = empty_images((*array.shape[:2], *self.size), array.dtype)
        for image, out in zip(array, result, strict=True):
            top, left, height, width = self._part(generator, *image.shape[1:])
            down = weights(height, self.size[0], self.interpolation, self.antialias).astype(array.dtype)
            across = weights(width, self.size[1], self.interpolation, self.antialias).astype(array.dtype)
            out[...] = down @ image[:, top : top + height, left : left + width] @ across.T
        return from_numpy(result)

    def _part(self, generator: np.random.Generator, height: int, width: int) -> tuple[int, int, int, int]:
        """Return the top, the left, the height and the width of a part."""
        for _ in range(10):
            area = height * width * generator.uniform(*self.scale)
            ratio = exp(generator.uniform(log(self.ratio[0]), log(self.ratio[1])))
            w, h = round(sqrt(area * ratio)), round(sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                top, left = generator.integers(0, [height - h, width - w], endpoint=True)
                return int(top), int(left), h, w
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        w, h = min(width, round(height * ratio)), min(height, round(width / ratio))
        return (height - h) // 2, (width - w) // 2, h, w


class _RandomFlip(ImageTransform):
    def __init__(self, p: float = 0.5, generator: Generator = None) -> None:
        self.p = probability(type(self).__name__, p)
        if generator is not None:
            as_generator(type(self).__name__, generator)
        self.generator = generator

    def _flipped(self, array: Array) -> Array:
        raise NotImplementedError

    def _apply(self, images: Tensor) -> Tensor:
        name = type(self).__name__
        array = pixels_of(name, images)
        turned = as_generator(name, self.generator).random(len(array)) < self.p
        return from_numpy(np.where(turned[:, None, None, None], self._flipped(array), array))


class RandomHorizontalFlip(_RandomFlip):
    """Turn each image into its mirror image, left for right, with probability p."""

    def _flipped(self, array: Array) -> Array:
        return array[..., ::-1]


class RandomVerticalFlip(_RandomFlip):
    """Turn each image upside down, as in a mirror, with probability p."""

    def _flipped(self, array: Array) -> Array:
        return array[..., ::-1, :]
