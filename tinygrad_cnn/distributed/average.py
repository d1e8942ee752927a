"""Means over all ranks: of gradients, in one flat buffer, and of figures; and the same weights on all ranks."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.distributed.collectives import broadcast_array, gather_arrays, reduce_array
from tinygrad_cnn.distributed.group import the_group
from tinygrad_cnn.support.dtypes import float32
from tinygrad_cnn.tape.record import make_tensor
from tinygrad_cnn.tape.writes import mark_written
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

AVERAGED = "average_gradients"
"""The name of the writer to ``.grad`` in errors about in-place writes."""


def weighted_mean(flat: Array, weight: float, is_weighted: bool = False) -> None:
    """Replace a flat array, on all ranks, by the mean of theirs; each counts ``weight`` times.

    The last element is room for the sum of the weights. ``is_weighted`` says that the array has been multiplied by
    the weight, as the gradients of a weighted loss have. This is the one collective of a step's gradients: what
    computes them into flat memory can call it directly.
    """
    if not is_weighted:
        flat[:-1] *= weight
    flat[-1] = weight
    reduce_array(flat)
    if flat[-1] > 0:
        flat[:-1] /= flat[-1]


def average_gradients(parameters: Iterable[Any], weight: float, is_weighted: bool = False) -> None:
    """Replace the gradient of each parameter, on all ranks, by the mean of theirs; each counts ``weight`` times.

    ``is_weighted`` says that they are gradients of a loss that was multiplied by the weight. A rank on which a
    parameter has no gradient counts as one with zeros. If it has none on any rank, it gets none.
    """
    trained = [p for p in parameters if p.requires_grad]
    for dtype in sorted({p.dtype for p in trained}, key=str):
        _average(
            [p for p in trained if p.dtype == dtype], float32 if dtype == np.float16 else dtype, weight, is_weighted
        )


def _average(parameters: Sequence[Any], dtype: np.dtype[Any], weight: float, is_weighted: bool) -> None:
    """Average gradients of one type. Behind them in the buffer is, for each, whether any rank has it."""
    count = len(parameters)
    size = sum(p.array.size for p in parameters)
    flat = np.zeros(size + count + 1, dtype)
    ends = np.cumsum([p.array.size for p in parameters]).tolist()
    for i, (p, end) in enumerate(zip(parameters, ends, strict=True)):
        if p.grad is not None:
            flat[end - p.array.size : end].reshape(p.shape)[...] = p.grad.array
            flat[size + i] = 1
    weighted_mean(flat, weight, is_weighted)
    for i, (p, end) in enumerate(zip(parameters, ends, strict=True)):
        if flat[size + i] > 0:
            _set_gradient(p, flat[end - p.array.size : end].reshape(p.shape))


def _set_gradient(parameter: Any, mean: Array) -> None:
    if parameter.grad is None or parameter.grad.node is not None:
        parameter.grad = make_tensor(parameter, mean.astype(parameter.dtype))
    else:
        parameter.grad.array[...] = mean
        mark_written(parameter.grad.array, AVERAGED)


def broadcast_tensors(tensors: Iterable[Tensor]) -> None:
    """Replace tensors, on all ranks, by those of the first: all of one type at once."""
    distinct = list({id(t): t for t in tensors}.values())
    for dtype in sorted({t.dtype for t in distinct}, key=str):
        alike = [t for t in distinct if t.dtype == dtype]
        flat = np.concatenate([t.array.ravel() for t in alike])
        broadcast_array(flat)
        end = 0
        for tensor in alike:
            start, end = end, end + tensor.array.size
            tensor.array[...] = flat[start:end].reshape(tensor.shape)
            mark_written(tensor.array, "broadcast")


def sums_over_ranks(figures: Array) -> Array:
    """Return the sum of all ranks' arrays of figures, added in the order of the ranks: the same bits on all."""
    total: Array = gather_arrays(np.asarray(figures, np.float64)).sum(axis=0)
    return total


def check_equal(what: str, arrays: Iterable[Array]) -> None:
    """Raise RuntimeError, on all ranks, if arrays are not those of the first rank, bit for bit."""
    checksum = 0
    for array in arrays:
        checksum = zlib.crc32(np.ascontiguousarray(array).tobytes(), checksum)
    checksums = gather_arrays(np.array([checksum], np.int64))[:, 0]
    unlike = [rank for rank in range(the_group("check_equal").size) if checksums[rank] != checksums[0]]
    if unlike:
        ranks = ", ".join(map(str, unlike))
        raise RuntimeError(f"{what} of rank {ranks} are not those of rank 0; wanted the same on all ranks")
