"""Brightness, contrast, saturation and hue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.data.arguments import as_generator
from tinygrad_cnn.data.transforms.arguments import Numbers, interval, numbers, pixels_of, probability
from tinygrad_cnn.data.transforms.base import ImageTransform
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

Generator = np.random.Generator | None
LUMA = (0.299, 0.587, 0.114)
"""How bright red, green and blue are (ITU-R BT.601)."""


def grey(name: str, images: Array) -> Array:
    """Return the brightness of images (N, 1 or 3, H, W), with one channel."""
    if images.shape[1] == 1:
        return images
    if images.shape[1] != 3:
        raise ValueError(f"{name}: wanted images of 1 or 3 channels, got {images.shape[1]}")
    return np.einsum("nchw,c->nhw", images, np.array(LUMA, images.dtype))[:, None]


class Grayscale(ImageTransform):
    """Return the brightness of images, in 1 channel or in 3 equal ones."""

    def __init__(self, num_output_channels: int = 1) -> None:
        if num_output_channels not in (1, 3):
            raise ValueError(f"Grayscale: num_output_channels is {num_output_channels!r}; wanted 1 or 3")
        self.num_output_channels = num_output_channels

    def _apply(self, images: Tensor) -> Tensor:
        array = grey("Grayscale", pixels_of("Grayscale", images))
        return from_numpy(np.repeat(array, self.num_output_channels, axis=1))


class RandomGrayscale(ImageTransform):
    """Make each image grey with probability p; it keeps its number of channels."""

    def __init__(self, p: float = 0.1, generator: Generator = None) -> None:
        self.p = probability("RandomGrayscale", p)
        self.generator = None if generator is None else as_generator("RandomGrayscale", generator)

    def _apply(self, images: Tensor) -> Tensor:
        array = pixels_of("RandomGrayscale", images)
        chosen = as_generator("RandomGrayscale", self.generator).random(len(array)) < self.p
        return from_numpy(np.where(chosen[:, None, None, None], grey("RandomGrayscale", array), array))


def brighter(images: Array, factor: Array) -> Array:
    """Return images in [0, 1] that are as bright as a factor (N, 1, 1, 1) says."""
    return np.clip(images * factor, 0, 1)


def contrasted(images: Array, factor: Array) -> Array:
    """Return a mixture of images and their mean brightness; factor 0 is all grey, 1 changes nothing."""
    mean = grey("contrast", images).mean((1, 2, 3), keepdims=True)
    return np.clip(mean + (images - mean) * factor, 0, 1)


def saturated(images: Array, factor: Array) -> Array:
    """Return a mixture of images and their grey ones; factor 0 is grey, 1 changes nothing."""
    plain = grey("saturation", images)
    return images if images.shape[1] == 1 else np.clip(plain + (images - plain) * factor, 0, 1)


def shifted_hue(images: Array, shift: Array) -> Array:
    """Return images whose colours have gone a part of the colour circle further, from -0.5 to 0.5."""
    if images.shape[1] == 1:
        return images
    largest, smallest = images.max(1), images.min(1)
    span = largest - smallest
    safe = np.where(span > 0, span, 1)
    r, g, b = ((largest - images[:, channel]) / safe for channel in range(3))
    red, green = images[:, 0] == largest, images[:, 1] == largest
    hue = np.where(red, b - g, np.where(green, 2 + r - b, 4 + g - r)) / 6
    hue = np.where(span > 0, hue, 0) + shift[:, 0]
    sixth = (hue[:, None] * 6 + np.array([5.0, 3.0, 1.0])[:, None, None]) % 6
    share = np.clip(np.minimum(sixth, 4 - sixth), 0, 1)
    return (largest[:, None] - span[:, None] * share).astype(images.dtype)


class ColorJitter(ImageTransform):
    """Change brightness, contrast, saturation and hue of each image at random, in a random order.

    Each is d, for factors from max(0, 1 - d) to 1 + d, or a range of factors; the hue is shifted by a part of the
    colour circle, from -d to d with d of at most 0.5, or within a range.
    """

    white = 1.0

    def __init__(
        self,
        brightness: Numbers = 0,
        contrast: Numbers = 0,
        saturation: Numbers = 0,
        hue: Numbers = 0,
        generator: Generator = None,
    ) -> None:
        self.brightness = _factors("brightness", brightness)
        self.contrast = _factors("contrast", contrast)
        self.saturation = _factors("saturation", saturation)
        self.hue = interval("ColorJitter", "hue", hue)
        if not -0.5 <= self.hue[0] <= self.hue[1] <= 0.5:
            raise ValueError(f"ColorJitter: hue is {hue!r}; wanted numbers from -0.5 to 0.5")
        self.generator = None if generator is None else as_generator("ColorJitter", generator)

    def _apply(self, images: Tensor) -> Tensor:
        array = pixels_of("ColorJitter", images)
        generator = as_generator("ColorJitter", self.generator)
        changes: list[tuple[Callable[[Array, Array], Array], tuple[float, float], float]] = [
            (brighter, self.brightness, 1.0),
            (contrasted, self.contrast, 1.0),
            (saturated, self.saturation, 1.0),
            (shifted_hue, self.hue, 0.0),
        ]
        for i in generator.permutation(len(changes)):
            change, bounds, nothing = changes[i]
            if bounds != (nothing, nothing):
                drawn = generator.uniform(*bounds, (len(array), 1, 1, 1)).astype(array.dtype)
                array = change(array, drawn)
        return from_numpy(array)


def _factors(argument: str, value: Any) -> tuple[float, float]:
    if isinstance(value, Sequence):
        low, high = interval("ColorJitter", argument, value)
    else:
        (d,) = numbers("ColorJitter", argument, value, (1,))
        low, high = max(0.0, 1 - d), 1 + d
    if not 0 <= low <= high:
        raise ValueError(f"ColorJitter: {argument} is {value!r}; wanted numbers of at least 0")
    return low, high
