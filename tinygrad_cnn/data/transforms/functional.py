"""What transforms do, as functions of a picture of Pillow, of an image (C, H, W), or of a batch (N, C, H, W)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.data.pil import is_picture
from tinygrad_cnn.data.transforms import color
from tinygrad_cnn.data.transforms.arguments import Numbers, numbers, pixels_of
from tinygrad_cnn.data.transforms.base import on_batch
from tinygrad_cnn.data.transforms.basic import Normalize, Pad, ToTensor
from tinygrad_cnn.data.transforms.convert import ConvertImageDtype, PILToTensor, ToImage, ToPILImage
from tinygrad_cnn.data.transforms.geometry import (
    CenterCrop,
    InterpolationMode,
    RandomHorizontalFlip,
    RandomVerticalFlip,
    Resize,
)
from tinygrad_cnn.data.transforms.random_affine import affine
from tinygrad_cnn.ops.arguments import whole
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "affine",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "erase",
    "get_image_size",
    "hflip",
    "invert",
    "normalize",
    "pad",
    "pil_to_tensor",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "to_grayscale",
    "to_image",
    "to_pil_image",
    "to_tensor",
    "vflip",
]


def to_tensor(pic: Any) -> Tensor:
    """Return a picture or an array as a tensor (C, H, W): see `ToTensor`."""
    return ToTensor()(pic)


def pil_to_tensor(pic: Any) -> Tensor:
    """Return a picture as a tensor (C, H, W) of bytes."""
    return PILToTensor()(pic)


def to_image(inpt: Any) -> Tensor:
    """Return a picture or an array as a tensor (C, H, W) of the same numbers."""
    return ToImage()(inpt)


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """Return an image (C, H, W), or an array, as a picture of Pillow: see `ToPILImage`."""
    return ToPILImage(mode)(pic)


def convert_image_dtype(image: Tensor, dtype: Any = np.float32) -> Tensor:
    """Return an image in another type, scaled to that type's range: see `ConvertImageDtype`."""
    return ConvertImageDtype(dtype)(image)


def normalize(tensor: Tensor, mean: Numbers, std: Numbers, inplace: bool = False) -> Tensor:
    """Subtract a mean and divide by a standard deviation: see `Normalize`."""
    return Normalize(mean, std)(tensor)


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool = True,
) -> Any:
    """Bring images to a size: see `Resize`."""
    return Resize(size, interpolation, max_size, antialias)(img)


def pad(img: Any, padding: int | Sequence[int], fill: Numbers = 0, padding_mode: str = "constant") -> Any:
    """Put a border around images: see `Pad`."""
    return Pad(padding, fill, padding_mode)(img)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """Return a part of images; what lies outside them is 0."""
    top, left = whole("crop", "top", top, -(1 << 30)), whole("crop", "left", left, -(1 << 30))
    height, width = whole("crop", "height", height, 1), whole("crop", "width", width, 1)

    def cut(images: Tensor) -> Tensor:
        array = pixels_of("crop", images)
        result = np.zeros((*array.shape[:2], height, width), array.dtype)
        rows, columns = (
            (max(0, start), min(side, start + length))
            for start, length, side in ((top, height, array.shape[2]), (left, width, array.shape[3]))
        )
        inside = array[:, :, slice(*rows), slice(*columns)]
        result[:, :, rows[0] - top :, columns[0] - left :][:, :, : inside.shape[2], : inside.shape[3]] = inside
        return from_numpy(result)

    return on_batch("crop", cut, img)


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """Cut the middle out of images: see `CenterCrop`."""
    return CenterCrop(output_size)(img)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool = True,
) -> Any:
    """Bring a part of images to a size."""
    return resize(crop(img, top, left, height, width), size, interpolation, None, antialias)


def hflip(img: Any) -> Any:
    """Return mirror images, left for right."""
    return RandomHorizontalFlip(1.0)(img)


def vflip(img: Any) -> Any:
    """Return images upside down, as in a mirror."""
    return RandomVerticalFlip(1.0)(img)


def rotate(img: Any, angle: float, interpolation: Any = InterpolationMode.NEAREST, fill: Numbers = 0) -> Any:
    """Turn images about their middle by an angle in degrees, counter-clockwise."""
    return affine(img, -angle, interpolation=interpolation, fill=fill)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """Return the brightness of images: see `Grayscale`."""
    return color.Grayscale(num_output_channels)(img)


to_grayscale = rgb_to_grayscale


def invert(img: Any) -> Any:
    """Return negatives: 1 minus the pixel, or 255 minus it for bytes."""
    return on_batch("invert", lambda images: from_numpy(1 - pixels_of("invert", images)), img, white=1.0)


def erase(img: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Any:
    """Write a value, a number or a tensor (C, h, w), to the h rows from i and the w columns from j."""

    def erased(images: Tensor) -> Tensor:
        array = pixels_of("erase", images).copy(order="K")
        array[:, :, i : i + h, j : j + w] = v.array if isinstance(v, Tensor) else v
        return from_numpy(array)

    return on_batch("erase", erased, img)


def _adjusted(name: str, change: Callable[[Array, Array], Array], img: Any, factor: float) -> Any:
    (value,) = numbers(name, "factor", factor, (1,))
    if value < 0 and name != "adjust_hue":
        raise ValueError(f"{name}: the factor is {factor!r}; wanted a number of at least 0")

    def changed(images: Tensor) -> Tensor:
        array = pixels_of(name, images)
        return from_numpy(change(array, np.full((1, 1, 1, 1), value, array.dtype)))

    return on_batch(name, changed, img, white=1.0)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """Multiply images by a factor: 0 is black, 1 changes nothing."""
    return _adjusted("adjust_brightness", color.brighter, img, brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """Mix images with their mean brightness: 0 is all grey, 1 changes nothing."""
    return _adjusted("adjust_contrast", color.contrasted, img, contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """Mix images with grey ones: 0 is grey, 1 changes nothing."""
    return _adjusted("adjust_saturation", color.saturated, img, saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """Shift the hue by a part of the colour circle, from -0.5 to 0.5."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"adjust_hue: hue_factor is {hue_factor!r}; wanted a number from -0.5 to 0.5")
    return _adjusted("adjust_hue", color.shifted_hue, img, hue_factor)


def get_image_size(img: Any) -> list[int]:
    """Return [width, height]."""
    return list(img.size) if is_picture(img) else [img.shape[-1], img.shape[-2]]
