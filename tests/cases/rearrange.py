"""Numbers moved about: turned, shifted, repeated, split and joined, on and off diagonals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.cases.shape import joined
from tests.support.registry import Sample, calls, case, dim_of, refuse, zeros
from tests.support.strategies import Draw, anywhere, generators, shapes
from tinygrad_cnn.ops import rearrange

solid, flat = shapes(min_dims=1), shapes(min_dims=2, min_side=1)


def method(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The method of our Tensor and of PyTorch's."""
    return lambda x, **a: getattr(x, name)(**a), lambda torch, x, **a: getattr(x, name)(**a)


def some(draw: Draw, shape: tuple[int, ...]) -> list[int]:
    dims = draw(st.lists(st.integers(0, len(shape) - 1), unique=True))
    return [d - len(shape) if draw(st.booleans()) else d for d in dims]


# --- turning and shifting ---

case(
    "flip",
    tg.flip,
    lambda x, dims: np.flip(x, dims),
    calls(anywhere, shape=solid, arguments=lambda d, s: {"dims": some(d, s)}),
    torch="flip",
)
case("fliplr", tg.fliplr, np.fliplr, calls(anywhere, shape=flat), records="flip", torch="fliplr")
case("flipud", tg.flipud, np.flipud, calls(anywhere, shape=solid), records="flip", torch="flipud")


