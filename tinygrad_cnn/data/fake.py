"""Images of noise, to try a script without data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_cnn.data.arguments import as_indices
from tinygrad_cnn.data.dataset import Dataset
from tinygrad_cnn.data.pil import picture_of
from tinygrad_cnn.ops.arguments import whole


class FakeData(Dataset[tuple[Any, int]]):
    """``size`` pictures of noise (C, H, W) with random labels; sample i is always the same.

    >>> from tinygrad_cnn.data.datasets import FakeData
    >>> from tinygrad_cnn.data.transforms import ToTensor
    >>> FakeData(size=10, image_size=(3, 8, 8), transform=ToTensor())[0][0].shape
    (3, 8, 8)
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        random_offset: int = 0,
    ) -> None:
        self.size = whole("FakeData", "size", size, 1)
        self.num_classes = whole("FakeData", "num_classes", num_classes, 1)
        self.image_size = tuple(whole("FakeData", "image_size", n, 1) for n in image_size)
        if len(self.image_size) != 3 or self.image_size[0] not in (1, 3, 4):
            raise ValueError(f"FakeData: image_size is {image_size!r}; wanted (1 or 3 or 4, H, W)")
        self.transform, self.target_transform = transform, target_transform
        self.random_offset = random_offset

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: Any, /) -> tuple[Any, Any]:
        place = int(as_indices("FakeData", [index], self.size)[0]) % self.size
        generator = np.random.default_rng(place + self.random_offset)
        channels, height, width = self.image_size
        pixels = generator.integers(0, 256, (height, width, channels), np.uint8)
        label = int(generator.integers(self.num_classes))
        picture = picture_of(pixels[..., 0] if channels == 1 else pixels)
        return (
            picture if self.transform is None else self.transform(picture),
            label if self.target_transform is None else self.target_transform(label),
        )
