"""Tensors put together by rule, order statistics and combining writes, held to NumPy and to PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tests.cases.index import along_dims
from tests.cases.reduce import of_one_dim
from tests.support.registry import calls, case, dim_of, refuse, zeros
from tests.support.strategies import Draw, anywhere, shapes, spaced

filled = shapes(min_dims=1, min_side=1)
matrix = shapes(min_dims=2, max_dims=2, min_side=2)


def along(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"dim": dim_of(draw, shape)}


for name, oracle in (("cummax", np.maximum), ("cummin", np.minimum)):
    case(
        name,
        lambda x, dim, name=name: getattr(tg, name)(x, dim).values,
        lambda x, dim, oracle=oracle: oracle.accumulate(x, dim),
        calls(spaced, shape=filled, arguments=along),
        records="index",
        torch=lambda torch, x, dim, name=name: getattr(torch, name)(x, dim).values,
    )
case(
    "kthvalue",
    lambda x, dim, keepdim: tg.kthvalue(x, 1, dim, keepdim).values,
    lambda x, dim, keepdim: np.min(x, dim, keepdims=keepdim),
    calls(spaced, shape=filled, arguments=of_one_dim),
    records="index",
    torch=lambda torch, x, dim, keepdim: torch.kthvalue(x, 1, dim, keepdim).values,
)
case(
    "nanmedian",
    lambda x: tg.nanmedian(tg.where(x > 0.5, float("nan"), x), -1).values,
    lambda x: np.nanquantile(np.where(x > 0.5, np.nan, x), 0.5, -1, method="inverted_cdf"),
    calls(spaced, shape=filled),
    records="index",
    torch=lambda torch, x: torch.nanmedian(torch.where(x > 0.5, float("nan"), x), -1).values,
)
case("diff", tg.diff, lambda x: np.diff(x), calls(anywhere, shape=filled), records="sub", torch="diff")
case(
    "trapezoid",
    tg.trapezoid,
    lambda y, x: np.trapezoid(y, x),
    calls(anywhere, anywhere, shape=filled),
    records="sub",
    torch="trapezoid",
)
case("cov", tg.cov, lambda x: np.cov(x), calls(anywhere, shape=matrix), records="matmul", torch="cov")
case(
    "corrcoef",
    tg.corrcoef,
    np.corrcoef,
    calls(anywhere, shape=shapes(2, 2, 3)),
    records="sqrt",
    torch="corrcoef",
)
case(
    "block_diag",
    tg.block_diag,
    lambda a, b: np.block([[a, np.zeros((a.shape[0], b.shape[1]))], [np.zeros((b.shape[0], a.shape[1])), b]]),
    calls(anywhere, anywhere, shape=matrix),
    records="cat",
    torch="block_diag",
)
case(
    "vander",
    tg.vander,
    lambda x: np.vander(x),
    calls(anywhere, shape=shapes(1, 1, 1, 4)),
    records="pow",
    torch=lambda torch, x: x.unsqueeze(-1) ** torch.arange(len(x) - 1, -1, -1),  # its own fails in backward
)
case("fmax", tg.fmax, np.fmax, calls(spaced, anywhere), records="where", torch="fmax")
case("fmin", tg.fmin, np.fmin, calls(spaced, anywhere), records="where", torch="fmin")
case("deg2rad", tg.deg2rad, np.deg2rad, calls(anywhere), records="mul", torch="deg2rad")


def combined(x: np.ndarray, src: np.ndarray, dim: int, index: np.ndarray, reduce: str, include_self: bool) -> Any:
    """Collect all values for each place in a list."""
    lists: dict[tuple[int, ...], list[float]] = {}
    for where in np.ndindex(index.shape):
        place = list(where)
        if place:
            place[dim] = int(index[where])
        lists.setdefault(tuple(place), []).append(src[where])
    out = x.copy()
    kinds: Any = {"sum": np.sum, "prod": np.prod, "mean": np.mean, "amax": np.max, "amin": np.min}
    for place, values in lists.items():
        out[place] = kinds[reduce](values + [x[place]] * include_self)
    return out


for kind in ("sum", "prod", "mean", "amax", "amin"):
    for include in (True, False):
        options = {"reduce": kind, "include_self": include}
        case(
            f"scatter_reduce_{kind}" + "_of_the_source" * (not include),
            lambda x, src, dim, index, o=options: tg.scatter_reduce(x, dim, index, src, **o),
            lambda x, src, dim, index, o=options: combined(x, src, dim, index, **o),
            along_dims(source=True).filter(lambda sample: sample.arguments["index"].size > 0),
            records="index",
            # PyTorch has no gradient for a source that is larger than the index
            torch=lambda torch, x, src, dim, index, o=options: torch.scatter_reduce(
                x, dim, index, src[tuple(slice(n) for n in index.shape)], **o
            ),
        )
case(
    "index_fill",
    lambda x, value: tg.index_fill(x, 0, [0, -1], value),
    lambda x, value: np.concatenate([[value], x[1:-1], [value]]),
    calls(anywhere, shape=shapes(1, 1, 2, 4)).map(lambda s: type(s)((*s.inputs, np.array(0.5)), {})),
    records="put",
    torch=lambda torch, x, value: torch.index_fill(x, 0, torch.tensor([0, x.shape[0] - 1]), value),
)

# --- what must be refused ---

refuse(lambda: zeros(2).kthvalue(3), ValueError, r"kthvalue: k is 3, but dimension -1 of \(2,\) has 2 entries")
refuse(lambda: zeros(0).mode(), IndexError, r"mode: dimension -1 of \(0,\) is empty")
refuse(lambda: zeros(3).hsplit(2), ValueError, r"hsplit: 2 sections do not divide the length 3 of dimension 0")
refuse(lambda: zeros(3).vsplit(1), ValueError, r"vsplit: wanted a tensor of at least 2 dimensions")
refuse(lambda: zeros(()).diff(), ValueError, r"diff: wanted a tensor of at least one dimension")
refuse(lambda: tg.trapezoid(zeros(2), zeros(3)), ValueError, r"trapezoid: 3 points x for 2 values")
refuse(lambda: tg.block_diag(zeros(1, 1, 1)), ValueError, r"block_diag: wanted at most two dimensions")
refuse(
    lambda: zeros(2).scatter_reduce(0, tg.tensor([0]), zeros(1), "median"),
    ValueError,
    r"scatter_reduce: reduce is 'median'; wanted one of sum, prod, mean, amax, amin",
)
refuse(lambda: zeros(2).index_copy(0, [0], zeros(2)), ValueError, r"index_copy: the source has shape \(2,\)")
refuse(lambda: zeros(2).index_fill(0, [0], zeros(2)), ValueError, r"index_fill: wanted one value, got shape \(2,\)")
refuse(lambda: tg.isin(1, 2), TypeError, r"isin: wanted a tensor as elements")
refuse(lambda: tg.cov(zeros(1, 1, 1)), ValueError, r"cov: wanted at most two dimensions")
