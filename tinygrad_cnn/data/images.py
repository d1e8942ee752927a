"""Small images with labels, as MNIST, CIFAR and what takes their place have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.creation import as_tensor, from_numpy
from tinygrad_cnn.data.arguments import as_indices
from tinygrad_cnn.data.collate import default_collate
from tinygrad_cnn.data.dataset import Dataset
from tinygrad_cnn.data.pil import picture_of
from tinygrad_cnn.kernels.batch_innermost import from_batch_innermost, memory_order
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.ops import one_hot
from tinygrad_cnn.support.dtypes import default_dtype
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

Transform = Callable[[Any], Any]


class Images(Dataset[tuple[Any, Any]]):
    """Images with labels: a sample is (image, label), the image (C, H, W) with numbers in [0, 1].

    ``images`` (N, H, W) or (N, H, W, C) and ``labels`` (N,) are the arrays themselves, uint8 and int64;
    ``data`` and ``targets`` are tensors around them, which may be replaced. ``transform`` maps one image, a picture
    of Pillow as in torchvision, to what the sample is to have. The package's own transforms, which have
    ``takes_batches``, are given a batch of images (N, C, H, W) at once, and treat each image as if it were alone.
    ``target_transform`` maps one label. With ``one_hot`` a label is as many numbers as there are classes, 1 at its
    class.
    """

    classes: Sequence[str]

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
    def data(self) -> Any:
        """All images as bytes, (N, H, W)."""
        return from_numpy(self.images)

    @data.setter
    def data(self, value: Any) -> None:
        self.images = as_tensor(value).array

    @property
    def targets(self) -> Any:
        """All labels, (N,)."""
        return from_numpy(self.labels)

    @targets.setter
    def targets(self, value: Any) -> None:
        self.labels = as_tensor(value).array

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: number for number, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Any, /) -> tuple[Any, Any]:
        place = as_indices(type(self).__name__, [index], len(self))
        if self.transform is None or _takes_batches(self.transform):
            image = self._images(place)[0]
        else:
            image = self.transform(picture_of(self._bytes(place)[0]))
        if self.one_hot and self.target_transform is None:
            return image, self._targets(place)[0]
        label = int(self.labels[place[0]])
        return image, label if self.target_transform is None else self.target_transform(label)

    def batch_at(self, indices: Sequence[int] | Array) -> list[Any]:
        """Return the batch at the indices: images (N, C, H, W), labels (N,), or (N, classes) if one-hot."""
        wanted = as_indices(type(self).__name__, indices, len(self))
        if self.transform is None or _takes_batches(self.transform):
            return [self._images(wanted), self._targets(wanted)]
        return default_collate([self[i] for i in wanted.tolist()])

    def _bytes(self, indices: Array) -> Array:
        """Return the bytes of some images, (N, H, W) or (N, H, W, C)."""
        if self.images.dtype != np.uint8 or self.images.ndim not in (3, 4):
            raise TypeError(
                f"{type(self).__name__}: data is {self.images.dtype} of shape {self.images.shape}; wanted bytes "
                "(N, H, W) or (N, H, W, C), or a subclass with a __getitem__ of its own"
            )
        return self.images.take(indices, 0)

    def _images(self, indices: Array) -> Tensor:
        taken = self._bytes(indices)
        planes = taken[:, None] if taken.ndim == 3 else taken.transpose(0, 3, 1, 2)
        transform = self.transform
        if transform is None:
            return from_numpy(scaled(planes))
        images = from_numpy(planes if getattr(transform, "reads_bytes", False) else scaled(planes))
        result = transform(images)
        if not isinstance(result, Tensor) or not result.ndim or len(result) != len(images):
            given = f"shape {result.shape}" if isinstance(result, Tensor) else type(result).__name__
            raise ValueError(
                f"{type(self).__name__}: transform has takes_batches, but made {given} of images of shape "
                f"{images.shape}; wanted a tensor of {len(images)} images"
            )
        return result

    def _targets(self, indices: Array) -> Any:
        labels = self.labels[indices]
        if self.target_transform is not None:
            return default_collate([self.target_transform(int(label)) for label in labels])
        targets = from_numpy(labels)
        return one_hot(targets, len(self.classes)).float() if self.one_hot else targets


def _takes_batches(transform: Transform) -> bool:
    return bool(getattr(transform, "takes_batches", False))


def scaled(images: Array) -> Array:
    """Return bytes (N, C, H, W) scaled to [0, 1], in the batch-innermost layout, as convolutions compute.

    One division of the transposed bytes into memory of the pool is the shortest code that was measured, and at most
    a tenth slower than the fastest. Fresh memory, which the system must first map, takes up to 2.6 times as long.
    """
    turned = memory_order(images)
    dtype = default_dtype()
    return from_batch_innermost(np.divide(turned, dtype.type(255), out=empty(turned.shape, dtype)))
