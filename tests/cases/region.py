"""Regions of a base, as views show them: read, added up, and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.support.registry import Sample, case
from tests.support.strategies import Draw, anywhere, generators
from tinygrad_cnn.ops import region as ops
from tinygrad_cnn.ops.region import Region, may_overlap, region_of

BASES: list[Callable[[], np.ndarray]] = [
    lambda: np.empty((3, 4)),
    lambda: np.empty((3, 4), order="F"),
    lambda: np.empty((4, 3, 2)).transpose(1, 0, 2),
    lambda: np.empty((6, 8))[::2, 1::2],
    lambda: np.empty((3, 4))[::-1, ::-1],
]
APART: list[Callable[[np.ndarray], np.ndarray]] = [
    lambda x: x,
    lambda x: x[1],
    lambda x: x[..., 1:],
    lambda x: x[::2, ::-1],
    lambda x: x.T[1:],
    lambda x: x[None, :, None, 2],
    lambda x: x[1, 2, ...],
    lambda x: x[3:],
    lambda x: x.diagonal(),
]
OVERLAPPING: list[Callable[[np.ndarray], np.ndarray]] = [
    lambda x: np.broadcast_to(x[0], (2, *x[0].shape)),
    lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, 1),
]


@st.composite
def regions(draw: Draw, views: list[Callable[[np.ndarray], np.ndarray]], *inputs: str) -> Sample:
    """Calls with a region; the inputs are arrays of the shape of its base or of the region itself."""
    base, rng = draw(st.sampled_from(BASES))(), draw(generators())
    region = region_of(draw(st.sampled_from(views))(base), base)
    return Sample(tuple(anywhere(rng, getattr(region, name)) for name in inputs), {"region": region})


def pairs(region: Region) -> Iterator[tuple[Any, Any]]:
    """Each index of the region with the index of the base that lies at the same place in memory."""
    place = lambda at, strides: sum(i * s for i, s in zip(at, strides, strict=True))  # noqa: E731
    bases = {place(at, region.base_strides): at for at in np.ndindex(region.base_shape)}
    return ((at, bases[region.offset + place(at, region.strides)]) for at in np.ndindex(region.shape))


def taken(x: np.ndarray, region: Region) -> np.ndarray:
    out = np.empty(region.shape)
    for at, of_base in pairs(region):
        out[at] = x[of_base]
    return out


def added(x: np.ndarray, region: Region) -> np.ndarray:
    out = np.zeros(region.base_shape)
    for at, of_base in pairs(region):
        out[of_base] += x[at]
    return out


def put(x: np.ndarray, values: np.ndarray, region: Region) -> np.ndarray:
    out = x.copy()
    for at, of_base in pairs(region):
        out[of_base] = values[at]
    return out


case("take_region", ops.take_region, taken, regions(APART + OVERLAPPING, "base_shape"))
case("add_region", ops.add_region, added, regions(APART + OVERLAPPING, "shape"))
case("put_region", ops.put_region, put, regions(APART, "base_shape", "shape"))
assert not any(may_overlap(view(base()).shape, view(base()).strides) for view in APART for base in BASES)
