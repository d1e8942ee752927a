"""Transforms of transforms by chance, and rectangles that are erased."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, log, sqrt
from typing import Any

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.data.arguments import as_generator
from tinygrad_cnn.data.transforms.arguments import interval, numbers, pixels_of, probability
from tinygrad_cnn.data.transforms.base import ImageTransform
from tinygrad_cnn.data.transforms.basic import want_callable
from tinygrad_cnn.tensor import Tensor

Generator = np.random.Generator | None
Transform = Callable[[Any], Any]


class RandomApply:
    """Apply transforms, one after the other, with probability p. A dataset calls it with one image at a time."""

    def __init__(self, transforms: Sequence[Transform], p: float = 0.5, generator: Generator = None) -> None:
        self.transforms = _several(type(self).__name__, transforms)
        self.p = probability(type(self).__name__, p)
        self.generator = None if generator is None else as_generator(type(self).__name__, generator)

    def __call__(self, img: Any) -> Any:
        if as_generator("RandomApply", self.generator).random() < self.p:
            for transform in self.transforms:
                img = transform(img)
        return img


class RandomChoice:
    """Apply one of several transforms, drawn with the probabilities p, or all with the same."""

    def __init__(
        self, transforms: Sequence[Transform], p: Sequence[float] | None = None, generator: Generator = None
    ) -> None:
        self.transforms = _several("RandomChoice", transforms)
        shares = [1.0] * len(self.transforms) if p is None else numbers("RandomChoice", "p", p)
        if len(shares) != len(self.transforms) or min(shares) < 0 or not sum(shares) > 0:
            raise ValueError(f"RandomChoice: p is {p!r}; wanted a number of at least 0 for each transform")
        self.p = [share / sum(shares) for share in shares]
        self.generator = None if generator is None else as_generator("RandomChoice", generator)

    def __call__(self, img: Any) -> Any:
        i = as_generator("RandomChoice", self.generator).choice(len(self.transforms), p=self.p)
        return self.transforms[i](img)


class RandomOrder:
    """Apply several transforms in a random order."""

    def __init__(self, transforms: Sequence[Transform], generator: Generator = None) -> None:
        self.transforms = _several("RandomOrder", transforms)
        self.generator = None if generator is None else as_generator("RandomOrder", generator)

    def __call__(self, img: Any) -> Any:
        for i in as_generator("RandomOrder", self.generator).permutation(len(self.transforms)):
            img = self.transforms[i](img)
        return img


def _several(name: str, transforms: Sequence[Transform]) -> list[Transform]:
    if not isinstance(transforms, Sequence) or not transforms:
        raise TypeError(f"{name}: wanted a list of transforms, got {transforms!r:.60}")
    for transform in transforms:
        want_callable(name, transform)
    return list(transforms)


class RandomErasing(ImageTransform):
    """Erase a rectangle of each image with probability p.

    Its area is a part of the image's in ``scale``, height / width in ``ratio``, evenly in its logarithm. ``value`` is
    what stands there: a number, one for each channel, or "random" for normal noise. (Zhong et al., "Random erasing
    data augmentation", 2020.)
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
        generator: Generator = None,
    ) -> None:
        name = "RandomErasing"
        self.p = probability(name, p)
        self.scale, self.ratio = interval(name, "scale", scale), interval(name, "ratio", ratio)
        if not 0 <= self.scale[0] <= self.scale[1] <= 1 or self.ratio[0] <= 0:
            raise ValueError(f"{name}: scale is {scale!r}, ratio {ratio!r}; wanted parts from 0 to 1, and above 0")
        self.value = value if value == "random" else numbers(name, "value", value)
        self.generator = None if generator is None else as_generator(name, generator)

    def _apply(self, images: Tensor) -> Tensor:
        array = pixels_of("RandomErasing", images).copy(order="K")
        generator = as_generator("RandomErasing", self.generator)
        if self.value != "random" and len(self.value) not in (1, array.shape[1]):
            raise ValueError(f"RandomErasing: value has {len(self.value)} numbers for {array.shape[1]} channels")
        for image in array:
            if generator.random() < self.p and (part := self._part(generator, *image.shape[1:])) is not None:
                erased = image[:, part[0], part[1]]
                if self.value == "random":
                    erased[...] = generator.standard_normal(erased.shape)
                else:
                    erased[...] = np.array(self.value)[:, None, None]
        return from_numpy(array)

    def _part(self, generator: np.random.Generator, height: int, width: int) -> tuple[slice, slice] | None:
        for _ in range(10):
            area = height * width * generator.uniform(*self.scale)
            ratio = exp(generator.uniform(log(self.ratio[0]), log(self.ratio[1])))
            h, w = round(sqrt(area * ratio)), round(sqrt(area / ratio))
            if h < height and w < width:
                top, left = generator.integers(0, [height - h, width - w], endpoint=True)
                return slice(top, top + h), slice(left, left + w)
        return None