def shifts(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    dims = draw(st.none() | st.just(dim_of(draw, shape)) | st.just(tuple(some(draw, shape)) or 0))
    by = [draw(st.integers(-4, 4)) for _ in range(len(dims) if isinstance(dims, tuple) else 1)]
    return {"shifts": tuple(by) if isinstance(dims, tuple) else by[0], "dims": dims}


case(
    "roll",
    tg.roll,
    lambda x, shifts, dims: np.roll(x, shifts, dims),
    calls(anywhere, shape=solid, arguments=shifts),
    torch="roll",
)
case(
    "rot90",
    tg.rot90,
    lambda x, k, dims: np.rot90(x, k, dims),
    calls(
        anywhere,
        shape=flat,
        arguments=lambda d, s: {"k": d(st.integers(-4, 4)), "dims": d(st.sampled_from([(0, 1), (1, 0), (-1, 0)]))},
    ),
    records="flip",
    torch="rot90",
)

# --- repeating ---


def copies(name: str, least: Callable[[tuple[int, ...]], int]) -> Callable[..., dict[str, Any]]:
    return lambda draw, shape: {
        name: tuple(draw(st.lists(st.integers(0, 2), min_size=least(shape), max_size=len(shape) + 1)))
    }


small = shapes(max_dims=2)
ours, theirs = method("repeat")
case(
    "repeat",
    ours,
    lambda x, repeats: np.tile(x, repeats),
    calls(anywhere, shape=small, arguments=copies("repeats", len)),
    records="tile",
    torch=theirs,
)
case(
    "tile",
    tg.tile,
    lambda x, dims: np.tile(x, dims),
    calls(anywhere, shape=small, arguments=copies("dims", lambda s: 0)),
    torch="tile",
)


def repeats(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    dim = draw(st.none() | st.just(dim_of(draw, shape)))
    length = int(np.prod(shape)) if dim is None else shape[dim]
    return {"repeats": draw(generators()).integers(0, 3, length), "dim": dim}


def one_count(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"repeats": draw(st.integers(0, 3)), "dim": draw(st.none() | st.just(dim_of(draw, shape)))}


for name, arguments, records, least in [
    ("repeat_interleave", repeats, "index", 2),
    ("repeat_interleave_by_one_count", one_count, "broadcast_to reshape", 0),
]:
    case(
        name,
        tg.repeat_interleave,
        lambda x, repeats, dim: np.repeat(x, repeats, dim),
        calls(anywhere, shape=shapes(min_dims=1, max_dims=2, min_side=least), arguments=arguments),
        records=records,
        torch="repeat_interleave",
    )


def windows(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    dim = dim_of(draw, shape)
    return {"dimension": dim, "size": draw(st.integers(1, shape[dim])), "step": draw(st.integers(1, 3))}


def sliding(x: np.ndarray, dimension: int, size: int, step: int) -> np.ndarray:
    every = np.lib.stride_tricks.sliding_window_view(x, size, dimension)
    return every[(slice(None),) * (dimension % x.ndim) + (slice(None, None, step),)]


def unslid(sample: Sample) -> Sample:
    """The windows of a sample, to be added up where they were taken from."""
    (x,), a = sample.inputs, sample.arguments
    back = {"shape": x.shape, "axis": a["dimension"] % x.ndim, "size": a["size"], "step": a["step"]}
    return Sample((sliding(x, **a).copy(),), back)


def overlapped(x: np.ndarray, shape: tuple[int, ...], axis: int, size: int, step: int) -> np.ndarray:
    out = np.zeros(shape)
    for place in np.ndindex(x.shape):
        at = list(place[:-1])
        at[axis] = place[axis] * step + place[-1]
        out[tuple(at)] += x[place]
    return out


ours, theirs = method("unfold")
slides = calls(anywhere, shape=shapes(min_dims=1, min_side=1), arguments=windows)
case("unfold", ours, sliding, slides, records="windows", torch=theirs)
case("overlapped", rearrange._overlapped, overlapped, slides.map(unslid))

# --- triangles and diagonals ---

triangles = calls(anywhere, shape=flat, arguments=lambda d, s: {"diagonal": d(st.integers(-3, 3))})
case("tril", tg.tril, lambda x, diagonal: np.tril(x, diagonal), triangles, records="where", torch="tril")
case("triu", tg.triu, lambda x, diagonal: np.triu(x, diagonal), triangles, records="where", torch="triu")


def diagonals(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    a, b = draw(st.permutations(range(len(shape))))[:2]
    offset = draw(st.integers(1 - shape[a], shape[b] - 1))
    return {"offset": offset, "dim1": a - len(shape) if draw(st.booleans()) else a, "dim2": b}


def undiagonal(x: np.ndarray, shape: tuple[int, ...], offset: int) -> np.ndarray:
    out = np.zeros(shape)
    for place in np.ndindex(x.shape):
        i = place[-1]
        out[(*place[:-1], i - min(offset, 0), i + max(offset, 0))] = x[place]
    return out


def embedded(x: np.ndarray, offset: int, dim1: int, dim2: int) -> np.ndarray:
    side = x.shape[-1] + abs(offset)
    return np.moveaxis(undiagonal(x, (*x.shape[:-1], side, side), offset), (-2, -1), (dim1, dim2))


case(
    "diagonal",
    tg.diagonal,
    lambda x, offset, dim1, dim2: np.diagonal(x, offset, dim1, dim2),
    calls(anywhere, shape=flat, arguments=diagonals),
    torch="diagonal",
)
case(
    "undiagonal",
    rearrange._undiagonal,
    undiagonal,
    st.builds(
        lambda rng, offset: Sample(
            (anywhere(rng, (2, len(np.diagonal(np.zeros((2, 3)), offset)))),),
            {"shape": (2, 2, 3), "offset": offset},
        ),
        generators(),
        st.integers(-1, 2),
    ),
)
case(
    "diag_embed",
    tg.diag_embed,
    embedded,
    calls(
        anywhere,
        shape=shapes(min_dims=1, max_dims=2),
        arguments=lambda d, s: {
            "offset": d(st.integers(-2, 2)),
            **d(st.sampled_from([{"dim1": -2, "dim2": -1}, {"dim1": 0, "dim2": -1}, {"dim1": 1, "dim2": 0}])),
        },
    ),
    records="undiagonal",
    torch="diag_embed",
)
for ndim, records in [(1, "undiagonal"), (2, "diagonal")]:
    case(
        f"diag_{ndim}d",
        tg.diag,
        lambda x, diagonal: np.diag(x, diagonal),
        calls(
            anywhere,
            shape=shapes(min_dims=ndim, max_dims=ndim, min_side=1),
            arguments=lambda d, s: {"diagonal": d(st.integers(1 - s[0], s[-1] - 1))},
        ),
        records=records,
        torch="diag",
    )

# --- joining and taking apart ---


@st.composite
def several(draw: Draw, any_of: Any) -> Sample:
    rng, count, shape = draw(generators()), draw(st.integers(1, 3)), draw(any_of)
    return Sample(tuple(anywhere(rng, shape) for _ in range(count)), {})


for name in ("hstack", "vstack", "dstack", "column_stack"):
    case(
        name,
        lambda *t, name=name: getattr(tg, name)(t),
        lambda *a, name=name: getattr(np, name)(a),
        several(shapes()),
        records="cat",
        torch=lambda torch, *t, name=name: getattr(torch, name)(t),
    )
for name in ("atleast_1d", "atleast_2d", "atleast_3d"):
    case(
        name,
        lambda x, name=name: 2 * getattr(tg, name)(x),
        lambda x, name=name: 2 * getattr(np, name)(x),
        calls(anywhere, shape=shapes(max_dims=2)),
        records="mul",
        torch=lambda torch, x, name=name: 2 * getattr(torch, name)(x),
    )


def through(name: str, oracle: Callable[..., Any], arguments: Callable[..., Any], shape: Any = solid) -> None:
    """Add a case of an operation that returns several tensors: each times a number of its own, as one."""

    def weighed(parts: Any, cat: Any) -> Any:
        return joined([p * (i + 1) for i, p in enumerate(parts)], cat)

    case(
        name,
        lambda x, **a: weighed(getattr(tg, name)(x, **a), tg.cat),
        lambda x, **a: weighed(oracle(x, **a), np.concatenate),
        calls(anywhere, shape=shape, arguments=arguments),
        records="cat index",
        torch=lambda torch, x, **a: weighed(getattr(torch, name)(x, *a.values()), torch.cat),
    )


def sections(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    dim = dim_of(draw, shape)
    first = draw(st.integers(0, shape[dim]))
    return {"split_size_or_sections": draw(st.sampled_from([1, 2, 5, [first, shape[dim] - first]])), "dim": dim}


def split(x: np.ndarray, split_size_or_sections: Any, dim: int) -> Any:
    given = split_size_or_sections
    ends = range(given, x.shape[dim], given) if isinstance(given, int) else given[:1]
    return np.split(x, ends, dim)


through("split", split, sections)
through(
    "chunk",
    lambda x, chunks, dim: split(x, -(-x.shape[dim] // chunks), dim),
    lambda d, s: {"chunks": d(st.integers(1, 4)), "dim": dim_of(d, s)},
    shapes(min_dims=1, min_side=1),
)
through(
    "tensor_split",
    lambda x, indices_or_sections, dim: np.array_split(x, indices_or_sections, dim),
    lambda d, s: {
        "indices_or_sections": d(st.sampled_from([1, 2, 4, (1, 2), (2, 1, 7), (-1,)])),
        "dim": dim_of(d, s),
    },
)
through(
    "unbind",
    lambda x, dim: [np.take(x, i, dim) for i in range(x.shape[dim])],
    lambda d, s: {"dim": dim_of(d, s)},
    shapes(min_dims=1, min_side=1),
)


@st.composite
def axes(draw: Draw) -> Sample:
    rng = draw(generators())
    vectors = [anywhere(rng, draw(shapes(max_dims=1))) for _ in range(draw(st.integers(1, 3)))]
    return Sample(tuple(vectors), {"indexing": draw(st.sampled_from(["ij", "xy"]))})


case(
    "meshgrid",
    lambda *t, indexing: joined(tg.meshgrid(*t, indexing=indexing), tg.cat),
    lambda *a, indexing: joined(np.meshgrid(*a, indexing=indexing), np.concatenate),
    axes(),
    records="cat",
    torch=lambda torch, *t, indexing: joined(torch.meshgrid(*t, indexing=indexing), torch.cat),
)

# --- what must be refused ---

refuse(lambda: zeros(2, 2).flip(2), IndexError, r"flip: dim 2 is out of range")
refuse(lambda: zeros(2, 2).flip(0, -2), ValueError, r"flip: a dimension appears twice")
refuse(lambda: zeros(2).roll((1, 2), 0), ValueError, r"roll: shifts \(1, 2\) and dims 0 do not have the same")
refuse(lambda: zeros(2, 2).rot90(1, (0, 0)), ValueError, r"rot90: wanted two different dimensions, got \(0, 0\)")
refuse(lambda: zeros(2, 2).repeat(2), ValueError, r"repeat: \(2,\) for a tensor of shape \(2, 2\)")
refuse(lambda: zeros(3).repeat_interleave([1, 2]), ValueError, r"repeat_interleave: \[1, 2\] for 3 entries")
refuse(lambda: zeros(3).unfold(0, 4, 1), ValueError, r"unfold: a window of 4 does not fit dimension 0 of \(3,\)")
refuse(lambda: zeros(3).unfold(0, 2, 0), ValueError, r"unfold: step is 0; wanted an integer of at least 1")
refuse(lambda: tg.meshgrid(zeros(2, 2)), ValueError, r"meshgrid: wanted vectors, got shapes \[\(2, 2\)\]")
refuse(lambda: tg.meshgrid(zeros(2), indexing="yx"), ValueError, r"meshgrid: indexing 'yx' is unknown")
refuse(lambda: zeros(2).tril(), ValueError, r"tril: wanted at least two dimensions, got shape \(2,\)")
refuse(lambda: zeros(2, 2).diagonal(0, 1, 1), ValueError, r"diagonal: wanted two different dimensions of \(2, 2\)")
refuse(lambda: zeros(2).diag_embed(0, 0, 0), ValueError, r"diag_embed: wanted two different dimensions")
refuse(lambda: zeros(2, 2, 2).diag(), ValueError, r"diag: wanted a vector or a matrix, got shape \(2, 2, 2\)")
refuse(lambda: zeros(5).split([2, 2]), ValueError, r"split: sections \[2, 2\] do not add up to the length 5")
refuse(lambda: zeros(5).split(0), ValueError, r"split: split_size is 0; wanted an integer of at least 1")
refuse(lambda: zeros(5).chunk(0), ValueError, r"chunk: chunks is 0; wanted an integer of at least 1")
refuse(lambda: zeros(()).unbind(), ValueError, r"unbind: a 0-d tensor")
refuse(lambda: zeros(()).split(1), ValueError, r"split: a 0-d tensor cannot be split")
