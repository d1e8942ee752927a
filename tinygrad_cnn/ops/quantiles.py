"""Quantiles, and numbers sorted into bins."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.ops.arguments import array_of, one_dim, whole
from tinygrad_cnn.ops.elementwise import add, mul, sub
from tinygrad_cnn.ops.index import gather
from tinygrad_cnn.ops.shape import movedim, reshape, squeeze, unsqueeze
from tinygrad_cnn.ops.sort import searchsorted, sort
from tinygrad_cnn.tape.record import make_tensor
from tinygrad_cnn.typing import Array, T

__all__ = ["bucketize", "histogram", "nanquantile", "quantile"]

_WEIGHTS = {  # the weight of the entry after the rank, from the part of the rank behind the point
    "linear": lambda part: part,
    "lower": lambda part: 0 * part,
    "higher": lambda part: (part > 0).astype(part.dtype),
    "midpoint": lambda part: 0.5 * (part > 0).astype(part.dtype),
}


def quantile(
    input: T, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> T:
    """Return the q-th quantile of all entries, or along a dimension; for a vector q, one for each, first.

    ``interpolation`` says what lies between two entries: "linear", "lower", "higher", "midpoint" or "nearest". The
    gradient goes to the entries that a quantile lies between; ``q`` has none. If an entry is NaN, so is the result.

    >>> import tinygrad_cnn as tg
    >>> tg.quantile(tg.tensor([1.0, 2.0, 4.0]), tg.tensor([0.25, 0.5]))
    tensor([1.5000, 2.0000])
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, skip=False)


def nanquantile(
    input: T, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> T:
    """Return `quantile` of the entries that are not NaN.

    >>> import tinygrad_cnn as tg
    >>> tg.nanquantile(tg.tensor([1.0, tg.nan, 3.0]), 0.5)
    tensor(2.)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, skip=True)


def _quantile(name: str, input: T, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip: bool) -> T:
    if input.dtype.kind != "f":
        raise TypeError(f"{name}: wanted floating-point numbers, got {input.dtype}")
    wanted = np.asarray(array_of(q), input.dtype)
    if wanted.ndim > 1 or not np.all((wanted >= 0) & (wanted <= 1)):
        raise ValueError(f"{name}: q is {wanted.tolist()}; wanted a number or a vector of numbers from 0 to 1")
    axis = 0 if dim is None else one_dim(name, dim, input.ndim)
    rows: Any = reshape(input, -1) if dim is None or not input.ndim else movedim(input, axis, -1)
    if not rows.shape[-1]:
        raise ValueError(f"{name}: a dimension of {input.shape} is empty")
    found = _interpolated(name, sort(rows, -1).values, np.atleast_1d(wanted), interpolation, skip)
    if keepdim and dim is None:
        found = reshape(found, (*(1,) * input.ndim, wanted.size))
    elif keepdim and input.ndim:
        found = unsqueeze(found, axis)
    return movedim(found, -1, 0) if wanted.ndim else squeeze(found, -1)


def _interpolated(name: str, ordered: Any, q: Array, interpolation: str, skip: bool) -> Any:
    """Return the quantiles of ordered rows, NaNs last, in a last dimension."""
    missing = np.isnan(ordered.array)
    last = ordered.shape[-1] - 1
    ends = np.maximum(last - missing.sum(-1), 0) if skip else np.full(missing.shape[:-1], last)
    ranks = (q * ends[..., None]).astype(ordered.dtype)
    if not skip:
        ranks = np.where(missing.any(-1)[..., None], ordered.dtype.type(last), ranks)
    if interpolation == "nearest":
        return gather(ordered, -1, make_tensor(ordered, np.round(ranks).astype(np.int64)))
    if interpolation not in _WEIGHTS:
        raise ValueError(f"{name}: interpolation is {interpolation!r}; wanted {', '.join(_WEIGHTS)} or nearest")
    below = np.floor(ranks)
    weights = make_tensor(ordered, np.asarray(_WEIGHTS[interpolation](ranks - below), ordered.dtype))
    low, high = (
        gather(ordered, -1, make_tensor(ordered, rank.astype(np.int64))) for rank in (below, np.ceil(ranks))
    )
    return add(low, mul(sub(high, low), weights))


def bucketize(input: Any, boundaries: T, *, out_int32: bool = False, right: bool = False) -> T:
    """Return for each number the index of its bucket between sorted boundaries, as `searchsorted` does.

    >>> import tinygrad_cnn as tg
    >>> tg.bucketize(tg.tensor([1.0, 2.5]), tg.tensor([0.0, 2.0, 4.0]))
    tensor([1, 2])
    """
    if boundaries.ndim != 1:
        raise ValueError(f"bucketize: wanted a vector of boundaries, got the shape {boundaries.shape}")
    found = searchsorted(boundaries, input, right=right)
    return make_tensor(found, found.array.astype(np.int32)) if out_int32 else found


def histogram(
    input: T, bins: Any, *, range: tuple[float, float] | None = None, weight: Any = None, density: bool = False
) -> tuple[T, T]:
    """Return how many entries lie in each bin, or the sum of their weights, and the edges of the bins.

    ``bins`` is a number of bins of one width, in the range, by default from the least entry to the greatest, or a
    vector of edges. There is no gradient.

    >>> import tinygrad_cnn as tg
    >>> tg.histogram(tg.tensor([1.0, 2.0, 2.5]), 3)
    (tensor([1., 0., 2.]), tensor([1.0000, 1.5000, 2.0000, 2.5000]))
    """
    if input.dtype.kind != "f":
        raise TypeError(f"histogram: wanted floating-point numbers, got {input.dtype}")
    edges = array_of(bins)
    if isinstance(edges, np.ndarray) and edges.ndim:
        edges = np.asarray(edges, input.dtype)
    else:
        edges = whole("histogram", "bins", bins, 1)
    entries = input.array.ravel()
    weights = None if weight is None else array_of(weight).ravel()
    counts, found = np.histogram(entries, edges, range, density=density, weights=weights)
    return make_tensor(input, counts.astype(input.dtype)), make_tensor(input, found.astype(input.dtype))
