"""One image or many: what transforms of images have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.data.pil import is_picture, picture_of, pixels_of_picture
from tinygrad_cnn.data.transforms.arguments import check_images
from tinygrad_cnn.support.dtypes import default_dtype
from tinygrad_cnn.tensor import Tensor


class ImageTransform:
    """A transform of a picture of Pillow, of an image (C, H, W), or of a batch of images (N, C, H, W).

    Subclasses define `_apply`, for a batch of floats. Bytes are computed as floats, 0 to ``white``, and rounded.
    """

    takes_batches: ClassVar[bool] = True
    """Read by datasets: whether each image of a batch becomes what it would become alone."""

    white: ClassVar[float] = 255.0

    def __call__(self, img: Any) -> Any:
        return on_batch(type(self).__name__, self._apply, img, self.white)

    def _apply(self, images: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__}: _apply() is not defined")


def on_batch(name: str, function: Callable[[Tensor], Tensor], img: Any, white: float = 255.0) -> Any:
    """Return what a function of a batch of floats makes of a picture, of an image, or of a batch.

    Pictures and bytes become floats from 0 to ``white``; the result is rounded to bytes again.
    """
    if is_picture(img):
        return _picture(on_batch(name, function, from_numpy(pixels_of_picture(img)), white), img.mode)
    if isinstance(img, Tensor) and img.ndim == 3:
        return on_batch(name, function, img[None], white)[0]
    if isinstance(img, Tensor) and img.ndim == 4 and img.dtype == np.uint8:
        floats = img.array * default_dtype().type(white / 255)
        result = on_batch(name, function, from_numpy(floats)).array * (255 / white)
        return from_numpy(np.rint(result).clip(0, 255).astype(np.uint8))
    check_images(name, img)
    return function(img)


def _picture(image: Tensor, mode: str) -> Any:
    array = image.array[0] if len(image) == 1 else image.array.transpose(1, 2, 0)
    return picture_of(np.ascontiguousarray(array), mode if mode == "1" else None)
