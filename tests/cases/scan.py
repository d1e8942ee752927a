"""Running sums and products."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.cases.reduce import of_one_dim, zeros_among
from tests.support.registry import calls, case, dim_of, refuse, zeros
from tests.support.strategies import Draw, anywhere, shapes

some_zeros = zeros_among(anywhere)


def along(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"dim": dim_of(draw, shape)}


long = shapes(min_dims=1, max_dims=2, max_side=5)
case(
    "cumsum",
    tg.cumsum,
    lambda x, dim: np.cumsum(x, dim),
    calls(anywhere, shape=long, arguments=along),
    torch="cumsum",
)
case(
    "cumprod",
    tg.cumprod,
    lambda x, dim: np.cumprod(x, dim),
    calls(some_zeros, shape=long, arguments=along),
    torch="cumprod",
)
case(
    "logcumsumexp",
    tg.logcumsumexp,
    lambda x, dim: np.logaddexp.accumulate(x, dim),
    calls(anywhere, shape=long, arguments=along),
    records="cast",
    torch="logcumsumexp",
)
case(
    "prod",
    tg.prod,
    lambda x, dim=None, keepdim=False: np.prod(x, axis=dim, keepdims=keepdim),
    calls(some_zeros, arguments=lambda d, s: of_one_dim(d, s) if s and d(st.booleans()) else {}),
    torch="prod",
)

case(
    "prod_of_a_row",
    tg.prod,
    np.prod,
    calls(some_zeros, shape=shapes(min_dims=1, max_dims=1, max_side=40)),
    records="prod",
    torch="prod",
)

# --- what must be refused ---

refuse(lambda: zeros(2).cumsum(1), IndexError, r"cumsum: dim 1 is out of range")
refuse(lambda: tg.tensor([1]).logcumsumexp(0), TypeError, r"logcumsumexp: wanted floating-point numbers, got int64")
