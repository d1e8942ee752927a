"""From pictures of Pillow to tensors and back, and from one type of numbers to another."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.data.pil import is_picture, picture_of, pixels_of_picture
from tinygrad_cnn.support.arrays import own_array
from tinygrad_cnn.support.dtypes import as_dtype, float32
from tinygrad_cnn.tensor import Tensor


class PILToTensor:
    """Return a picture of Pillow as a tensor (C, H, W) of bytes, and a tensor as it is."""

    takes_batches = reads_bytes = True

    def __call__(self, pic: Any) -> Tensor:
        if isinstance(pic, Tensor):
            return pic
        if not is_picture(pic):
            raise TypeError(f"{type(self).__name__}: wanted a picture of Pillow, got {type(pic).__name__}")
        return from_numpy(pixels_of_picture(pic))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ToImage(PILToTensor):
    """Return a picture of Pillow, or an array (H, W) or (H, W, C), as a tensor (C, H, W) of the same numbers."""

    def __call__(self, pic: Any) -> Tensor:
        if isinstance(pic, np.ndarray) and pic.ndim in (2, 3):
            array = own_array("ToImage", pic)
            return from_numpy(np.ascontiguousarray(array[None] if array.ndim == 2 else array.transpose(2, 0, 1)))
        return super().__call__(pic)


class ToPILImage:
    """Return an image (C, H, W), or an array (H, W) or (H, W, C), as a picture of Pillow; floats are from 0 to 1.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.data.transforms import ToPILImage
    >>> ToPILImage()(tg.ones(3, 4, 5)).size
    (5, 4)
    """

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        if isinstance(pic, Tensor) and pic.ndim in (2, 3):
            array = pic.detach().array
            array = array.transpose(1, 2, 0) if array.ndim == 3 else array
        elif isinstance(pic, np.ndarray) and pic.ndim in (2, 3):
            array = pic
        else:
            given = f"shape {tuple(pic.shape)}" if hasattr(pic, "shape") else type(pic).__name__
            raise TypeError(f"ToPILImage: wanted one image (C, H, W), or an array (H, W) or (H, W, C), got {given}")
        if array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4):
            raise ValueError(f"ToPILImage: wanted 1 to 4 channels, got {array.shape[2]}")
        if array.dtype.kind == "f" and isinstance(pic, Tensor):
            array = (array * 255).astype(np.uint8)
        array = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
        return picture_of(np.ascontiguousarray(array), self.mode)

    def __repr__(self) -> str:
        return "ToPILImage()"


class ConvertImageDtype:
    """Convert images to a type, scaled: bytes are 0 to 255, other integers up to their largest, floats 0 to 1."""

    takes_batches = True

    def __init__(self, dtype: Any = float32) -> None:
        self.dtype = as_dtype(dtype)

    def __call__(self, image: Tensor) -> Tensor:
        return converted(type(self).__name__, image, self.dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.dtype})"


class ToDtype(ConvertImageDtype):
    """Convert images to a type; with ``scale`` as `ConvertImageDtype` does, else number by number."""

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        super().__init__(dtype)
        self.scale = scale

    def __call__(self, image: Tensor) -> Tensor:
        return super().__call__(image) if self.scale else image.to(self.dtype)


def converted(name: str, image: Any, dtype: np.dtype[Any]) -> Tensor:
    """Return an image in another type, scaled to that type's range."""
    if not isinstance(image, Tensor):
        raise TypeError(f"{name}: wanted a tensor, got {type(image).__name__}")
    before, after = image.dtype, np.dtype(dtype)
    if before == after:
        return image
    if before.kind == "f":
        if after.kind == "f":
            return image.to(after)
        top = float(np.iinfo(after).max) + 1 - 1e-3 if after.kind in "iu" else 1.0
        return from_numpy((image.detach().array * top).astype(after))
    if after.kind == "f":
        return image.to(after) / int(np.iinfo(before).max)
    most, least = int(np.iinfo(before).max) + 1, int(np.iinfo(after).max) + 1
    array = image.array // (most // least) if most > least else image.array.astype(after) * (least // most)
    return from_numpy(array.astype(after))
