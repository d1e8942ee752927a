"""Drawings of any size made into digits as MNIST has them."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn.support.arrays import own_array
from tinygrad_cnn.typing import Array

SIZE, BOX = 28, 20


def digit_from_drawing(ink: Array) -> Array:
    """Return a drawing as MNIST has digits: 20 pixels high or wide, the centre of mass in the middle.

    Shapes: ink (H, W), 0 where there is none, any positive number where there is most; the result (28, 28), float32
    in [0, 1]. The proportions are kept, each pixel is the mean of what it covers, and nothing is cut off. Prepared
    as described by LeCun et al. at http://yann.lecun.com/exdb/mnist. Raises ValueError for anything but a plane of
    finite numbers of at least 0.

    >>> import numpy as np
    >>> from tinygrad_cnn.data import digit_from_drawing
    >>> digit_from_drawing(np.tri(100)).shape
    (28, 28)
    """
    with np.errstate(over="ignore"):  # what is too large for float32 is refused as infinite
        ink = own_array("digit_from_drawing", np.asanyarray(ink)).astype(np.float32)
    if ink.ndim != 2 or not np.isfinite(ink).all() or (ink < 0).any():
        raise ValueError(
            f"digit_from_drawing: wanted finite numbers of at least 0, of shape (H, W); got shape {ink.shape}"
        )
    if not ink.any():
        return np.zeros((SIZE, SIZE), np.float32)
    ink = ink / ink.max()
    rows, columns = ink.sum(1), ink.sum(0)
    inside = [np.flatnonzero(line) for line in (rows, columns)]
    scale = max(float(places[-1] + 1 - places[0]) for places in inside) / BOX
    down, across = (_means(line, places, scale) for line, places in zip((rows, columns), inside, strict=True))
    digit: Array = down @ ink @ across.T
    return digit


def _means(line: Array, inside: Array, scale: float) -> Array:
    """Return what takes a line of the drawing to 28 means over ``scale`` of its pixels each: (28, len(line))."""
    centre = float((line * (np.arange(len(line)) + 0.5)).sum() / line.sum())
    start = np.clip(centre - SIZE / 2 * scale, inside[-1] + 1 - SIZE * scale, inside[0])
    edges = start + np.arange(SIZE + 1) * scale
    covered = np.clip(edges[:, None] - np.arange(len(line)), 0, 1)  # of each pixel, the part before each edge
    means: Array = (np.diff(covered, axis=0) / scale).astype(np.float32)
    return means
