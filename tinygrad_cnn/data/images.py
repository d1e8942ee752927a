"""Small grey images with labels, as MNIST and what takes its place have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.data.dataset import Dataset, as_indices
from tinygrad_cnn.dtypes import float32
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.ops import one_hot
from tinygrad_cnn.tape import Array
from tinygrad_cnn.tensor import Tensor

Transform = Callable[[Tensor], Tensor]


class Images(Dataset):
    """Images (1, 28, 28), float32 in [0, 1], and labels 0 to 9.

    ``images`` (N, 28, 28) and ``labels`` (N,) are the arrays themselves, uint8 and int64. ``transform`` maps a
    batch of images (N, 1, 28, 28), of which a single sample is one with N = 1. With ``one_hot`` a label is 10
    numbers, 1 at the class.
    """

    classes: tuple[str, ...]

    def __init__(self, images: Array, labels: Array, transform: Transform | None, one_hot: bool) -> None:
        self.images = images
        self.labels = labels.astype(np.int64, copy=False)
        self.transform = transform
        self.one_hot = one_hot

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor | int]:
        images, labels = self.__getitems__([index])
        return images[0], labels[0] if self.one_hot else int(labels[0])

    def __getitems__(self, indices: Sequence[int] | Array) -> tuple[Tensor, Tensor]:
        """Return the batch at the indices: images (N, 1, 28, 28), labels (N,), or (N, 10) if one-hot."""
        wanted = as_indices(type(self).__name__, indices, len(self))
        images = from_numpy(_batch(self.images, wanted))
        labels = from_numpy(self.labels[wanted])
        return (
            images if self.transform is None else self.transform(images),
            one_hot(labels, len(self.classes)).float() if self.one_hot else labels,
        )


def _batch(images: Array, indices: Array) -> Array:
    """Return images scaled to [0, 1] as N C H W, lying in memory as H C W N: the convolution then need not copy.

    Of the ways measured, one division from the turned bytes into memory from the pool is the shortest, and within
    a tenth of the fastest; into fresh memory it takes up to 2.6 times as long, where that must first be mapped.
    """
    turned = images[indices].transpose(1, 2, 0)
    scaled: Array = np.divide(turned, np.float32(255), out=empty(turned.shape, float32))
    return scaled[:, None].transpose(3, 1, 0, 2)
