"""Parts taken and put, by indices and by masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.registry import Sample, calls, case, dim_of, refuse, zeros
from tests.support.strategies import Draw, anywhere, broadcastable, generators, shapes
from tinygrad_cnn.ops import index

# --- brackets ---

INDICES = [
    0,
    -1,
    slice(None, None, 2),
    slice(2, None, -1),
    (slice(1, 3), 1),
    (..., 0),
    (None, slice(None), None, 2),
    (),
    True,
    [],
    [0, 2, 0],
    range(2),
    (slice(None), [1, 1, 0]),
    ([0, 2, 2], [1, 0, 0]),
    ([[0, -1], [2, 2]], slice(None), [[1, 1], [0, 0]]),
    np.array([[True, False, True], [False] * 3, [True] * 3]),
    (slice(1, 3), np.array([[True, True], [False, True], [True, False]])),
    (np.array([2, 0]), None, slice(0, 2)),
    (np.array(2), slice(None), np.int64(1)),
]
# Where integers and arrays mix, integers come first: this is PyTorch's rule, and not NumPy's.
MIXED: list[tuple[Any, Callable[[np.ndarray], np.ndarray]]] = [
    ((0, slice(None), [1, 0, 1]), lambda x: x[0][:, [1, 0, 1]]),
    (([0, 2], slice(1, 3), 1), lambda x: x[:, :, 1][[0, 2], 1:3]),
    ((1, ..., None, [0, 0]), lambda x: x[1][:, None][..., [0, 0]]),
    ((0, np.array([[True, False], [True, True], [False, True]])), lambda x: x[0][[0, 1, 1, 2], [0, 0, 1, 1]]),
    (([0, 1], 0, [1, 1]), lambda x: x[:, 0][[0, 1], [1, 1]]),
]


@st.composite
def parts(draw: Draw, indices: Any = tuple(INDICES)) -> Sample:
    return Sample((anywhere(draw(generators()), (3, 3, 2)),), {"index": draw(st.sampled_from(indices))})


@st.composite
def placements(draw: Draw) -> Sample:
    rng, at = draw(generators()), draw(st.sampled_from(INDICES))
    return Sample((anywhere(rng, np.zeros((3, 3, 2))[at].shape),), {"shape": (3, 3, 2), "index": at})


@st.composite
def replacements(draw: Draw) -> Sample:
    """An input, values for some of its places, and an index that names none of them twice."""
    rng = draw(generators())
    at = draw(st.sampled_from([0, (slice(1, 3), 1), [0, 2], ([0, 2, 2], [1, 0, 1]), np.eye(3, dtype=bool)]))
    x = anywhere(rng, (3, 3, 2))
    return Sample((x, anywhere(rng, x[at].shape)), {"index": at})


def placed(x: np.ndarray, shape: tuple[int, ...], index: Any) -> np.ndarray:
    out = np.zeros(shape)
    np.add.at(out.reshape(-1), np.arange(out.size).reshape(shape)[index], x)
    return out


def replaced(x: np.ndarray, values: np.ndarray, index: Any) -> np.ndarray:
    out = x.copy()
    out[index] = values
    return out


def in_torch(torch: Any, x: Any, index: Any) -> Any:
    parts = index if isinstance(index, tuple) else (index,)
    return x[tuple(torch.tensor(i) if isinstance(i, (list, np.ndarray)) and np.size(i) else i for i in parts)]


forwards = [i for i in INDICES if not isinstance(i, (range, np.ndarray)) and i != slice(2, None, -1)]
case("index", lambda x, index: x[index], lambda x, index: x[index], parts())
case(
    "getitem",
    lambda x, index: x[index],
    lambda x, index: x[index],
    parts(forwards),
    records="index",
    torch=in_torch,
)
case(
    "getitem_mixed",
    lambda x, index: x[MIXED[index][0]],
    lambda x, index: MIXED[index][1](x),
    parts(range(len(MIXED))),
    records="index",
    torch=lambda torch, x, index: in_torch(torch, x, MIXED[index][0]),
)
case("unindex", index.add_at, placed, placements())
case("put", index.put_at, replaced, replacements())


# --- along a dimension ---

solid = shapes(min_dims=1, min_side=1)


@st.composite
def along_dims(draw: Draw, unique: bool = False, source: bool = False, one: bool = False) -> Sample:
    """An input, a dim, and an index: one for each entry, as `gather` has it, or (one) a vector for the dim."""
    rng, shape = draw(generators()), draw(solid)
    dim = dim_of(draw, shape)
    length = shape[dim]
    if one:
        at = np.asarray(rng.integers(0, length, draw(st.integers(0, 4))))
        wanted = (*shape[: dim % len(shape)], len(at), *shape[dim % len(shape) :][1:])
    else:
        lengths = [draw(st.integers(0, n)) for n in shape]
        order = np.argsort(rng.random(shape), axis=dim)[tuple(map(slice, lengths))]
        at = order if unique else np.asarray(rng.integers(0, length, lengths))
        wanted = tuple(n + draw(st.integers(0, 1)) for n in at.shape)
    arrays = (anywhere(rng, shape), anywhere(rng, wanted))
    return Sample(arrays[: 1 + source], {"dim": dim, "index": at})


def each(shape: tuple[int, ...], dim: int, at: np.ndarray) -> Any:
    """The places that an index of `gather` names, one by one."""
    for place in np.ndindex(at.shape):
        target = list(place)
        target[dim] = at[place]
        yield place, tuple(target)


def naive_gather(x: np.ndarray, dim: int, index: np.ndarray) -> np.ndarray:
    out = np.zeros(index.shape)
    for place, target in each(x.shape, dim, index):
        out[place] = x[target]
    return out


def naive_scatter(x: np.ndarray, src: Any, dim: int, index: np.ndarray, keep: int = 0) -> np.ndarray:
    out = x.copy()
    for place, target in each(x.shape, dim, index):
        out[target] = keep * out[target] + (src[place] if isinstance(src, np.ndarray) else src)
    return out


def naive_index_add(x: np.ndarray, source: np.ndarray, dim: int, index: np.ndarray, alpha: float = 1) -> Any:
    out = np.moveaxis(x.copy(), dim, 0)
    for i, row in zip(index, np.moveaxis(source, dim, 0), strict=True):
        out[i] += alpha * row
    return np.moveaxis(out, 0, dim)


def with_last(name: str) -> tuple[Any, Any]:
    """PyTorch's argument order (input, dim, index, source) from the cases' (input, source)."""
    return (
        lambda x, src, dim, index, **more: getattr(tg, name)(x, dim, index, src, **more),
        lambda torch, x, src, dim, index, **more: getattr(torch, name)(
            x, dim, index, src[tuple(map(slice, index.shape))] if name.startswith("scatter") else src, **more
        ),  # PyTorch has no derivative for a source larger than the index
    )


case("gather", tg.gather, naive_gather, along_dims(), records="index", torch="gather")
case(
    "index_select",
    tg.index_select,
    lambda x, dim, index: np.take(x, index, dim),
    along_dims(one=True),
    records="index",
    torch="index_select",
)
ours, theirs = with_last("scatter")
case("scatter", ours, naive_scatter, along_dims(unique=True, source=True), records="put", torch=theirs)
case(
    "scatter_value",
    lambda x, dim, index: tg.scatter(x, dim, index, 2.5),
    lambda x, dim, index: naive_scatter(x, 2.5, dim, index),
    along_dims(),
    records="put",
    torch=lambda torch, x, dim, index: torch.scatter(x, dim, index, 2.5),
)
ours, theirs = with_last("scatter_add")
case(
    "scatter_add",
    ours,
    lambda x, src, dim, index: naive_scatter(x, src, dim, index, keep=1),
    along_dims(source=True),
    records="unindex",
    torch=theirs,
)
ours, theirs = with_last("index_add")
case("index_add", ours, naive_index_add, along_dims(one=True, source=True), records="unindex", torch=theirs)
case(
    "index_add_alpha",
    lambda x, src, **arguments: ours(x, src, alpha=0.5, **arguments),
    lambda x, src, **arguments: naive_index_add(x, src, alpha=0.5, **arguments),
    along_dims(one=True, source=True),
    records="unindex",
    torch=lambda torch, x, src, **arguments: theirs(torch, x, src, alpha=0.5, **arguments),
)


@st.composite
def puts(draw: Draw) -> Sample:
    rng, accumulate = draw(generators()), draw(st.booleans())
    at = [np.array([0, 2, 0] if accumulate else [2, 0, 1]), np.array([1, 1, 1])]
    values = draw(st.sampled_from([(3, 2), (2,), (), (3, 1)]))
    return Sample((anywhere(rng, (3, 3, 2)), anywhere(rng, values)), {"indices": at, "accumulate": accumulate})


def naive_put(x: np.ndarray, values: np.ndarray, indices: Any, accumulate: bool) -> np.ndarray:
    out = x.copy()
    for i, v in enumerate(np.broadcast_to(values, (3, 2))):
        place = tuple(at[i] for at in indices)
        out[place] = accumulate * out[place] + v
    return out


case(
    "index_put",
    lambda x, values, indices, accumulate: tg.index_put(x, indices, values, accumulate),
    naive_put,
    puts(),
    records="broadcast_to",
    torch=lambda torch, x, values, indices, accumulate: torch.index_put(
        x, [torch.tensor(i) for i in indices], values, accumulate
    ),
)


@st.composite
def entries(draw: Draw) -> Sample:
    rng, shape = draw(generators()), draw(solid)
    dim = dim_of(draw, shape)
    at = draw(st.integers(-shape[dim], shape[dim] - 1))
    x = anywhere(rng, shape)
    return Sample((x, anywhere(rng, np.take(x, at, dim).shape)), {"dim": dim, "index": at})


case(
    "select",
    tg.select,
    lambda x, dim, index: np.take(x, index, dim),
    entries().map(lambda s: Sample(s.inputs[:1], s.arguments)),
    records="index",
    torch="select",
)
case(
    "select_scatter",
    tg.select_scatter,
    lambda x, src, dim, index: replaced(x, src, (slice(None),) * (dim % x.ndim) + (index,)),
    entries(),
    records="put",
    torch="select_scatter",
)


def stretches(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    dim = dim_of(draw, shape)
    start = draw(st.integers(0, shape[dim]))
    length = draw(st.integers(0, shape[dim] - start))
    negative = start < shape[dim] and draw(st.booleans())
    return {"dim": dim, "start": start - shape[dim] if negative else start, "length": length}


case(
    "narrow",
    tg.narrow,
    lambda x, dim, start, length: np.take(x, np.arange(length) + start % (x.shape[dim] + (start >= 0)), dim),
    calls(anywhere, shape=solid, arguments=stretches),
    records="index",
    torch="narrow",
)


# --- masks, and flat ---


@st.composite
def masks(draw: Draw, whole: bool = False, source: bool = False) -> Sample:
    rng, (a, b) = draw(generators()), draw(broadcastable())
    mask = np.asarray(rng.random(a if whole else b) < 0.5)
    arrays = [anywhere(rng, a)]
    if source:
        shape = np.broadcast_shapes(a, mask.shape)
        arrays.append(anywhere(rng, (int(np.broadcast_to(mask, shape).sum()) + draw(st.integers(0, 2)),)))
    return Sample(tuple(arrays), {"mask": mask})


def naive_masked_scatter(x: np.ndarray, source: np.ndarray, mask: np.ndarray) -> np.ndarray:
    out, mask = (np.array(a) for a in np.broadcast_arrays(x, mask))
    out[mask] = source[: mask.sum()]
    return out


case(
    "masked_fill",
    lambda x, mask: tg.masked_fill(x, tg.tensor(mask), 0.5),
    lambda x, mask: np.where(mask, 0.5, x),
    masks(),
    records="where",
    torch=lambda torch, x, mask: torch.masked_fill(x, mask, 0.5),
)
case(
    "masked_fill_tensor",
    lambda x, value, mask: tg.masked_fill(x, mask, value),
    lambda x, value, mask: np.where(mask, value, x),
    masks().map(lambda s: Sample((*s.inputs, np.array(0.5)), s.arguments)),
    records="where",
    torch=lambda torch, x, value, mask: torch.masked_fill(x, mask, value),
)
case(
    "masked_select",
    tg.masked_select,
    lambda x, mask: np.broadcast_arrays(x, mask)[0][np.broadcast_arrays(x, mask)[1]],
    masks(),
    records="index",
    torch="masked_select",
)
case(
    "masked_scatter",
    lambda x, source, mask: tg.masked_scatter(x, mask, source),
    naive_masked_scatter,
    masks(source=True),
    records="put",
    torch=lambda torch, x, source, mask: torch.masked_scatter(x, mask, source),
)
case(
    "take",
    tg.take,
    lambda x, index: x.reshape(-1)[index],
    calls(
        anywhere,
        shape=shapes(min_side=1),
        arguments=lambda d, s: {
            "index": d(generators()).integers(-int(np.prod(s)), int(np.prod(s)), d(shapes(max_dims=2, min_dims=1)))
        },
    ),
    records="index",
    torch="take",
)


@st.composite
def wide_indices(draw: Draw) -> Sample:
    rng, (a, b) = draw(generators()), draw(broadcastable())
    ndim = max(len(a), len(b), 1)
    a, b = ((1,) * (ndim - len(s)) + s for s in (a, b))
    dim = draw(st.integers(-ndim, ndim - 1))
    a = tuple(max(n, 1) if i == dim % ndim else n for i, n in enumerate(a))
    if draw(st.booleans()):
        return Sample((anywhere(rng, a),), {"dim": dim, "indices": rng.integers(-a[dim], a[dim], b)})
    size = int(np.prod(a))
    return Sample((anywhere(rng, a),), {"dim": None, "indices": rng.integers(0, max(size, 1), (3 if size else 0,))})


def naive_take_along(x: np.ndarray, dim: int | None, indices: np.ndarray) -> np.ndarray:
    if dim is None:
        return x.reshape(-1)[indices]
    return np.take_along_axis(x, indices, dim)


case("take_along_dim", tg.take_along_dim, naive_take_along, wide_indices(), records="index", torch="take_along_dim")
case(
    "nonzero",
    tg.nonzero,
    np.argwhere,
    calls(lambda rng, shape: np.asarray(rng.integers(0, 2, shape) * 1.0)),
    torch="nonzero",
    differentiable=False,
)

# --- what must be refused ---

two = np.array([0, 1])
refuse(lambda: zeros(2)[2], IndexError, r"index: .*shape \(2,\)")
refuse(
    lambda: zeros(2)[tg.tensor([0.0])], IndexError, r"getitem: wanted integers or booleans as index, got float32"
)
refuse(lambda: zeros(2)["a"], IndexError, r"index: ")
refuse(lambda: zeros(2).gather(0, [[0]]), ValueError, r"gather: an index of shape \(1, 1\) does not fit .* \(2,\)")
refuse(lambda: zeros(2).gather(0, [-1]), IndexError, r"gather: indices from -1 to -1 are not all within 0 to 1")
refuse(lambda: zeros(2).gather(0, [0.5]), TypeError, r"gather: wanted integers as index, got float64")
refuse(lambda: zeros(2).index_select(0, [2]), IndexError, r"index_select: indices from 2 to 2")
refuse(lambda: zeros(2).index_select(0, [[0]]), IndexError, r"index_select: wanted a vector of indices")
refuse(
    lambda: zeros(2).index_add(0, [0], zeros(2)),
    ValueError,
    r"index_add: the source has shape \(2,\), wanted \(1,\)",
)
refuse(
    lambda: zeros(2).scatter(0, two, zeros(1)),
    ValueError,
    r"scatter: an index of shape \(2,\) does not fit a source",
)
refuse(
    lambda: zeros(2).scatter_add(0, two, tg.ones(2, dtype=tg.float64)), TypeError, r"scatter_add: input is float32"
)
refuse(
    lambda: zeros(2, 2).select_scatter(zeros(1), 0, 0), ValueError, r"select_scatter: the source has shape \(1,\)"
)
refuse(lambda: zeros(()).select(0, 0), IndexError, r"select: a 0-d tensor")
refuse(lambda: zeros(3).narrow(0, 2, 2), IndexError, r"narrow: 2 entries from 2 on do not fit into dimension 0")
refuse(lambda: zeros(2).masked_fill(two, 1.0), TypeError, r"masked_fill: wanted booleans as mask, got int64")
refuse(
    lambda: zeros(2).masked_fill(two == 0, tg.ones(2)),
    ValueError,
    r"masked_fill: wanted one value, got shape \(2,\)",
)
refuse(lambda: zeros(3).masked_select(two == 0), ValueError, r"masked_select: shapes \(3,\) and \(2,\) of the mask")
refuse(
    lambda: zeros(2).masked_scatter(two >= 0, zeros(1)),
    ValueError,
    r"masked_scatter: the mask needs 2 entries, .* 1",
)
refuse(lambda: zeros(2).take([2]), IndexError, r"take: indices from 2 to 2")
refuse(
    lambda: zeros(2).take_along_dim(np.array([[0]]), 0), ValueError, r"take_along_dim: indices of shape \(1, 1\)"
)
