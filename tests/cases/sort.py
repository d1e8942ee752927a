"""Order: sorting, the largest and the middle, searching and counting."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.cases.reduce import of_one_dim
from tests.support.registry import Sample, calls, case, dim_of, refuse, zeros
from tests.support.strategies import Draw, anywhere, generators, shapes, spaced

filled = shapes(min_dims=1, min_side=1)


def tied(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(rng.integers(0, 3, shape) * 1.0)


def part_of(name: str, part: str, **fixed: Any) -> tuple[Any, Any]:
    """One part of the named tuple that an operation returns, here and in PyTorch."""
    return (
        lambda x, **a: getattr(getattr(tg, name)(x, **a), part),
        lambda torch, x, **a: getattr(getattr(torch, name)(x, **a, **fixed), part),
    )


def orders(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"dim": dim_of(draw, shape), "descending": draw(st.booleans())}


def naive_argsort(x: np.ndarray, dim: int, descending: bool) -> np.ndarray:
    return np.argsort(-x if descending else x, axis=dim, kind="stable")


def naive_sort(x: np.ndarray, dim: int, descending: bool) -> np.ndarray:
    return np.take_along_axis(x, naive_argsort(x, dim, descending), dim)


ours, theirs = part_of("sort", "values")
case(
    "sort",
    ours,
    naive_sort,
    calls(spaced, shape=shapes(min_dims=1), arguments=orders),
    records="index",
    torch=theirs,
)
ours, theirs = part_of("sort", "indices", stable=True)
several = calls(tied, shape=shapes(min_dims=1, max_dims=2, max_side=6), arguments=orders)
case("sort_indices", ours, naive_argsort, several, records="", torch=theirs, differentiable=False)
case(
    "argsort",
    tg.argsort,
    naive_argsort,
    several,
    torch=lambda torch, x, **a: torch.argsort(x, stable=True, **a),
    differentiable=False,
)


def tops(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    dim = dim_of(draw, shape)
    return {"dim": dim, "k": draw(st.integers(0, shape[dim])), "largest": draw(st.booleans())}


def naive_topk(function: Any) -> Any:
    return lambda x, dim, k, largest: np.take(function(x, dim, largest), np.arange(k), dim)


longer = filled | shapes(min_dims=1, max_dims=1, min_side=8, max_side=12)  # of which few are parted from the rest
for part, naive in [("values", naive_sort), ("indices", naive_argsort)]:
    ours, theirs = part_of("topk", part)
    of_values = part == "values"
    case(
        "topk" if of_values else "topk_indices",
        ours,
        naive_topk(naive),
        calls(spaced, shape=longer, arguments=tops),
        records="index" if of_values else "",
        torch=theirs,
        differentiable=of_values,
    )


def lower_median(x: np.ndarray, dim: int | None = None, keepdim: bool = False) -> Any:
    x, dim = (x.reshape(-1), 0) if dim is None else (x, dim)
    middle = np.take(np.sort(x, dim), (x.shape[dim] - 1) // 2, dim)
    return np.expand_dims(middle, dim) if keepdim else middle


ours, theirs = part_of("median", "values")
case("median", tg.median, lower_median, calls(spaced, shape=shapes(min_side=1)), records="amax", torch="median")
case(
    "median_values",
    ours,
    lower_median,
    calls(spaced, shape=filled, arguments=of_one_dim),
    records="index",
    torch=theirs,
)
ours, theirs = part_of("median", "indices")
case(
    "median_indices",
    ours,
    lambda x, dim, keepdim: np.argmax(x == lower_median(x, dim, True), axis=dim, keepdims=keepdim),
    calls(spaced, shape=filled, arguments=of_one_dim),
    records="",
    torch=theirs,
    differentiable=False,
)

METHODS = ["linear", "lower", "higher", "midpoint"]


def quantiles(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    q = draw(st.one_of(st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.just([0.25, 0.9])))
    dim = draw(st.sampled_from([None, *range(-len(shape), len(shape))]))
    return {"q": q, "dim": dim, "keepdim": draw(st.booleans()), "interpolation": draw(st.sampled_from(METHODS))}


def numpy_quantile(of: Any) -> Any:
    return lambda x, q, dim, keepdim, interpolation: of(x, q, dim, keepdims=keepdim, method=interpolation)


for quantile_name, oracle in (("quantile", np.quantile), ("nanquantile", np.nanquantile)):
    case(
        quantile_name,
        lambda x, q, name=quantile_name, **a: getattr(tg, name)(x, tg.tensor(q, dtype=x.dtype), **a),
        numpy_quantile(oracle),
        calls(spaced, shape=shapes(min_side=1), arguments=quantiles),
        records="index add sub mul",
        torch=lambda torch, x, q, name=quantile_name, **a: getattr(torch, name)(
            x, torch.tensor(q, dtype=x.dtype), **a
        ),
    )

# --- searching and counting ---


@st.composite
def searches(draw: Draw) -> Sample:
    rng, rows = draw(generators()), draw(shapes(max_dims=2, min_side=1))
    length, count = draw(st.integers(0, 5)), draw(st.integers(0, 4))
    sequence = np.sort(tied(rng, (*rows, length)), axis=-1)
    return Sample((sequence, tied(rng, (*rows, count))), {"right": draw(st.booleans())})


def naive_searchsorted(sequence: np.ndarray, values: np.ndarray, right: bool) -> np.ndarray:
    before = np.less_equal if right else np.less
    return before(sequence[..., None, :], values[..., :, None]).sum(-1)


case("searchsorted", tg.searchsorted, naive_searchsorted, searches(), torch="searchsorted", differentiable=False)


def tallies(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"input": draw(generators()).integers(0, 4, shape), "minlength": draw(st.sampled_from([0, 2, 6]))}


vectors = shapes(min_dims=1, max_dims=1, max_side=6)
case(
    "bincount",
    lambda weights, input, minlength: tg.bincount(tg.tensor(input), None, minlength),
    lambda weights, input, minlength: np.bincount(input, None, minlength),
    calls(anywhere, shape=vectors, arguments=tallies),
    torch=lambda torch, weights, input, minlength: torch.bincount(input, None, minlength),
    differentiable=False,
)
case(
    "bincount_weights",
    lambda weights, input, minlength: tg.bincount(tg.tensor(input), weights, minlength),
    np_bincount := lambda weights, input, minlength: np.bincount(input, weights, minlength),
    calls(anywhere, shape=vectors, arguments=tallies),
    records="unindex",
)
case(
    "bincount_weights_value",
    lambda weights, input, minlength: tg.bincount(tg.tensor(input), weights, minlength),
    np_bincount,
    calls(anywhere, shape=vectors, arguments=tallies),
    torch=lambda torch, weights, input, minlength: torch.bincount(input, weights, minlength),
    differentiable=False,
)


@st.composite
def repetitive(draw: Draw) -> Sample:
    shape = draw(shapes(min_dims=1, max_dims=2, min_side=1))
    dim = draw(st.sampled_from([None, *range(-len(shape), len(shape))]))
    return Sample((tied(draw(generators()), shape),), {"dim": dim})


def with_counts(function: Any, keyword: str = "dim") -> Any:
    """The different entries, where each went and how often it occurs, one behind the other."""

    def call(x: Any, dim: int | None) -> Any:
        parts = function(x, return_inverse=True, return_counts=True, **{keyword: dim})
        arrays = [getattr(p, "array", p) for p in parts]
        return tg.tensor(np.concatenate([np.asarray(a).reshape(-1) * 1.0 for a in arrays]))

    return call


case(
    "unique",
    with_counts(tg.unique),
    lambda x, dim: with_counts(np.unique, "axis")(x, dim).array,
    repetitive(),
    torch=lambda torch, x, dim: torch.tensor(with_counts(torch.unique)(x, dim).array),
    differentiable=False,
)

case(
    "bucketize",
    lambda boundaries, input, right: tg.bucketize(input, boundaries, right=right),
    lambda boundaries, input, right: np.digitize(input, boundaries, right=not right),
    calls(
        lambda rng, shape: np.sort(rng.integers(0, 9, shape) * 1.0),
        shape=vectors,
        arguments=lambda draw, shape: {
            "input": draw(generators()).integers(0, 9, (2, 3)) * 1.0,
            "right": draw(st.booleans()),
        },
    ),
    torch=lambda torch, boundaries, input, right: torch.bucketize(input, boundaries, right=right),
    differentiable=False,
)


def uneven(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return values of which none lies on an edge between the bins of the others, where rounding would decide."""
    return np.exp(spaced(rng, shape))


