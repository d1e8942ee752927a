"""Sums that stay exact for many numbers: pairwise or in blocks, and of float16 in float32.

`np.add.reduce` adds pairwise only along the axis that lies innermost in memory. Over any other axis it adds one
number after the other in the array's own type, so that the error grows with their count: the mean of 2 * 10^7 ones
in float32 is 0.84, and the sum of 6,000 ones in float16 is 2,048. Here at most 64 numbers are added in a row:
longer axes are cut into blocks, and the sums of the blocks are added in the same way. The error is then at most
some rounding steps times log(n) (Higham, "The accuracy of floating point summation", 1993).

Axes are counted from the front.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import inf, nan, prod

import numpy as np

from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.dispatch import numpy_kernel
from tinygrad_cnn.kernels.memory import empty
from tinygrad_cnn.kernels.thresholds import (
    CHANNEL_SUMS_COMPILED_FROM,
    PRODUCT_IN_SLABS_FROM,
    SUM_BLOCK,
    SUM_ROW_WIDTH,
    SUMMED_PLAINLY_UP_TO,
)
from tinygrad_cnn.typing import Array, Shape

_HALF, _SINGLE, _DOUBLE = (np.dtype(t) for t in (np.float16, np.float32, np.float64))

_add: Callable[..., Array] = np.add.reduce
_add_up: Callable[..., Array] = np.add.accumulate


def widened(x: Array) -> Array:
    """Return float16 as float32, in which it is added, and anything else as it is."""
    return x.astype(_SINGLE) if x.dtype.char == "e" else x


def widened_type(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """Return the type in which numbers that come one by one are added: the next wider one, if there is one."""
    return {_HALF: _SINGLE, _SINGLE: _DOUBLE}.get(dtype, dtype)


@numpy_kernel(reference.total, compiled_from=inf)
def total(x: Array, axis: tuple[int, ...], keepdims: bool = False) -> Array:
    """Return the sum over some axes in the type of x, or in int64 for integers and booleans."""
    kind = x.dtype.char
    if kind in "fd" and len(axis) == 1 and x.shape[axis[0]] <= SUMMED_PLAINLY_UP_TO:  # most often
        return _add(x, axis, None, None, keepdims)
    if kind in "fd":
        return wide_total(x, axis, keepdims)
    return wide_total(x, axis, keepdims).astype(_HALF) if kind == "e" else _add(x, axis, np.int64, None, keepdims)


def mean(x: Array, axis: tuple[int, ...], keepdims: bool = False) -> Array:
    """Return the mean over some axes in the type of x; the mean of nothing is NaN."""
    means: Array = wide_total(x, axis, keepdims) / (prod([x.shape[i] for i in axis]) or nan)
    return means.astype(_HALF) if x.dtype.char == "e" else means


def variance(x: Array, axis: tuple[int, ...], correction: float) -> Array:
    """Return the sum of squared distances from the mean over n - correction, in the type of x."""
    wide = widened(x)
    squares = np.square(wide - mean(wide, axis, keepdims=True))
    count = prod([x.shape[i] for i in axis])
    return (total(squares, axis) / (count - correction)).astype(x.dtype)


def wide_total(x: Array, axis: tuple[int, ...], keepdims: bool = False) -> Array:
    """Return the sum of floats over some axes; that of float16 is left in float32."""
    if axis == (0, 2, 3) and x.ndim == 4:
        sums = channel_sums(x)
        return sums.reshape(1, -1, 1, 1) if keepdims else sums
    return _in_blocks(x, axis, keepdims)


@numpy_kernel(reference.channel_sums, compiled_from=CHANNEL_SUMS_COMPILED_FROM)
def channel_sums(x: Array) -> Array:
    """Return the sum over N, H and W of an N C H W array: (C,). Bias and normalization ask for it in every step."""
    return _in_blocks(x, (0, 2, 3), keepdims=False)


def _in_blocks(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    """Return the sum over some axes: by one call of NumPy if that is exact, else one axis after the other."""
    dtype = _SINGLE if x.dtype.char == "e" else None
    is_short = len(axis) == 1 and x.shape[axis[0]] <= SUMMED_PLAINLY_UP_TO
    stages = None if is_short else _stages(x.shape, x.strides, axis)
    if stages is None:
        return _add(x, axis, dtype, None, keepdims)
    shape = [n for i, n in enumerate(x.shape) if i not in axis]
    pairwise, others = stages
    if pairwise:
        x = _add(x, pairwise, dtype, None, True)
    for i in others:
        x = _along(x, i)
    return x if keepdims else x.reshape(shape)


@lru_cache(maxsize=1024)
def _stages(shape: Shape, strides: Shape, axis: Shape) -> tuple[Shape, Shape] | None:
    """Return the axes that NumPy adds pairwise, and the others; None if it adds only few numbers in a row.

    Pairwise are those axes that lie innermost in memory, one behind the other.
    """
    steps = sorted((abs(strides[i]), i) for i, n in enumerate(shape) if n > 1)
    count = prod([shape[i] for i in axis])
    if count <= SUMMED_PLAINLY_UP_TO or 0 in shape:
        return None
    reach, pairwise = steps[0][0], []
    for step, i in steps:
        if i not in axis or step == 0 or step != reach:
            break
        pairwise.append(i)
        reach = step * shape[i]
    if count <= SUMMED_PLAINLY_UP_TO * prod([shape[i] for i in pairwise]):
        return None
    return tuple(pairwise), tuple(i for _, i in steps if i in axis and i not in pairwise)


def _along(x: Array, axis: int) -> Array:
    """Return the sum over one axis, whose length becomes 1, in blocks of blocks."""
    dtype, length, step = _SINGLE if x.dtype.char == "e" else None, x.shape[axis], abs(x.strides[axis])
    if length <= SUMMED_PLAINLY_UP_TO:
        return _add(x, axis, dtype, None, True)
    width = prod([n for n, s in zip(x.shape, x.strides, strict=True) if abs(s) < step])
    together = max(1, min(SUM_ROW_WIDTH // width, length // SUM_BLOCK))  # neighbours, which make one row
    whole = length - length % (SUM_BLOCK * together)
    blocks = _split(_part(x, axis, 0, whole), axis, (-1, SUM_BLOCK, together))
    sums = _add(blocks, axis + 1, dtype).reshape(*x.shape[:axis], -1, *x.shape[axis + 1 :])
    out = _along(sums, axis)
    return out if whole == length else out + _along(_part(x, axis, whole, length), axis)


def running_total(x: Array, axis: int) -> Array:
    """Return the sum of each number and all before it along an axis, in the type of x; floats add in float64."""
    if x.dtype.kind != "f":
        return _add_up(x, axis, x.dtype)
    if x.dtype == _DOUBLE:
        return _running(x, axis)
    wide = empty(x.shape, _DOUBLE)  # up to 10^8 numbers, float64 adds one by one with less error than float32 shows
    wide[...] = x
    return _add_up(wide, axis, None, wide).astype(x.dtype)


def _running(x: Array, axis: int) -> Array:
    """Return running sums of float64: those within blocks, plus the sum of all blocks before."""
    length = x.shape[axis]
    if length <= SUMMED_PLAINLY_UP_TO or x.size == 0:
        return _add_up(x, axis)
    whole, out = length - length % SUM_BLOCK, np.empty_like(x)
    blocks, sums = (_split(_part(array, axis, 0, whole), axis, (-1, SUM_BLOCK)) for array in (x, out))
    rest = _part(out, axis, whole, length)
    _add_up(blocks, axis + 1, None, sums)
    _add_up(_part(x, axis, whole, length), axis, None, rest)
    upto, later = _running(sums.take(-1, axis + 1), axis), _part(sums, axis, 1, None)
    later += np.expand_dims(_part(upto, axis, 0, -1), axis + 1)
    rest += _part(upto, axis, -1, None)
    return out


def added(arrays: Sequence[Array]) -> Array:
    """Return the sum of arrays of one shape, of float16 in float32: of many, that of the sums of halves."""
    if len(arrays) > SUMMED_PLAINLY_UP_TO:
        half = len(arrays) // 2
        return added(arrays[:half]) + added(arrays[half:])
    out = arrays[0].astype(_SINGLE if arrays[0].dtype == _HALF else arrays[0].dtype, order="K")
    for array in arrays[1:]:
        out += array
    return out


def product(x: Array, axis: int) -> Array:
    """Return the product over an axis, kept with length 1, in the type of x; floats multiply in float64."""
    wide, length = _DOUBLE if x.dtype.kind == "f" else x.dtype, x.shape[axis]
    parts = x
    if length >= PRODUCT_IN_SLABS_FROM:  # a row of 16 slabs, which NumPy multiplies several numbers at a time
        whole = length - length % 16
        slabs = np.multiply.reduce(_split(_part(x, axis, 0, whole), axis, (16, length // 16)), axis, wide)
        parts = np.concatenate([slabs, _part(x, axis, whole, length)], axis)
    return np.multiply.reduce(parts, axis, wide, keepdims=True).astype(x.dtype)


def _part(x: Array, axis: int, start: int, stop: int | None) -> Array:
    part: Array = x[(slice(None),) * axis + (slice(start, stop),)]
    return part


def _split(x: Array, axis: int, lengths: tuple[int, ...]) -> Array:
    """Return a view in which several axes stand for one."""
    return x.reshape(*x.shape[:axis], *lengths, *x.shape[axis + 1 :])
