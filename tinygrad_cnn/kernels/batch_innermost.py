"""The batch-innermost layout: images N C H W that lie in memory as H C W N.

Convolution and pooling compute in this layout, because a row of W N numbers is long and contiguous and a window
that moves by one column moves by N numbers. PyTorch's "channels last" is a layout of the same kind, with N H W C.
To a caller an array is N C H W all the same: `from_batch_innermost` gives that view. This is the only module that
decides whether an array is in this layout; operations call `add`, `reshape` and the others, and know of no memory
order.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import Any

import numpy as np

from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.dispatch import numpy_kernel
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.kernels.thresholds import BATCH_INNERMOST_FROM, CACHE_ALIASING_BYTES
from tinygrad_cnn.typing import Array

# --- into the layout and out of it ---


def memory_order(x: Array) -> Array:
    """Return an N C H W array as the H C W N view of the same memory."""
    return x.transpose(2, 1, 3, 0)


def from_batch_innermost(x: Array) -> Array:
    """Return an H C W N array as the N C H W view that callers see: the inverse of `memory_order`."""
    return x.transpose(3, 1, 0, 2)


def is_batch_innermost(x: Array) -> bool:
    """Return whether an N C H W array lies in one piece of memory as H C W N."""
    return memory_order(x).flags.c_contiguous


def to_batch_innermost(x: Array) -> Array:
    """Return an N C H W array as H C W N in one piece of memory: a view where it lies so, else a copy."""
    view = memory_order(x)
    return view if view.flags.c_contiguous else copy_to_batch_innermost(x)


@numpy_kernel(reference.copy_to_batch_innermost, compiled_from=BATCH_INNERMOST_FROM)
def copy_to_batch_innermost(x: Array) -> Array:
    """Return a copy of N C H W as H C W N."""
    view = memory_order(x)
    if view.strides[3] % CACHE_ALIASING_BYTES or not x.size:
        return np.ascontiguousarray(view)
    copy = empty(view.shape, x.dtype)
    _, channels, width, batch = copy.shape
    for row, target in zip(view, copy, strict=True):  # bring the samples closer together, then transpose
        samples = np.empty((batch, channels * width + 16), x.dtype)[:, :-16]
        samples.reshape(batch, channels, width)[...] = row.transpose(2, 0, 1)
        target.reshape(-1, batch)[...] = samples.T
    return copy


def empty_images(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return uninitialised images of shape (N, C, H, W) that lie as H C W N."""
    n, c, height, width = shape
    return from_batch_innermost(empty((height, c, width, n), dtype))


# --- operations that keep the layout ---


def add(a: Any, b: Any) -> Any:
    """Return a + b, arrays or numbers; of large images in two layouts, in the batch-innermost one."""
    if getattr(a, "ndim", 0) != 4 or a.size < BATCH_INNERMOST_FROM:
        return np.add(a, b)
    return add_images(a, b)


@numpy_kernel(np.add, compiled_from=inf)
def add_images(a: Array, b: Any) -> Any:
    """Return a + b, for large images a. NumPy's result lies as the first operand does, whichever that is."""
    same = getattr(b, "shape", None) != a.shape or a.strides == b.strides
    if same or (a.strides[0] == a.itemsize) == (b.strides[0] == b.itemsize):
        return np.add(a, b)
    return from_batch_innermost(np.add(to_batch_innermost(a), to_batch_innermost(b)))


def reshape(x: Array, shape: tuple[int, ...]) -> Array:
    """Return x in another shape, a view where that can be; a batch that lies innermost stays innermost."""
    if x.ndim > 2 and shape and 1 < x.shape[0] == shape[0] and x.strides[0] == x.itemsize:
        return reshape_batch(x, shape)
    return x.reshape(shape)


@numpy_kernel(np.reshape, compiled_from=inf)
def reshape_batch(x: Array, shape: tuple[int, ...]) -> Array:
    """Reshape a batch that lies innermost, sample by sample: it stays there, and rows are copied as they lie."""
    samples_last = x.transpose(*range(1, x.ndim), 0)
    steps = zip(samples_last.strides[:-1], samples_last.shape[:-1], strict=True)
    lines = [(step, n) for step, n in steps if n != 1]
    gaps = any(step != inner * n for (step, _), (inner, n) in pairwise(lines))
    if gaps and len(shape) == 2:  # no view has this shape
        np.copyto(copy := empty(samples_last.shape, x.dtype), samples_last)
        samples_last = copy
    return samples_last.reshape(*shape[1:], shape[0]).transpose(-1, *range(len(shape) - 1))


def take(x: Array, indices: Array) -> Array:
    """Return the rows of x at the indices; images (N, C, H, W) in the batch-innermost layout."""
    if x.ndim != 4:
        return x.take(indices, 0)
    shape = (len(indices), *x.shape[1:])
    rows = np.take(x, indices, 0, out=empty(shape, x.dtype), mode="wrap")
    images = empty_images(shape, x.dtype)
    np.copyto(images, rows)
    return images