for part in (0, 1):
    case(
        f"histogram_{('counts', 'edges')[part]}",
        lambda x, part=part, **a: tg.histogram(x, **a)[part],
        lambda x, bins, range, density, part=part: np.histogram(x, bins, range, density=density)[part],
        calls(
            uneven,
            shape=shapes(min_side=2, min_dims=1),
            arguments=lambda draw, shape: {
                "bins": draw(st.integers(1, 5)),
                "range": draw(st.sampled_from([None, (-1.5, 2.5)])),
                "density": False,
            },
        ),
        torch=lambda torch, x, part=part, **a: torch.histogram(x, **a)[part],
        differentiable=False,
    )

# --- what must be refused ---

refuse(lambda: zeros(2).quantile(1.5), ValueError, r"quantile: q is 1.5; wanted a number or a vector of numbers")
refuse(
    lambda: zeros(2).quantile(0.5, interpolation="cubic"), ValueError, r"interpolation is 'cubic'; wanted linear"
)
refuse(lambda: zeros(0, 2).quantile(0.5), ValueError, r"quantile: a dimension of \(0, 2\) is empty")
refuse(lambda: tg.ones(2).long().quantile(0.5), TypeError, r"quantile: wanted floating-point numbers, got int64")
refuse(lambda: tg.bucketize(1.0, zeros(2, 2)), ValueError, r"bucketize: wanted a vector of boundaries")
refuse(
    lambda: tg.histogram(tg.ones(2).long(), 2), TypeError, r"histogram: wanted floating-point numbers, got int64"
)
refuse(lambda: zeros(2).topk(3), ValueError, r"topk: k is 3, but dimension -1 of \(2,\) has 2 entries")
refuse(lambda: zeros(2).sort(1), IndexError, r"sort: dim 1 is out of range")
refuse(lambda: zeros(0, 2).median(0), IndexError, r"median: dimension 0 of \(0, 2\) is empty")
refuse(lambda: zeros(0).max(), ValueError, r"amax: .*shape \(0,\)")
refuse(lambda: zeros(2).max(1), IndexError, r"max: dim 1 is out of range")
refuse(lambda: tg.bincount(tg.tensor([-1])), ValueError, r"bincount: wanted a vector of integers of at least 0")
refuse(
    lambda: tg.bincount(tg.tensor([1]), tg.ones(2)), ValueError, r"bincount: weights of shape \(2,\) for an input"
)
refuse(lambda: tg.searchsorted(tg.ones(2, 2), tg.ones(3, 1)), ValueError, r"searchsorted: rows of shape \(2, 2\)")
