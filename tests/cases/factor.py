"""Factors of matrices, the pseudoinverse, and the gamma function."""

from __future__ import annotations

from math import erfc, factorial, lgamma
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.registry import Sample, calls, case, refuse, zeros
from tests.support.strategies import Draw, anywhere, generators, off_zero, positive, shapes
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


def between_integers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of either sign, away from the poles of the gamma function."""
    return np.asarray(rng.integers(-4, 4, shape) + rng.uniform(0.2, 0.8, shape))


def zeta(n: int) -> Any:
    """The n-th derivative of digamma, as a sum over 2000 terms and the integral over the rest."""
    terms = np.arange(2000.0)

    @np.vectorize
    def at(x: float) -> float:
        rest = (x + len(terms)) ** -n / n + (x + len(terms)) ** (-n - 1) / 2
        return (-1.0) ** (n + 1) * factorial(n) * float(((x + terms) ** (-n - 1)).sum() + rest)

    return lambda x: at(x) if x.size else x


case(
    "polygamma_of_order_3",
    lambda x: tg.polygamma(3, x),
    zeta(3),
    calls(between_integers, shape=shapes(max_dims=1)),
    records="polygamma",
    torch=lambda torch, x: torch.polygamma(3, x),
)
case(
    "polygamma_of_order_2",
    lambda x: tg.special.polygamma(2, x),
    zeta(2),
    calls(between_integers, shape=shapes(max_dims=1)),
    records="polygamma",
    torch=lambda torch, x: torch.special.polygamma(2, x),
)
case(
    "mvlgamma",
    lambda x: tg.mvlgamma(x + 1, 3),
    lambda x: 1.5 * np.log(np.pi) + sum(scipy_special(x + 1 - j / 2) for j in range(3)),
    calls(positive),
    records="lgamma",
    torch=lambda torch, x: torch.mvlgamma(x + 1, 3),
)
case(
    "entr",
    tg.special.entr,
    lambda x: -x * np.log(x),
    calls(positive),
    records="log",
    torch="special.entr",
)
case(
    "xlog1py",
    tg.special.xlog1py,
    lambda x, y: x * np.log1p(y),
    calls(anywhere, positive, broadcast=True),
    records="log1p mul",
    torch="special.xlog1py",
)
each_erfc: Any = np.vectorize(erfc, otypes=[float])
case(
    "erfcx",
    lambda x: tg.special.erfcx(x * 3),
    lambda x: np.exp(9 * x * x) * each_erfc(3 * x),
    calls(positive),
    torch=lambda torch, x: torch.special.erfcx(x * 3),
)
case(
    "ndtr",
    tg.special.ndtr,
    lambda x: each_erfc(-x / np.sqrt(2)) / 2,
    calls(anywhere),
    records="erfc",
    torch="special.ndtr",
)
case(
    "log_ndtr",
    lambda x: tg.special.log_ndtr(x * 3),
    lambda x: np.log(each_erfc(-3 * x / np.sqrt(2)) / 2),
    calls(off_zero),
    records="erfcx where",
    torch=lambda torch, x: torch.special.log_ndtr(x * 3),
)
case("erfinv", lambda x: tg.erfinv(tg.erf(x / 2)), lambda x: x / 2, calls(anywhere), torch=None)

# --- what must be refused ---

refuse(lambda: linalg.eigh(zeros(2, 3)), ValueError, r"eigh: wanted square matrices")
refuse(lambda: linalg.eigh(zeros(2, 2), "X"), ValueError, r"eigh: UPLO is 'X'; wanted 'L' or 'U'")
refuse(lambda: linalg.svd(zeros(2)), ValueError, r"svd: wanted matrices")
refuse(lambda: linalg.svd(zeros(2, 3)), RuntimeError, r"svd: full matrices of a matrix that is not square")
refuse(lambda: linalg.qr(zeros(2, 2), "raw"), ValueError, r"qr: mode is 'raw'")
refuse(lambda: linalg.lstsq(zeros(2, 2), zeros(3, 1)), ValueError, r"lstsq: B of shape \(3, 1\) does not fit A")
