"""Broadcasting, shapes, parts."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from registry import Sample, calls, case, dim_of, refuse, zeros
from strategies import Draw, anywhere, broadcastable, generators, shapes

import tinygrad_cnn as tg
from tinygrad_cnn.ops import broadcast, index


@st.composite
def expansions(draw: Draw) -> Sample:
    rng, (a, b) = draw(generators()), draw(broadcastable())
    small, whole = sorted((a, b), key=lambda s: (len(s), np.prod(s)))
    if np.broadcast_shapes(small, whole) != whole:
        small = whole
    return Sample((anywhere(rng, small),), {"shape": whole})


@st.composite
def collapses(draw: Draw) -> Sample:
    sample = draw(expansions())
    (array,), shape = sample.inputs, sample.arguments["shape"]
    return Sample((anywhere(draw(generators()), shape),), {"shape": array.shape})


def sum_back(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Count where each element of the small shape went, and add up there."""
    out = np.zeros(shape)
    np.add.at(out.reshape(-1), np.broadcast_to(np.arange(out.size).reshape(shape), array.shape), array)
    return out


case(
    "broadcast_to",
    tg.broadcast_to,
    np.broadcast_to,
    expansions(),
    torch=lambda torch, x, shape: x.broadcast_to(shape),
)
case("expand", lambda x, shape: x.expand(*shape), np.broadcast_to, expansions(), "broadcast_to")
case("sum_to", broadcast.sum_to, sum_back, collapses())


def reshapings(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    size = int(np.prod(shape))
    options = [(size,), (1, size), (size, 1, 1)]
    if size:
        options += [(-1,), (1, -1)] + [(n, -1) for n in range(1, size + 1) if size % n == 0]
    return {"shape": draw(st.sampled_from(options))}


case(
    "reshape",
    lambda x, shape: x.reshape(*shape),
    np.reshape,
    calls(anywhere, arguments=reshapings),
    torch="reshape",
)
case("view", lambda x, shape: x.view(shape), np.reshape, calls(anywhere, arguments=reshapings), "reshape")
case(
    "flatten",
    lambda x: tg.flatten(x, 1),
    lambda x: x.reshape(len(x), int(np.prod(x.shape[1:]))),
    calls(anywhere, shape=shapes(min_dims=2)),
    "reshape",
)
case(
    "unsqueeze",
    tg.unsqueeze,
    lambda x, dim: np.expand_dims(x, dim),
    calls(anywhere, arguments=lambda d, s: {"dim": d(st.integers(-len(s) - 1, len(s)))}),
    "reshape",
)
case("squeeze", tg.squeeze, np.squeeze, calls(anywhere), "reshape")
case(
    "permute",
    lambda x, dims: x.permute(*dims),
    lambda x, dims: np.transpose(x, dims),
    calls(anywhere, arguments=lambda d, s: {"dims": tuple(d(st.permutations(range(len(s)))))}),
)
case("T", lambda x: x.T, np.transpose, calls(anywhere), "permute")
case(
    "transpose",
    tg.transpose,
    lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1),
    calls(anywhere, shape=shapes(min_dims=1), arguments=lambda d, s: {"dim0": dim_of(d, s), "dim1": dim_of(d, s)}),
    "permute",
)


@st.composite
def joins(draw: Draw) -> Sample:
    rng, shape = draw(generators()), list(draw(shapes(min_dims=1)))
    dim = dim_of(draw, tuple(shape))
    arrays = []
    for _ in range(draw(st.integers(1, 3))):
        shape[dim] = draw(st.integers(0, 3))
        arrays.append(anywhere(rng, tuple(shape)))
    return Sample(tuple(arrays), {"dim": dim})


@st.composite
def stackings(draw: Draw) -> Sample:
    rng, shape = draw(generators()), draw(shapes())
    arrays = tuple(anywhere(rng, shape) for _ in range(draw(st.integers(1, 3))))
    return Sample(arrays, {"dim": draw(st.integers(-len(shape) - 1, len(shape)))})


case(
    "cat",
    lambda *t, dim: tg.cat(t, dim),
    lambda *a, dim: np.concatenate(a, dim),
    joins(),
    torch=lambda torch, *t, dim: torch.cat(t, dim),
)
case(
    "stack",
    lambda *t, dim: tg.stack(t, dim),
    lambda *a, dim: np.stack(a, dim),
    stackings(),
    "cat",
    lambda torch, *t, dim: torch.stack(t, dim),
)

INDICES = [
    0,
    -1,
    slice(None, None, 2),
    slice(2, None, -1),
    (slice(1, 3), 1),
    (..., 0),
    (None, slice(None), None, 2),
    [0, 2, 0],
    (slice(None), [1, 1, 0]),
    ([0, 2, 2], [1, 0, 0]),
    np.array([[True, False, True], [False] * 3, [True] * 3]),
    (np.array([2, 0]), None, slice(0, 2)),
]


@st.composite
def parts(draw: Draw) -> Sample:
    rng = draw(generators())
    return Sample((anywhere(rng, (3, 3, 2)),), {"index": draw(st.sampled_from(INDICES))})


@st.composite
def placements(draw: Draw) -> Sample:
    rng, at = draw(generators()), draw(st.sampled_from(INDICES))
    return Sample((anywhere(rng, np.zeros((3, 3, 2))[at].shape),), {"shape": (3, 3, 2), "index": at})


def placed(x: np.ndarray, shape: tuple[int, ...], index: Any) -> np.ndarray:
    out = np.zeros(shape)
    np.add.at(out.reshape(-1), np.arange(out.size).reshape(shape)[index], x)
    return out


case("index", lambda x, index: x[index], lambda x, index: x[index], parts())
case("unindex", index._unindex, placed, placements())

# --- what must be refused ---

refuse(lambda: zeros(2, 3).reshape(4, -1), ValueError, r"reshape: a tensor of shape \(2, 3\) cannot .* \(4, -1\)")
refuse(lambda: zeros(2, 3).reshape(-1, -1), ValueError, r"reshape")
refuse(lambda: zeros(2, 3).reshape(1.5, 4), TypeError, r"reshape: the shape is .*; wanted integers")
refuse(lambda: zeros(2, 3).expand(3, 3), ValueError, r"broadcast_to: ")
refuse(
    lambda: zeros(2, 3).expand(3), ValueError, r"expand: a tensor of shape \(2, 3\) cannot be expanded to \(3,\)"
)
refuse(lambda: zeros(2, 3).permute(0, 0), ValueError, r"permute: \(0, 0\) does not name each of the 2")
refuse(lambda: zeros(2, 3).transpose(0, 2), IndexError, r"transpose: dim 2 is out of range .* 2 dimensions")
refuse(lambda: zeros(2, 3).flatten(1, 0), ValueError, r"flatten: start_dim 1 comes after end_dim 0")
refuse(lambda: zeros(2).unsqueeze(3), IndexError, r"unsqueeze: dim 3")
refuse(lambda: tg.cat([]), ValueError, r"cat: wanted at least one tensor")
refuse(lambda: tg.cat([zeros(2, 3), zeros(2, 4)]), ValueError, r"cat: shapes .* along dimension 0")
refuse(lambda: tg.stack([zeros(2), zeros(3)]), ValueError, r"stack: wanted tensors of one shape")
refuse(lambda: zeros(2)[2], IndexError, r"index: .*shape \(2,\)")
refuse(
    lambda: zeros(2)[tg.tensor([0.0])], IndexError, r"getitem: wanted integers or booleans as index, got float32"
)
