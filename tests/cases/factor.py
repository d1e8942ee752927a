"""Factors of matrices, the pseudoinverse, and the gamma function."""

from __future__ import annotations

from math import lgamma
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.registry import Sample, calls, case, refuse, zeros
from tests.support.strategies import Draw, anywhere, generators, positive
from tinygrad_cnn import linalg
from tinygrad_cnn.ops import gamma


def apart(rng: np.random.Generator, m: int, n: int) -> np.ndarray:
    """A matrix whose singular values lie apart."""
    k = min(m, n)
    u, v = (np.linalg.qr(rng.standard_normal((size, k)))[0] for size in (m, n))
    return np.asarray((u * (np.arange(k) + rng.uniform(0.5, 1, k))) @ v.T)


@st.composite
def matrices(draw: Draw, tall: bool = False) -> Sample:
    rng, m, n = draw(generators()), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return Sample((apart(rng, max(m, n) if tall else m, n),), {})


@st.composite
def squares(draw: Draw) -> Sample:
    n = draw(st.integers(1, 3))
    return Sample((apart(draw(generators()), n, n),), {})


def symmetric(x: Any) -> Any:
    return x @ x.mT if hasattr(x, "mT") else x @ np.swapaxes(x, -1, -2)


def of_factors(module: Any) -> Any:
    """All that is certain about singular vectors, whose signs are not."""
    return lambda *parts: sum(abs(p).sum() * (i + 1) for i, p in enumerate(parts))


total = of_factors(np)
case(
    "eigh",
    lambda x: total(*linalg.eigh(symmetric(x))),
    lambda x: total(*np.linalg.eigh(symmetric(x))),
    squares(),
    torch=lambda torch, x: total(*torch.linalg.eigh(symmetric(x))),
)
case(
    "eigvalsh",
    lambda x: linalg.eigvalsh(symmetric(x)),
    lambda x: np.linalg.eigvalsh(symmetric(x)),
    squares(),
    records="eigh",
    torch=lambda torch, x: torch.linalg.eigvalsh(symmetric(x)),
)
case(
    "svd",
    lambda x: total(*linalg.svd(x, full_matrices=False)),
    lambda x: total(*np.linalg.svd(x, full_matrices=False)),
    matrices(),
    torch=lambda torch, x: total(*torch.linalg.svd(x, full_matrices=False)),
)
case(
    "svdvals",
    linalg.svdvals,
    lambda x: np.linalg.svd(x, compute_uv=False),
    matrices(),
    torch="linalg.svdvals",
)
case(
    "qr",
    lambda x: total(*linalg.qr(x)),
    lambda x: total(*np.linalg.qr(x)),
    matrices(),
    torch=lambda torch, x: total(*torch.linalg.qr(x)),
)
case("pinv", linalg.pinv, np.linalg.pinv, matrices(), torch="linalg.pinv")
case(
    "lstsq",
    lambda a, b: linalg.lstsq(a, b).solution,
    lambda a, b: np.linalg.lstsq(a, b, None)[0],
    matrices(tall=True).map(lambda s: Sample((s.inputs[0], s.inputs[0][:, :1] * 0.5 + 1), {})),
    records="pinv matmul",
    torch=lambda torch, a, b: torch.linalg.lstsq(a, b).solution,
)
case(
    "solve_triangular",
    lambda a, b: linalg.solve_triangular(a, b, upper=False, unitriangular=True),
    lambda a, b: np.linalg.solve(np.tril(a, -1) + np.eye(len(a)), b),
    squares().map(lambda s: Sample((s.inputs[0], s.inputs[0] + 1), {})),
    records="solve",
    torch=lambda torch, a, b: torch.linalg.solve_triangular(a, b, upper=False, unitriangular=True),
)

# --- special functions ---

scipy_special: Any = np.vectorize(lgamma, otypes=[float])
case("lgamma", tg.lgamma, scipy_special, calls(positive), torch="lgamma")


def slope(function: Any) -> Any:
    """The derivative by finite differences of fourth order."""
    h = 1e-3
    return lambda x: (
        (8 * (function(x + h) - function(x - h)) - (function(x + 2 * h) - function(x - 2 * h))) / (12 * h)
    )


case("digamma", lambda x: tg.digamma(x + 1), lambda x: slope(scipy_special)(x + 1), calls(positive), torch=None)
case(
    "polygamma",
    lambda x: gamma._polygamma(x + 1, n=1),
    lambda x: slope(lambda y: gamma.digamma.forward(np.asarray(y)))(x + 1),
    calls(positive),
    torch=lambda torch, x: torch.polygamma(1, x + 1),
)
case("erfinv", lambda x: tg.erfinv(tg.erf(x / 2)), lambda x: x / 2, calls(anywhere), torch=None)

# --- what must be refused ---

refuse(lambda: linalg.eigh(zeros(2, 3)), ValueError, r"eigh: wanted square matrices")
refuse(lambda: linalg.eigh(zeros(2, 2), "X"), ValueError, r"eigh: UPLO is 'X'; wanted 'L' or 'U'")
refuse(lambda: linalg.svd(zeros(2)), ValueError, r"svd: wanted matrices")
refuse(lambda: linalg.svd(zeros(2, 3)), RuntimeError, r"svd: full matrices of a matrix that is not square")
refuse(lambda: linalg.qr(zeros(2, 2), "raw"), ValueError, r"qr: mode is 'raw'")
refuse(lambda: linalg.lstsq(zeros(2, 2), zeros(3, 1)), ValueError, r"lstsq: B of shape \(3, 1\) does not fit A")
