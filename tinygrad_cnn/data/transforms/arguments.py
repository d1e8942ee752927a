"""What transforms accept."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from numbers import Real

import numpy as np

from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

Numbers = float | Sequence[float]


def check_images(name: str, images: Tensor) -> None:
    if not isinstance(images, Tensor):
        raise TypeError(f"{name}: wanted a tensor of images, got {type(images).__name__}")
    if images.ndim != 4:
        raise ValueError(f"{name}: wanted images (C, H, W) or (N, C, H, W), got shape {images.shape}")
    if not images.shape[2] or not images.shape[3]:
        raise ValueError(f"{name}: wanted images with pixels, got shape {images.shape}")
    if images.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name}: wanted float32 or float64, got {images.dtype}; convert with .float()")


def pixels_of(name: str, images: Tensor) -> Array:
    """Return the array of images to which no gradient leads back: the result's would be lost."""
    check_images(name, images)
    if images.requires_grad:
        raise ValueError(f"{name}: images require a gradient, which is not recorded here; wanted images.detach()")
    return images.array


def numbers(name: str, argument: str, value: Numbers, counts: tuple[int, ...] = ()) -> list[float]:
    """Return finite numbers, of which there may be any of some counts, or any at all."""
    values = list(value) if isinstance(value, (Sequence, np.ndarray)) else [value]
    if not all(isinstance(v, Real) and isfinite(v) for v in values) or (counts and len(values) not in counts):
        wanted = f"{' or '.join(map(str, counts))} " if counts else ""
        raise ValueError(f"{name}: {argument} is {value!r}; wanted {wanted}finite numbers")
    return [float(v) for v in values]


def interval(name: str, argument: str, value: Numbers) -> tuple[float, float]:
    """Return (low, high), or (-d, d) for d."""
    *low, high = numbers(name, argument, value, (1, 2))
    span = (low[0] if low else -high), high
    if span[0] > span[1]:
        raise ValueError(f"{name}: {argument} is {value!r}; wanted (low, high), or a number of at least 0")
    return span


def probability(name: str, p: float) -> float:
    """Return a probability, from 0 to 1."""
    (value,) = numbers(name, "p", p, (1,))
    if not 0 <= value <= 1:
        raise ValueError(f"{name}: p is {p!r}; wanted a probability between 0 and 1")
    return value
