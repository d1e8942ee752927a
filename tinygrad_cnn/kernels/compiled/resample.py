"""Bilinear interpolation between pixels by compiled loops, for images in the batch-innermost layout."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn.kernels import memory
from tinygrad_cnn.kernels.batch_innermost import from_batch_innermost
from tinygrad_cnn.kernels.compiled.batch_innermost import flat_batch_innermost
from tinygrad_cnn.kernels.compiled.machine_code import address
from tinygrad_cnn.kernels.compiled.plans import ResamplePlan
from tinygrad_cnn.kernels.compiled.thread_pool import band_count, parallel_for
from tinygrad_cnn.kernels.thresholds import COMPILED_RESAMPLE_COST
from tinygrad_cnn.typing import Array

resample_rows = address("resample_loops", "resample_rows")


def resample(images: Array, rows: Array, columns: Array) -> Array | None:
    """Return images, each pixel interpolated between the four around its place in those given; 0 beyond them."""
    batch, channels, height, width = images.shape
    if rows.dtype != images.dtype or columns.dtype != images.dtype:
        return None
    out = memory.empty((rows.shape[0], channels, rows.shape[1], batch), images.dtype)
    parallel_for(
        resample_rows,
        np.array(ResamplePlan(channels, height, width, batch, rows.shape[1])),
        (flat_batch_innermost(images), rows.ravel(), columns.ravel(), out.reshape(-1)),
        len(out),
        band_count(len(out), COMPILED_RESAMPLE_COST * out.size),
    )
    return from_batch_innermost(out)
