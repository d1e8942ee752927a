"""The error function, to the rounding of its type, on every interval of its approximation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygrad_cnn.kernels.erf import erf

POINTS = np.concatenate([np.linspace(-30, 30, 4001), np.geomspace(1e-300, 20, 500), [0.46875, 4, -0.46875, -4, 0]])


@pytest.mark.parametrize(("complement", "exact"), [(False, math.erf), (True, math.erfc)])
def test_float64_is_right_to_rounding(complement, exact):
    wanted = np.array([exact(x) for x in POINTS])
    np.testing.assert_allclose(erf(POINTS, complement), wanted, rtol=1e-13, atol=1e-300)
    near = np.abs(POINTS) < 4
    np.testing.assert_allclose(erf(POINTS, complement)[near], wanted[near], rtol=3e-15)


def test_float32_is_right_to_rounding():
    found = erf(POINTS.astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [math.erf(np.float32(x)) for x in POINTS], rtol=1e-6, atol=1e-38)


def test_ends_nan_signed_zero_and_shapes():
    ends = np.array([np.inf, -np.inf, np.nan, 1e300, -0.0])
    np.testing.assert_array_equal(erf(ends), [1, -1, np.nan, 1, -0.0])
    assert np.signbit(erf(ends))[-1]
    np.testing.assert_array_equal(erf(ends, complement=True), [0, 2, np.nan, 0, 1])
    assert erf(np.zeros((2, 0, 3))).shape == (2, 0, 3)
    assert erf(np.ones((3, 2)).T).shape == (2, 3)
