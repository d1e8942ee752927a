"""Sums over all of a batch of images but the channels, by compiled loops over the batch-innermost layout."""

from __future__ import annotations

import numpy as np

from tinygrad_cnn.kernels.batch_innermost import memory_order
from tinygrad_cnn.kernels.compiled.machine_code import address
from tinygrad_cnn.kernels.compiled.plans import SEGMENT, SumPlan
from tinygrad_cnn.kernels.compiled.thread_pool import band_count, parallel_for
from tinygrad_cnn.kernels.sums import total
from tinygrad_cnn.kernels.thresholds import COMPILED_SUM_COST
from tinygrad_cnn.typing import Array

sum_rows = address("sums_loops", "sum_rows")


def channel_sums(x: Array) -> Array | None:
    """Return the sum over N, H and W of an N C H W array: (C,)."""
    image = memory_order(x)
    if not image.flags.c_contiguous:
        return None
    height, channels, width, batch = image.shape
    length = width * batch
    plan = np.array(SumPlan(channels, length, -(-length // SEGMENT)))
    line, ones, sums = image.reshape(-1), np.ones(1, x.dtype), np.zeros((height * plan[2], channels), x.dtype)
    parallel_for(
        sum_rows, plan, (line, ones, ones, sums.reshape(-1)), height, band_count(height, COMPILED_SUM_COST * x.size)
    )
    return total(sums, (0,))
