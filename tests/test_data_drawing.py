"""Drawings become digits as MNIST has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinygrad_cnn.data import digit_from_drawing

drawings = arrays(
    np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.sampled_from([0, 0, 0, 100, 255])
).filter(np.any)


def centre_of_mass(digit: np.ndarray) -> np.ndarray:
    y, x = np.indices(digit.shape) + 0.5
    return np.array([(y * digit).sum(), (x * digit).sum()]) / digit.sum()


@given(drawings)
def test_ink_fills_twenty_pixels_and_is_as_bright_as_it_was(ink: np.ndarray) -> None:
    digit = digit_from_drawing(ink)
    assert digit.shape == (28, 28)
    assert digit.dtype == np.float32
    assert 0 <= digit.min() <= digit.max() <= 1 + 1e-6
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    scale = max(np.ptp(rows), np.ptp(columns)) + 1
    np.testing.assert_allclose(digit.sum(), ink.sum() / ink.max() * (20 / scale) ** 2, rtol=1e-4)
    covered = [np.ptp(np.flatnonzero((digit > 1e-5).any(axis))) + 1 for axis in (0, 1)]
    assert 20 <= max(covered) <= 21


@given(drawings, st.tuples(*[st.integers(0, 30)] * 4))
def test_where_it_was_drawn_does_not_matter(ink: np.ndarray, margins: tuple[int, int, int, int]) -> None:
    moved = np.pad(ink, (margins[:2], margins[2:]))
    np.testing.assert_allclose(digit_from_drawing(moved), digit_from_drawing(ink), atol=1e-5)


@given(drawings, st.integers(2, 5))
def test_how_large_it_was_drawn_does_not_matter(ink: np.ndarray, times: int) -> None:
    larger = np.kron(ink, np.ones((times, times), np.uint8))
    np.testing.assert_allclose(digit_from_drawing(larger), digit_from_drawing(ink), atol=1e-5)


@given(drawings)
def test_the_centre_of_mass_is_in_the_middle_where_there_is_room(ink: np.ndarray) -> None:
    """To a tenth of a pixel: one that is partly covered counts as if it were evenly so."""
    digit = digit_from_drawing(ink)
    for centre, axis in zip(centre_of_mass(digit), (1, 0), strict=True):
        places = np.flatnonzero(digit.any(axis))
        assert places[0] == 0 or places[-1] == 27 or centre == pytest.approx(14, abs=0.1)


def test_no_ink_gives_an_empty_digit() -> None:
    assert not digit_from_drawing(np.zeros((9, 9))).any()


@pytest.mark.parametrize("ink", [np.ones(9), np.ones((2, 2, 2)), [[np.nan, 1.0]], [[-1.0, 1.0]]])
def test_what_is_no_drawing_is_refused(ink: object) -> None:
    with pytest.raises(ValueError, match="digit_from_drawing: wanted finite numbers of at least 0"):
        digit_from_drawing(ink)
