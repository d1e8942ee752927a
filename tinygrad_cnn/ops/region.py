"""Regions: the part of a base's memory that a view shows, read and written as operations.

A write in place to one tensor gives new nodes to all tensors of the same memory (`methods.recorded_writes`); these
are their nodes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.tape.views import view_operation
from tinygrad_cnn.typing import Array, Shape


class Region(NamedTuple):
    """The place of a view in the memory of its base. Strides and the offset of the first element are in bytes."""

    base_shape: Shape
    base_strides: tuple[int, ...]
    offset: int
    shape: Shape
    strides: tuple[int, ...]


def region_of(view: Array, base: Array) -> Region:
    """Return the region of a base that a view of it shows."""
    at, start = (array.__array_interface__["data"][0] for array in (view, base))
    return Region(base.shape, base.strides, at - start if view.size else 0, view.shape, view.strides)


def may_overlap(shape: Shape, strides: tuple[int, ...]) -> bool:
    """Return whether two entries of an array may lie at the same place, as in an expanded tensor."""
    reach = 0
    for stride, length in sorted((abs(s), n) for s, n in zip(strides, shape, strict=True) if n > 1):
        if stride <= reach:
            return 0 not in shape
        reach += stride * (length - 1)
    return False


def _bounds(region: Region) -> tuple[int, int]:
    """Return the offsets of the first and the last element of the base in memory, in bytes."""
    ends = [stride * (n - 1) for stride, n in zip(region.base_strides, region.base_shape, strict=True) if n]
    return sum(end for end in ends if end < 0), sum(end for end in ends if end > 0)


def _laid_out(region: Region, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Return an uninitialised array that lies in memory as the base does, and its region."""
    first, last = _bounds(region)
    memory = np.empty(last - first + dtype.itemsize, np.uint8)
    base = np.ndarray(region.base_shape, dtype, memory, -first, region.base_strides)
    return base, np.ndarray(region.shape, dtype, memory, region.offset - first, region.strides)


def _places(shape: Shape, strides: tuple[int, ...], offset: int) -> Array:
    """Return the place of each entry in memory, in bytes."""
    steps = np.ix_(*(np.arange(n) * stride for n, stride in zip(shape, strides, strict=True)))
    return np.broadcast_to(sum(steps, np.asarray(offset)), shape)


@view_operation(input=lambda g, region: add_region(g, region=region))
def take_region(input: Array, *, region: Region) -> Array:
    """Return the region of an array of the base's shape: a view of a copy that lies in memory as the base does."""
    if input.strides == region.base_strides and input.flags.c_contiguous:
        return np.ndarray(region.shape, input.dtype, input, region.offset, region.strides)
    base, view = _laid_out(region, input.dtype)
    base[...] = input
    return view


@operation(input=lambda g, region: take_region(g, region=region))
def add_region(input: Array, *, region: Region) -> Array:
    """Return zeros of the base's shape with the input added at the region."""
    if may_overlap(region.shape, region.strides):
        first, last = _bounds(region)
        at = _places(region.shape, region.strides, region.offset - first)
        sums = np.bincount(at.ravel(), input.ravel(), last - first + 1)
        return sums[_places(region.base_shape, region.base_strides, -first)].astype(input.dtype)
    base, view = _laid_out(region, input.dtype)
    base[...] = 0
    view[...] = input
    return base


@operation(
    input=lambda g, region: put_region(g, np.zeros(region.shape, g.dtype), region=region),
    values=lambda g, region: take_region(g, region=region),
)
def put_region(input: Array, values: Array, *, region: Region) -> Array:
    """Return an array of the base's shape with other values at the region, which does not overlap itself."""
    base, view = _laid_out(region, input.dtype)
    base[...] = input
    view[...] = values
    return base
