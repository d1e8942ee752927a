"""Small grey images with labels, as MNIST and what takes its place have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.data.dataset import Dataset, as_indices, collate
from tinygrad_cnn.kernels.batch_innermost import from_batch_innermost
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.ops import one_hot
from tinygrad_cnn.support.dtypes import default_dtype
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

Transform = Callable[[Tensor], Tensor]


class Images(Dataset):
    """Images (1, 28, 28), numbers of the default type in [0, 1], and labels 0 to 9.

    ``images`` (N, 28, 28) and ``labels`` (N,) are the arrays themselves, uint8 and int64; ``data`` and ``targets``
    are tensors around them. ``transform`` maps a batch of images (N, 1, 28, 28), of which a single sample is one
    with N = 1; ``target_transform`` maps one label. With ``one_hot`` a label is 10 numbers, 1 at the class.
    """

    classes: tuple[str, ...]

    def __init__(
        self,
        images: Array,
        labels: Array,
        transform: Transform | None,
        one_hot: bool,
        target_transform: Callable[[int], Any] | None = None,
    ) -> None:
        for argument, function in (("transform", transform), ("target_transform", target_transform)):
            if function is not None and not callable(function):
                raise TypeError(f"{type(self).__name__}: {argument} is {function!r:.60}; wanted a function")
        self.images = images
        self.labels = labels.astype(np.int64, copy=False)
        self.transform = transform
        self.one_hot = one_hot
        self.target_transform = target_transform

    @property
    def data(self) -> Tensor:
        """All images as bytes, (N, 28, 28)."""
        return from_numpy(self.images)

    @property
    def targets(self) -> Tensor:
        """All labels, (N,)."""
        return from_numpy(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        place = as_indices(type(self).__name__, [index], len(self))
        image = self._images(place)[0]
        if self.one_hot and self.target_transform is None:
            return image, self._targets(place)[0]
        label = int(self.labels[place[0]])
        return image, label if self.target_transform is None else self.target_transform(label)

    def __getitems__(self, indices: Sequence[int] | Array) -> tuple[Tensor, Any]:
        """Return the batch at the indices: images (N, 1, 28, 28), labels (N,), or (N, 10) if one-hot."""
        wanted = as_indices(type(self).__name__, indices, len(self))
        return self._images(wanted), self._targets(wanted)

    def _images(self, indices: Array) -> Tensor:
        images = from_numpy(_batch(self.images, indices))
        if self.transform is None:
            return images
        result = self.transform(images)
        if not isinstance(result, Tensor):
            raise TypeError(
                f"{type(self).__name__}: transform gave {type(result).__name__}; wanted a tensor of images"
            )
        if not result.ndim or len(result) != len(images):
            raise ValueError(
                f"{type(self).__name__}: transform made images of shape {images.shape} into {result.shape}; wanted "
                f"{len(images)} again: it is given whole batches, so flatten(1) in place of flatten() or view(-1)"
            )
        return result

    def _targets(self, indices: Array) -> Any:
        labels = self.labels[indices]
        if self.target_transform is not None:
            return collate([self.target_transform(int(label)) for label in labels])
        targets = from_numpy(labels)
        return one_hot(targets, len(self.classes)).float() if self.one_hot else targets


def _batch(images: Array, indices: Array) -> Array:
    """Return images scaled to [0, 1], (N, 1, H, W), in the batch-innermost layout, as convolutions compute.

    One division of the transposed bytes into memory of the pool is the shortest code that was measured, and at most
    a tenth slower than the fastest. Fresh memory, which the system must first map, takes up to 2.6 times as long.
    """
    turned = images.take(indices, 0).transpose(1, 2, 0)
    dtype = default_dtype()
    scaled: Array = np.divide(turned, dtype.type(255), out=empty(turned.shape, dtype))
    return from_batch_innermost(scaled[:, None])
