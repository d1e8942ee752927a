"""Turning, shifting, zooming and shearing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.data.arguments import as_generator
from tinygrad_cnn.data.transforms.arguments import Numbers, interval, numbers, pixels_of
from tinygrad_cnn.data.transforms.base import ImageTransform, on_batch
from tinygrad_cnn.data.transforms.geometry import InterpolationMode, interpolation_of
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.kernels.resample import resample
from tinygrad_cnn.support.arrays import own_array
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

PerImage = float | Array


class RandomAffine(ImageTransform):
    """Turn, shift, zoom and shear images at random, by one bilinear interpolation; see `affine`.

    ``degrees`` and ``shear`` are a range (low, high) or d for (-d, d), in degrees; the shear is horizontal, four
    numbers give a range of both. ``translate`` is the largest shift as a part of width and height (2 pixels of 28:
    2 / 28), and need not come to whole pixels, unlike torchvision's. ``scale`` is a range of factors. ``fill`` is
    what lies beyond the image. ``interpolation`` is bilinear, or "nearest".
    """

    def __init__(
        self,
        degrees: Numbers,
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: Numbers | None = None,
        generator: np.random.Generator | None = None,
        *,
        interpolation: Any = InterpolationMode.BILINEAR,
        fill: Numbers = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        name = "RandomAffine"
        self.degrees = interval(name, "degrees", degrees)
        self.translate = numbers(name, "translate", (0, 0) if translate is None else translate, (2,))
        if not all(0 <= part <= 1 for part in self.translate):
            raise ValueError(f"{name}: translate is {translate!r}; wanted parts of width and height, from 0 to 1")
        self.scale = interval(name, "scale", (1, 1) if scale is None else scale)
        if self.scale[0] <= 0:
            raise ValueError(f"{name}: scale is {scale!r}; wanted factors above 0")
        sheared = numbers(name, "shear", 0 if shear is None else shear, (1, 2, 4))
        both = sheared if len(sheared) == 4 else [*interval(name, "shear", sheared), 0.0, 0.0]
        self.shear = interval(name, "shear", both[:2]), interval(name, "shear", both[2:])
        if not all(-90 < angle < 90 for angle in both):
            raise ValueError(f"{name}: shear is {shear!r}; wanted degrees between -90 and 90")
        if generator is not None:
            as_generator(name, generator)
        self.generator = generator
        self.interpolation = interpolation_of(name, interpolation, ("nearest", "bilinear"))
        self.fill = numbers(name, "fill", fill)
        _want_middle(name, center)

    def _apply(self, images: Tensor) -> Tensor:
        n, _, height, width = pixels_of("RandomAffine", images).shape
        draw = as_generator("RandomAffine", self.generator).uniform
        x, y = self.translate[0] * width, self.translate[1] * height
        return _affine(
            images,
            angle=draw(*self.degrees, n),
            translate=(draw(-x, x, n), draw(-y, y, n)),
            scale=draw(*self.scale, n),
            shear=(draw(*self.shear[0], n), draw(*self.shear[1], n)),
            interpolation=self.interpolation,
            fill=self.fill,
        )


class RandomRotation(ImageTransform):
    """Turn each image about its middle by an angle in a range (low, high), or d for (-d, d), counter-clockwise.

    Each pixel is the nearest one, or interpolated with ``interpolation="bilinear"``; beyond the image is ``fill``.
    """

    def __init__(
        self,
        degrees: Numbers,
        interpolation: Any = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Numbers = 0,
        generator: np.random.Generator | None = None,
    ) -> None:
        name = "RandomRotation"
        self.degrees = interval(name, "degrees", degrees)
        self.interpolation = interpolation_of(name, interpolation, ("nearest", "bilinear"))
        _want_middle(name, center, expand)
        self.fill = numbers(name, "fill", fill)
        self.generator = None if generator is None else as_generator(name, generator)

    def _apply(self, images: Tensor) -> Tensor:
        n = len(pixels_of("RandomRotation", images))
        angle = as_generator("RandomRotation", self.generator).uniform(*self.degrees, n)
        return _affine(images, -angle, interpolation=self.interpolation, fill=self.fill)


def _want_middle(name: str, center: Any, expand: bool = False) -> None:
    if center is not None or expand:
        raise ValueError(
            f"{name}: images are turned about their middle, and keep their size; wanted no center, expand"
        )


def affine(
    images: Tensor,
    angle: PerImage = 0.0,
    translate: tuple[PerImage, PerImage] = (0.0, 0.0),
    scale: PerImage = 1.0,
    shear: tuple[PerImage, PerImage] = (0.0, 0.0),
    interpolation: Any = InterpolationMode.BILINEAR,
    fill: Numbers = 0,
) -> Tensor:
    """Shear images, zoom them, turn them about their middle and shift them, by one bilinear interpolation.

    Each parameter is a number, or an array (N,) with one for each image. Angles are in degrees, clockwise, shifts
    (to the right, down) in pixels. Beyond the images there is ``fill``, a number or one for each channel.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data.transforms import affine
    >>> affine(tg.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), translate=(0.5, 0))
    tensor([[[[0.5000, 1.5000],
              [1.5000, 3.5000]]]])
    """
    mode = interpolation_of("affine", interpolation, ("nearest", "bilinear"))
    beyond = numbers("affine", "fill", fill)
    return on_batch("affine", lambda batch: _affine(batch, angle, translate, scale, shear, mode, beyond), images)


def _affine(
    images: Tensor,
    angle: PerImage = 0.0,
    translate: tuple[PerImage, PerImage] = (0.0, 0.0),
    scale: PerImage = 1.0,
    shear: tuple[PerImage, PerImage] = (0.0, 0.0),
    interpolation: str = "bilinear",
    fill: Sequence[float] = (0.0,),
) -> Tensor:
    array = pixels_of("affine", images)
    shape = *array.shape[2:], len(array)
    rows, columns = (
        np.add(along_y[:, None], along_x, out=empty(shape, array.dtype))
        for along_x, along_y in zip(*_lines(array, angle, translate, scale, shear), strict=True)
    )
    if interpolation == "nearest":
        np.rint(rows, out=rows), np.rint(columns, out=columns)
    if not any(fill):
        return from_numpy(resample(array, rows, columns))
    if len(fill) not in (1, array.shape[1]):
        raise ValueError(f"affine: fill has {len(fill)} numbers for {array.shape[1]} channels")
    beyond = np.array(fill, array.dtype)[:, None, None]
    return from_numpy(resample(array - beyond, rows, columns) + beyond)


def _lines(
    array: Array,
    angle: PerImage,
    translate: tuple[PerImage, PerImage],
    scale: PerImage,
    shear: tuple[PerImage, PerImage],
) -> tuple[list[Array], list[Array]]:
    """Return what a column and what a row of the result add to the row and the column of where it comes from."""
    n, _, height, width = array.shape
    turn, skew_x, skew_y = np.deg2rad([_per_image("angle", angle, n), *(_per_image("shear", s, n) for s in shear)])
    shift_x, shift_y = (_per_image("translate", t, n) for t in translate)
    zoom = _per_image("scale", scale, n)
    if not (zoom > 0).all():
        raise ValueError(f"affine: scale is {scale!r:.60}; wanted numbers above 0")

    # From a pixel of the result back to where it comes from: unshift, unturn, unshear by y, then by x, unzoom.
    with np.errstate(over="ignore", invalid="ignore"):
        sin, cos, p, q = np.sin(turn), np.cos(turn), np.tan(skew_x), np.tan(skew_y)
        xx, xy = ((1 + p * q) * cos - p * sin) / zoom, ((1 + p * q) * sin + p * cos) / zoom
        yx, yy = (q * cos - sin) / zoom, (q * sin + cos) / zoom
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        x = np.arange(width)[:, None] - middle_x - shift_x
        y = np.arange(height)[:, None] - middle_y - shift_y
        along_x = [(a * x).astype(array.dtype) for a in (yx, xx)]
        along_y = [(a * y + m).astype(array.dtype) for a, m in ((yy, middle_y), (xy, middle_x))]
    if not all(np.isfinite(part).all() for part in (*along_x, *along_y)):
        raise ValueError(
            f"affine: scale or translate goes beyond what {array.dtype} holds; wanted moderate numbers"
        )
    return along_x, along_y


def _per_image(argument: str, value: PerImage, n: int) -> Array:
    array = own_array("affine", np.asanyarray(value)).astype(np.float64)
    if array.shape not in ((), (n,)) or not np.isfinite(array).all():
        raise ValueError(f"affine: {argument} is {value!r:.60}; wanted a finite number, or {n} of them")
    return np.broadcast_to(array, (n,))
