"""The error function and GELU, to the rounding of their type, on every interval of their approximations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from tinygrad_cnn.kernels.dispatch import TABLE
from tinygrad_cnn.kernels.gaussian import erf, erfc, gelu, gelu_slope

POINTS = np.concatenate([np.linspace(-30, 30, 4001), np.geomspace(1e-300, 20, 500), [0.46875, 4, -0.46875, -4, 0]])


@pytest.mark.parametrize(("function", "exact"), [(erf, math.erf), (erfc, math.erfc)])
def test_float64_is_right_to_rounding(function, exact):
    wanted = np.array([exact(x) for x in POINTS])
    np.testing.assert_allclose(function(POINTS), wanted, rtol=1e-13, atol=1e-300)
    near = np.abs(POINTS) < 4
    np.testing.assert_allclose(function(POINTS)[near], wanted[near], rtol=3e-15)


def slope_of_gelu(x: np.ndarray) -> np.ndarray:
    return special.ndtr(x) + x * stats.norm.pdf(x)


# How many units in the last place, and how far at most: GELU's tail loses what its exponent is rounded by.
@pytest.mark.parametrize("kernels", ["numpy", "compiled"])
@pytest.mark.parametrize(
    ("name", "exact", "least", "units"),
    [
        ("erf", special.erf, -30, 5),
        ("erfc", special.erfc, -30, 10),
        ("gelu", lambda x: x * special.ndtr(x), -3, 8),
        ("gelu", lambda x: x * special.ndtr(x), -9, 40),
    ],
)
def test_float32_is_right_to_the_last_places(
    name: str, exact: Any, least: float, units: float, kernels: str
) -> None:
    kernel = TABLE[name].numpy
    if kernels == "compiled":
        pytest.importorskip("numba")
        from tinygrad_cnn.kernels.compiled.kernels import COMPILED

        kernel = COMPILED[name]
    x = np.concatenate([POINTS, np.linspace(-10, 10, 20_001)]).astype(np.float32)
    x = x[x >= least]
    found, wanted = kernel(x), exact(x.astype(np.float64))
    assert found.dtype == np.float32
    assert (np.abs(found) <= np.maximum(2, x)).all()
    smallest = np.finfo(np.float32).smallest_normal * 10
    allowed = units * np.spacing(np.maximum(np.abs(wanted), smallest).astype(np.float32)) + smallest
    assert (np.abs(found - wanted) <= allowed).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_derivative_of_gelu_is_right_to_rounding(dtype: Any) -> None:
    x = np.linspace(-12, 12, 2001).astype(dtype)
    found = gelu_slope(np.ones_like(x), x)
    assert found.dtype == gelu(x).dtype == dtype
    np.testing.assert_allclose(found, slope_of_gelu(x.astype(np.float64)), rtol=0, atol=2 * np.finfo(dtype).eps)


def test_ends_nan_signed_zero_and_shapes():
    ends = np.array([np.inf, -np.inf, np.nan, 1e300, -0.0])
    np.testing.assert_array_equal(erf(ends), [1, -1, np.nan, 1, -0.0])
    assert np.signbit(erf(ends))[-1]
    np.testing.assert_array_equal(erfc(ends), [0, 2, np.nan, 0, 1])
    assert erf(np.zeros((2, 0, 3))).shape == (2, 0, 3)
    assert erf(np.ones((3, 2)).T).shape == (2, 3)
