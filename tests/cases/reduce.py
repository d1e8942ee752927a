"""Reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import special

import tinygrad_cnn as tg
from tests.support.registry import calls, case, dim_of, refuse, some_dims, zeros
from tests.support.strategies import Draw, Values, anywhere, off_zero, positive, shapes, spaced


def reductions(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"dim": some_dims(draw, shape), "keepdim": draw(st.booleans())}


def of_one_dim(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"dim": dim_of(draw, shape), "keepdim": draw(st.booleans())}


def numpy_reduction(function: Callable[..., Any], **fixed: Any) -> Callable[..., Any]:
    return lambda x, dim=None, keepdim=False: function(x, axis=dim, keepdims=keepdim, **fixed)


def zeros_among(kind: Values) -> Values:
    """Values of which some are 0."""
    return lambda rng, shape: np.asarray(kind(rng, shape) * (rng.random(shape) < 0.8))


def nans_among(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(np.where(rng.random(shape) < 0.4, np.nan, anywhere(rng, shape)))


def one_nan(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    array = anywhere(rng, shape)
    array[(0,) * len(shape)] = np.nan
    return array


filled = shapes(min_side=1)
two_or_more = shapes(min_dims=1, min_side=2)
case("sum", tg.sum, numpy_reduction(np.sum), calls(anywhere, arguments=reductions), torch="sum")
case(
    "mean",
    tg.mean,
    numpy_reduction(np.mean),
    calls(anywhere, shape=filled, arguments=reductions),
    torch="mean",
)
case(
    "nansum",
    tg.nansum,
    numpy_reduction(np.nansum),
    calls(nans_among, arguments=reductions),
    records="where",
    torch="nansum",
)
case(
    "nanmean",
    tg.nanmean,
    numpy_reduction(np.nanmean),
    calls(one_nan, shape=two_or_more, arguments=reductions),
    records="where div",
    torch="nanmean",
)


def spreads(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    given = draw(
        st.sampled_from([{}, {"correction": 0}, {"correction": 0.5}, {"unbiased": False}, {"unbiased": True}])
    )
    return {**reductions(draw, shape), **given}


def spread(function: Any) -> Any:
    def oracle(x: Any, dim: Any, keepdim: bool, correction: float = 1, unbiased: bool = True) -> Any:
        return function(x, axis=dim, keepdims=keepdim, ddof=correction if unbiased else 0)

    return oracle


def both(function: Any, **options: Any) -> Any:
    """The two results of a function, one behind the other."""

    def call(*given: Any, **arguments: Any) -> Any:
        first, second = function(*given, **arguments, **options)
        return (first + 3 * second) if hasattr(first, "shape") else first

    return call


variances, deviations = (calls(kind, shape=two_or_more, arguments=spreads) for kind in (anywhere, spaced))
case("var", tg.var, spread(np.var), variances, records="var_mean", torch="var")
case("std", tg.std, spread(np.std), deviations, records="pow where", torch="std")
for name, function in [("var_mean", np.var), ("std_mean", np.std)]:
    case(
        name,
        both(getattr(tg, name)),
        lambda x, f=function, **a: spread(f)(x, **a) + 3 * x.mean(a["dim"], keepdims=a["keepdim"]),
        deviations,
        records="var_mean",
        torch=lambda torch, x, name=name, **a: both(getattr(torch, name))(x, **a),
    )


def naive_norm(x: np.ndarray, p: Any, dim: Any = None, keepdim: bool = False) -> Any:
    size = np.abs(x)
    if p in (np.inf, -np.inf):
        return (np.max if p > 0 else np.min)(size, axis=dim, keepdims=keepdim)
    if p == 0:
        return np.sum(x != 0, axis=dim, keepdims=keepdim)
    p = 2 if p == "fro" else p
    return np.sum(size**p, axis=dim, keepdims=keepdim) ** (1 / p)


for name, orders, records in [
    ("norm", [2, "fro", 1, 3, 0.5, -1.5], "sum"),
    ("norm0", [0], "sign"),
    ("norm_inf", [np.inf, -np.inf], "abs"),
]:
    case(
        name,
        tg.norm,
        naive_norm,
        calls(
            spaced, shape=filled, arguments=lambda d, s, o=orders: {**reductions(d, s), "p": d(st.sampled_from(o))}
        ),
        records=records,
        # PyTorch records nothing for how many are not 0, and refuses "fro" over three dimensions
        torch=lambda torch, x, p, **a: torch.norm(x, 2 if p == "fro" else p, **a) + (0 * x.sum() if p == 0 else 0),
    )
case(
    "linalg.vector_norm",
    tg.linalg.vector_norm,
    lambda x, ord, dim, keepdim: naive_norm(x, ord, dim, keepdim),
    calls(
        off_zero, shape=filled, arguments=lambda d, s: {**reductions(d, s), "ord": d(st.sampled_from([1, 2, 4]))}
    ),
    records="sum",
    torch="linalg.vector_norm",
)
case(
    "linalg.norm",
    tg.linalg.norm,
    lambda A, ord, dim: np.linalg.norm(A, ord, dim),
    calls(
        off_zero,
        shape=shapes(min_dims=2, max_dims=2, min_side=1),
        arguments=lambda d, s: d(
            st.sampled_from(
                [{"ord": None, "dim": None}, {"ord": "fro", "dim": (0, 1)}, {"ord": 3, "dim": -1}]
                + [{"ord": ord, "dim": dim} for ord in (1, -1, np.inf, -np.inf) for dim in (None, (1, 0), (-2, -1))]
            )
        ),
    ),
    records="sum",
    torch="linalg.norm",
)
case(
    "logsumexp",
    tg.logsumexp,
    lambda x, dim, keepdim: special.logsumexp(x, axis=dim, keepdims=keepdim),
    calls(
        lambda rng, shape: np.asarray(anywhere(rng, shape) * rng.choice([1, 400])),
        shape=filled,
        arguments=lambda d, s: {"dim": some_dims(d, s) or tuple(range(len(s))), "keepdim": d(st.booleans())},
    ),
    torch="logsumexp",
)


# --- extremes ---

case("amax", tg.amax, numpy_reduction(np.max), calls(spaced, shape=filled, arguments=reductions), torch="amax")
case("amin", tg.amin, numpy_reduction(np.min), calls(spaced, shape=filled, arguments=reductions), torch="amin")
case(
    "aminmax",
    both(tg.aminmax),
    lambda x, dim, keepdim: x.min(axis=dim, keepdims=keepdim) + 3 * x.max(axis=dim, keepdims=keepdim),
    calls(spaced, shape=shapes(min_dims=1, min_side=1), arguments=of_one_dim),
    records="amin amax",
    torch=lambda torch, x, **arguments: both(torch.aminmax)(x, **arguments),
)
for name in ("max", "min"):
    whole, function = getattr(np, name), getattr(tg, name)
    case(name, function, whole, calls(spaced, shape=filled), records=f"a{name}", torch=name)
    for part in ("values", "indices"):
        oracle = whole if part == "values" else getattr(np, f"arg{name}")
        case(
            f"{name}_{part}",
            lambda x, f=function, part=part, **a: getattr(f(x, **a), part),
            numpy_reduction(oracle),
            calls(spaced, shape=shapes(min_dims=1, min_side=1), arguments=of_one_dim),
            records=name if part == "values" else "",
            torch=lambda torch, x, name=name, part=part, **a: getattr(getattr(torch, name)(x, **a), part),
            differentiable=part == "values",
        )
    case(
        f"arg{name}",
        getattr(tg, f"arg{name}"),
        numpy_reduction(getattr(np, f"arg{name}")),
        calls(
            spaced,
            shape=filled,
            arguments=lambda d, s: {
                "dim": d(st.sampled_from([None, *range(-len(s), len(s))])),
                "keepdim": d(st.booleans()),
            },
        ),
        torch=f"arg{name}",
        differentiable=False,
    )
case(
    "max_of_two",
    tg.max,
    np.maximum,
    calls(spaced, lambda rng, shape: np.asarray(spaced(rng, shape) + 0.05)),
    records="maximum",
    torch="max",
)


# --- questions ---

sparse = calls(zeros_among(off_zero), arguments=reductions)
for name, function in [("all", np.all), ("any", np.any)]:
    case(name, getattr(tg, name), numpy_reduction(function), sparse, torch=name, differentiable=False)
case(
    "count_nonzero",
    tg.count_nonzero,
    lambda x, dim: np.count_nonzero(x, axis=dim),
    calls(zeros_among(off_zero), arguments=lambda d, s: {"dim": some_dims(d, s)}),
    torch="count_nonzero",
    differentiable=False,
)

case(
    "vector_norm",
    tg.linalg.vector_norm,
    lambda x, ord: np.linalg.norm(x.ravel(), ord),
    calls(positive, shape=filled, arguments=lambda draw, shape: {"ord": draw(st.sampled_from([1, 2, 3.5]))}),
    records="sum",
    torch="linalg.vector_norm",
)

# --- what must be refused ---

refuse(lambda: zeros(2, 3).sum(2), IndexError, r"sum: dim 2 is out of range")
refuse(lambda: zeros(2, 3).sum((0, -2)), ValueError, r"sum: a dimension appears twice")
refuse(lambda: zeros(2, 3).sum("rows"), TypeError, r"sum: dim is 'r'; wanted an integer")
refuse(lambda: tg.tensor([1, 2]).mean(), TypeError, r"mean: wanted floating-point numbers, got int64")
refuse(lambda: zeros(0).amax(), ValueError, r"amax: .*shape \(0,\)")
refuse(
    lambda: zeros(2).var(unbiased=True, correction=1), ValueError, r"var: wanted unbiased or correction, got both"
)
refuse(lambda: zeros(2).norm("nuc"), ValueError, r"norm: the order 'nuc' is unknown")
refuse(lambda: tg.tensor([1]).norm(), TypeError, r"norm: wanted floating-point numbers, got int64")
refuse(lambda: tg.linalg.norm(zeros(2, 2), 3), ValueError, r"matrix_norm: over 2 dimensions the order is 3")
refuse(lambda: tg.linalg.norm(zeros(2), "fro"), ValueError, r"norm: 'fro' is for matrices, got 1 dim")
refuse(lambda: tg.linalg.vector_norm(zeros(2), "fro"), ValueError, r"vector_norm: the order is 'fro'")
