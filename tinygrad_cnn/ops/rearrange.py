"""Rearranging entries: flip, roll, repeat, unfold, triangles and diagonals."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.ops.arguments import array_of, as_tuple, many_dims, one_dim, one_or_several, whole
from tinygrad_cnn.ops.broadcast import apart, broadcast_to
from tinygrad_cnn.ops.choices import where
from tinygrad_cnn.ops.index import index_select
from tinygrad_cnn.ops.reduce import sum
from tinygrad_cnn.ops.shape import broadcast_tensors, movedim, reshape, transpose
from tinygrad_cnn.tape.capture import constant
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.tape.views import view_operation
from tinygrad_cnn.typing import Array, T

__all__ = [
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "flip",
    "fliplr",
    "flipud",
    "meshgrid",
    "repeat_interleave",
    "roll",
    "rot90",
    "tile",
    "tril",
    "triu",
]

# --- flip, roll, rot90 ---


@operation(input=lambda g, dims: _flip(g, dims=dims))
def _flip(input: Array, *, dims: tuple[int, ...]) -> Array:
    return np.flip(input, dims).copy()


@one_or_several
def flip(input: T, dims: tuple[int, ...]) -> T:
    """Reverse the order of the entries along dimensions.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([1, 2, 3]).flip(0)
    tensor([3, 2, 1])
    """
    return _flip(input, dims=many_dims("flip", dims, input.ndim) if dims else ())


def fliplr(input: T) -> T:
    """Reverse the order of columns, dimension 1.

    >>> import tinygrad_cnn as tg
    >>> tg.fliplr(tg.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    return flip(input, 1)


def flipud(input: T) -> T:
    """Reverse the order of rows, dimension 0.

    >>> import tinygrad_cnn as tg
    >>> tg.flipud(tg.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    if not input.ndim:
        raise ValueError("flipud: a 0-d tensor has no rows")
    return flip(input, 0)


@operation(input=lambda g, shifts, dims: _roll(g, shifts=tuple(-n for n in shifts), dims=dims))
def _roll(input: Array, *, shifts: tuple[int, ...], dims: tuple[int, ...] | None) -> Array:
    return np.roll(input, shifts, dims) if dims else np.roll(input, *shifts)


def roll(input: T, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> T:
    """Shift entries along dimensions, or in the flattened tensor; those beyond the end return at the start.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([1, 2, 3]).roll(1)
    tensor([3, 1, 2])
    """
    by = tuple(map(operator.index, as_tuple(shifts)))
    along = () if dims is None else as_tuple(dims)
    if len(by) != len(along or (0,)):
        raise ValueError(f"roll: shifts {shifts} and dims {dims} do not have the same length")
    return _roll(input, shifts=by, dims=tuple(one_dim("roll", d, input.ndim) for d in along) or None)


def rot90(input: T, k: int = 1, dims: Sequence[int] = (0, 1)) -> T:
    """Rotate by k times 90 degrees in the plane of two dimensions, from the first towards the second.

    >>> import tinygrad_cnn as tg
    >>> tg.rot90(tg.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    a, b = (one_dim("rot90", d, input.ndim) for d in dims)
    if a == b:
        raise ValueError(f"rot90: wanted two different dimensions, got {tuple(dims)}")
    turned = transpose(input, a, b) if k % 2 else input
    return _flip(turned, dims=((), (a,), (a, b), (b,))[k % 4])


# --- repeat, tile, unfold, meshgrid ---


@operation(input=lambda g, input_shape, repeats: _untile(g, input_shape, repeats))
def _tile(input: Array, *, repeats: tuple[int, ...]) -> Array:
    return np.tile(input, repeats)


def _untile(g: Any, shape: tuple[int, ...], repeats: tuple[int, ...]) -> Any:
    """Return the sum over the copies that tiling made."""
    lengths = [n for pair in zip(repeats, shape, strict=True) for n in pair]
    return sum(reshape(g, lengths), tuple(range(0, len(lengths), 2)))


@one_or_several
def repeat(input: T, repeats: tuple[int, ...]) -> T:
    """Repeat the tensor along each dimension; additional leading counts make new dimensions.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([1, 2]).repeat(2, 2).tolist()
    [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    shape = input.shape
    if len(repeats) < len(shape) or min(repeats, default=0) < 0:
        raise ValueError(
            f"repeat: {repeats} for a tensor of shape {shape}; wanted as many counts as dimensions, or more"
        )
    return _tile(reshape(input, (1,) * (len(repeats) - len(shape)) + shape), repeats=repeats)


@one_or_several
def tile(input: T, dims: tuple[int, ...]) -> T:
    """Repeat the tensor along its last dimensions, as `repeat` does; missing leading counts are 1.

    >>> import tinygrad_cnn as tg
    >>> tg.tile(tg.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    return repeat(input, (1,) * (input.ndim - len(dims)) + dims)


def repeat_interleave(input: T, repeats: Any, dim: int | None = None, *, output_size: int | None = None) -> T:
    """Repeat each entry of a dimension, or of the flattened tensor, ``repeats`` times: one count, or one for each.

    The length of the result is computed; an ``output_size`` that differs from it is refused.

    >>> import tinygrad_cnn as tg
    >>> tg.tensor([1, 2]).repeat_interleave(2)
    tensor([1, 1, 2, 2])
    """
    if dim is None:
        return repeat_interleave(reshape(input, array_of(input).size), repeats, 0, output_size=output_size)
    axis, times = one_dim("repeat_interleave", dim, input.ndim), array_of(repeats)
    length = input.shape[axis]
    if np.min(times, initial=0) < 0 or np.size(times) not in (1, length):
        raise ValueError(f"repeat_interleave: {repeats} for {length} entries; wanted one count, or one for each")
    total = int(np.sum(np.broadcast_to(times, length)))
    if output_size not in (None, total):
        raise ValueError(f"repeat_interleave: output_size is {output_size}, but the result has {total} entries")
    if np.size(times) != 1:
        return index_select(input, dim, np.repeat(np.arange(length), times))
    before, count, after = input.shape[:axis], int(np.reshape(times, ())), input.shape[axis + 1 :]
    repeated = broadcast_to(reshape(input, (*before, length, 1, *after)), (*before, length, count, *after))
    return apart(reshape(repeated, (*before, length * count, *after)), input)


def unfold(input: T, dimension: int, size: int, step: int) -> T:
    """Return all windows of a size along a dimension, ``step`` apart; their entries are a new last dimension.

    >>> import tinygrad_cnn as tg
    >>> tg.arange(4).unfold(0, 2, 1).tolist()
    [[0, 1], [1, 2], [2, 3]]
    """
    axis = one_dim("unfold", dimension, input.ndim)
    length = input.shape[axis] if input.shape else 1
    if not 0 <= size <= length:
        raise ValueError(f"unfold: a window of {size} does not fit dimension {dimension} of {input.shape}")
    if not input.shape:
        return reshape(input, 1)[:size]
    return _windows(input, axis=axis, size=size, step=whole("unfold", "step", step, 1))


@view_operation(
    input=lambda g, input_shape, axis, size, step: _overlapped(
        g, shape=input_shape, axis=axis, size=size, step=step
    )
)
def _windows(input: Array, *, axis: int, size: int, step: int) -> Array:
    every = (slice(None),) * axis + (slice(None, None, step),)
    apart = step >= size  # windows that overlap are not written to
    return np.lib.stride_tricks.sliding_window_view(input, size, axis, writeable=apart)[every]


@operation(input=lambda g, axis, size, step: _windows(g, axis=axis, size=size, step=step))
def _overlapped(input: Array, *, shape: tuple[int, ...], axis: int, size: int, step: int) -> Array:
    """Add windows at the positions that they were taken from."""
    out = np.zeros_like(input, shape=shape)
    reach = step * (input.shape[axis] - 1) + 1
    for i in range(size):
        out[(slice(None),) * axis + (slice(i, i + reach, step),)] += input[..., i]
    return out


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[T, ...]:
    """Return the grid of all combinations of vectors: one tensor for each vector, which varies along its dimension.

    With indexing "xy", the first two dimensions are exchanged.

    >>> import tinygrad_cnn as tg
    >>> tg.meshgrid(tg.tensor([1, 2]), tg.tensor([3, 4]), indexing="ij")[0]
    tensor([[1, 1],
            [2, 2]])
    """
    vectors = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    if indexing not in ("ij", "xy"):
        raise ValueError(f"meshgrid: indexing {indexing!r} is unknown; wanted 'ij' or 'xy'")
    if any(v.ndim > 1 for v in vectors):
        raise ValueError(f"meshgrid: wanted vectors, got shapes {[v.shape for v in vectors]}")
    ndim = len(vectors)
    grid = broadcast_tensors(
        *(reshape(v, [array_of(v).size if i == d else 1 for i in range(ndim)]) for d, v in enumerate(vectors))
    )
    return tuple(transpose(g, 0, 1) for g in grid) if indexing == "xy" and ndim > 1 else grid


# --- triangles and diagonals ---


def tril(input: T, diagonal: int = 0) -> T:
    """Return the lower triangle of each matrix, up to a diagonal, and 0 elsewhere.

    >>> import tinygrad_cnn as tg
    >>> tg.tril(tg.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return _triangle("tril", input, diagonal, lower=True)


def triu(input: T, diagonal: int = 0) -> T:
    """Return the upper triangle of each matrix, from a diagonal on, and 0 elsewhere.

    >>> import tinygrad_cnn as tg
    >>> tg.triu(tg.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return _triangle("triu", input, diagonal - 1, lower=False)


def _triangle(name: str, input: T, diagonal: int, lower: bool) -> T:
    if input.ndim < 2:
        raise ValueError(f"{name}: wanted at least two dimensions, got shape {input.shape}")
    rows, columns = input.shape[-2:]
    kept = constant(np.tri(rows, columns, diagonal, dtype=bool) == lower)
    return where(kept, input, constant(np.zeros((), input.dtype)))


@view_operation(input=lambda g, input_shape, offset: _undiagonal(g, shape=input_shape, offset=offset))
def _diagonal(input: Array, *, offset: int) -> Array:
    view = np.diagonal(input, offset, -2, -1)
    view.flags.writeable = input.flags.writeable
    return view


@operation(input=lambda g, offset: _diagonal(g, offset=offset))
def _undiagonal(input: Array, *, shape: tuple[int, ...], offset: int) -> Array:
    out = np.zeros_like(input, shape=shape)
    view = np.diagonal(out, offset, -2, -1)
    view.flags.writeable = True
    view[...] = input
    return out


def diagonal(input: T, offset: int = 0, dim1: int = 0, dim2: int = 1) -> T:
    """Return a diagonal of two dimensions, ``offset`` above the main one, as the last dimension: a view.

    >>> import tinygrad_cnn as tg
    >>> tg.diagonal(tg.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    a, b = (one_dim("diagonal", d, input.ndim) for d in (dim1, dim2))
    if a == b or input.ndim < 2:
        raise ValueError(f"diagonal: wanted two different dimensions of {input.shape}, got {dim1} and {dim2}")
    return _diagonal(movedim(input, (a, b), (-2, -1)), offset=offset)


def diag_embed(input: T, offset: int = 0, dim1: int = -2, dim2: int = -1) -> T:
    """Return square matrices, in two new dimensions, with the last dimension on their diagonal and 0 elsewhere.

    >>> import tinygrad_cnn as tg
    >>> tg.diag_embed(tg.tensor([[1, 2]])).shape
    (1, 2, 2)
    """
    ndim = input.ndim + 1
    a, b = (one_dim("diag_embed", d, ndim) for d in (dim1, dim2))
    if a == b or ndim < 2:
        raise ValueError(f"diag_embed: wanted two different dimensions, got {dim1} and {dim2} for {input.shape}")
    side = input.shape[-1] + abs(offset)
    return movedim(_undiagonal(input, shape=(*input.shape[:-1], side, side), offset=offset), (-2, -1), (a, b))


def diag(input: T, diagonal: int = 0) -> T:
    """Return a matrix with a vector on its diagonal, or the diagonal of a matrix.

    >>> import tinygrad_cnn as tg
    >>> tg.diag(tg.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if input.ndim not in (1, 2):
        raise ValueError(f"diag: wanted a vector or a matrix, got shape {input.shape}")
    return diag_embed(input, diagonal) if input.ndim == 1 else apart(_diagonal(input, offset=diagonal), input)


def diagflat(input: T, offset: int = 0) -> T:
    """Return a matrix with all entries, in row-major order, on its diagonal.

    >>> import tinygrad_cnn as tg
    >>> tg.diagflat(tg.tensor([1, 2])).tolist()
    [[1, 0], [0, 2]]
    """
    return diag_embed(reshape(input, -1), offset)
