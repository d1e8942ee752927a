"""Pictures of Pillow (PIL), to arrays and back. Pillow is imported when the first picture is made."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tinygrad_cnn.typing import Array


def is_picture(value: Any) -> bool:
    """Return whether a value is an image of Pillow."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def pixels_of_picture(picture: Any) -> Array:
    """Return the numbers of a picture, (C, H, W): bytes, but int32 in mode I and float32 in mode F."""
    array = np.array(picture)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def picture_of(array: Array, mode: str | None = None) -> Any:
    """Return an array (H, W) or (H, W, C) as an image of Pillow. Raises ImportError without Pillow."""
    return pillow().fromarray(array) if mode is None else pillow().fromarray(array).convert(mode)


def pillow() -> Any:
    """Return the module PIL.Image. Raises ImportError, with the command that installs it, if it is missing."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f'pictures need Pillow ({error}); wanted: pip install "pillow"') from error
    return Image
