"""Elastic distortion."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.data.arguments import as_generator
from tinygrad_cnn.data.transforms.arguments import numbers, pixels_of
from tinygrad_cnn.data.transforms.base import ImageTransform
from tinygrad_cnn.kernels.blas_threads import one_blas_thread
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.kernels.resample import resample
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

MAX_SIGMA = 10_000
"""Pixels: a Gaussian takes memory for eight times as many."""


class ElasticTransform(ImageTransform):
    """Distort images by a random field of displacements, smoothed by a Gaussian of deviation ``sigma`` pixels.

    The field is uniform in [-1, 1] before it is smoothed, 0 beyond the image, and multiplied by ``alpha`` pixels
    after. (torchvision's alpha comes to half as many.) Simard, Steinkraus & Platt, "Best Practices for
    Convolutional Neural Networks Applied to Visual Document Analysis" (2003): alpha 34, sigma 4 for 29 x 29 pixels.
    """

    def __init__(self, alpha: float, sigma: float, generator: np.random.Generator | None = None) -> None:
        (self.alpha,) = numbers("ElasticTransform", "alpha", alpha, (1,))
        (self.sigma,) = numbers("ElasticTransform", "sigma", sigma, (1,))
        if self.alpha < 0 or not 0 < self.sigma <= MAX_SIGMA:
            raise ValueError(
                f"ElasticTransform: alpha is {alpha!r}, sigma {sigma!r}; wanted at least 0, and more than 0 up to "
                f"{MAX_SIGMA}"
            )
        if generator is not None:
            as_generator("ElasticTransform", generator)
        self.generator = generator

    def _apply(self, images: Tensor) -> Tensor:
        array = pixels_of("ElasticTransform", images)
        generator = as_generator("ElasticTransform", self.generator)
        n, _, height, width = array.shape
        down, across = (_gaussian(size, self.sigma).astype(array.dtype) for size in (height, width))
        down *= 2 * self.alpha
        field = empty((2, height, width * n), array.dtype)
        generator.random(dtype=array.dtype, out=field)
        field -= 0.5
        rows, columns = one_blas_thread.call(lambda: _smoothed(down, across, field))
        rows += np.arange(height, dtype=array.dtype)[:, None, None]
        columns += np.arange(width, dtype=array.dtype)[:, None]
        return from_numpy(resample(array, rows, columns))


def _smoothed(down: Array, across: Array, field: Array) -> Array:
    """Return a field (2, H, W N) smoothed along its columns and its rows, as (2, H, W, N).

    These are many small products: threads of BLAS would take longer to begin than to compute one, and would wait
    for the cores that workers of the compiled kernels hold awake.
    """
    _, height, line = field.shape
    columns = np.matmul(down, field, out=empty(field.shape, field.dtype))
    shape = 2, height, len(across), line // len(across)
    return np.matmul(across, columns.reshape(shape), out=empty(shape, field.dtype))


def _gaussian(size: int, sigma: float) -> Array:
    """Return the matrix (size, size) that smooths a column, with 0 beyond its ends."""
    reach = np.arange(-int(4 * sigma + 0.5), int(4 * sigma + 0.5) + 1)
    place = np.arange(size)
    with np.errstate(over="ignore"):  # of a tiny sigma, the weights beside the middle are 0
        weights = np.exp(-0.5 * ((place[:, None] - place) / sigma) ** 2)
        weights[abs(place[:, None] - place) > reach[-1]] = 0
        smooth: Array = weights / np.exp(-0.5 * (reach / sigma) ** 2).sum()
    return smooth
