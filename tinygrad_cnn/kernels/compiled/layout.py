"""Arrays as flat memory: laid anew, where they must be, by compiled loops."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.kernels.compiled.crew import bands, in_bands, kernel
from tinygrad_cnn.kernels.compiled.machine import unpacked
from tinygrad_cnn.kernels.compiled.tiles import NARROW, gather, store, zeros
from tinygrad_cnn.kernels.memory import empty

Array = np.ndarray[Any, np.dtype[Any]]

SMALLEST = 1 << 14
"""Numbers from which on it is worth to call the loop."""

COST = 60
"""Multiplications that BLAS does while these loops come by a number."""


class Plan(NamedTuple):
    """The shape, and how far apart numbers of the input are."""

    channels: int
    width: int
    batch: int
    to_row: int
    to_channel: int
    to_column: int
    to_sample: int


@kernel
def lay(plan, x, _, __, out, first, last, band):
    """Write rows first to last."""
    plan = unpacked(plan, Plan)
    none = zeros(1, 1, NARROW)
    for y in range(first, last):
        for c in range(plan.channels):
            for n in range(0, plan.batch, NARROW):
                start = y * plan.to_row + c * plan.to_channel + n * plan.to_sample
                place = (y * plan.channels + c) * plan.width * plan.batch + n
                for column in range(plan.width):
                    some = gather(none, x, start + column * plan.to_column, plan.to_sample, plan.batch - n)
                    store(some, out, place + column * plan.batch, 0, plan.batch - n)


def flat(x: Array) -> Array:
    """Return an N C H W array as flat memory that holds H C W N."""
    image = x.transpose(2, 1, 3, 0)
    as_it_is = x.size < SMALLEST or image.flags.c_contiguous or x.strides[0] == x.itemsize
    if as_it_is or any(step % x.itemsize for step in x.strides):
        return np.ascontiguousarray(image).reshape(-1)
    out = empty(image.shape, x.dtype).reshape(-1)
    plan = np.array(Plan(*image.shape[1:], *(s // x.itemsize for s in image.strides)))
    start = x[0, 0, 0, :1]
    in_bands(lay, plan, (start, start, start, out), len(image), bands(len(image), COST * x.size))
    return out


def dense(x: Array) -> Array | None:
    """Return an array's numbers in the order in which they lie, if none lies between them."""
    line = x.ravel("K")
    return None if line.base is None else line
