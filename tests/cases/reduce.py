"""Reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from registry import calls, case, refuse, some_dims, zeros
from strategies import Draw, anywhere, shapes, spaced

import tinygrad_cnn as tg


def reductions(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"dim": some_dims(draw, shape), "keepdim": draw(st.booleans())}


def numpy_reduction(function: Callable[..., Any], **fixed: Any) -> Callable[..., Any]:
    return lambda x, dim=None, keepdim=False: function(x, axis=dim, keepdims=keepdim, **fixed)


filled = shapes(min_side=1)
two_or_more = shapes(min_dims=1, min_side=2)
case("sum", tg.sum, numpy_reduction(np.sum), calls(anywhere, arguments=reductions), torch="sum")
case(
    "mean",
    tg.mean,
    numpy_reduction(np.mean),
    calls(anywhere, shape=filled, arguments=reductions),
    "sum div",
    torch="mean",
)
case(
    "var", tg.var, numpy_reduction(np.var, ddof=1), calls(anywhere, shape=two_or_more, arguments=reductions), "sum"
)
case(
    "std",
    tg.std,
    numpy_reduction(np.std, ddof=1),
    calls(spaced, shape=two_or_more, arguments=reductions),
    "sqrt",
    torch="std",
)
case("amax", tg.amax, numpy_reduction(np.max), calls(spaced, shape=filled, arguments=reductions), torch="amax")
case("amin", tg.amin, numpy_reduction(np.min), calls(spaced, shape=filled, arguments=reductions), torch="amin")

# --- what must be refused ---

refuse(lambda: zeros(2, 3).sum(2), IndexError, r"sum: dim 2 is out of range")
refuse(lambda: zeros(2, 3).sum((0, -2)), ValueError, r"sum: a dimension appears twice")
refuse(lambda: zeros(2, 3).sum("rows"), TypeError, r"sum: dim is 'r'; wanted an integer")
refuse(lambda: tg.tensor([1, 2]).mean(), TypeError, r"mean: wanted floating-point numbers, got int64")
refuse(lambda: zeros(0).amax(), ValueError, r"amax: .*shape \(0,\)")
