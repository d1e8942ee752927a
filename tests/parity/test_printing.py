"""Tensors print as PyTorch's do, except for the name of the type."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")

SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=12)
NUMBERS = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 2.0, 100.0, 0.5, -0.25, float("nan"), float("inf"), -float("inf")]),
    st.floats(-9, 9, width=32),
    st.floats(width=32),
)


def text(tensor: object) -> str:
    """The tensor as text, on one line: where a long row is broken differs."""
    return " ".join(repr(tensor).split())


@given(hnp.arrays(np.float32, SHAPES, elements=NUMBERS))
def test_floats_print_as_there(array: np.ndarray) -> None:
    assert text(tg.tensor(array)) == text(torch.tensor(array))


@given(hnp.arrays(st.sampled_from([np.int64, np.bool_]), SHAPES))
def test_integers_and_truth_values_print_as_there(array: np.ndarray) -> None:
    assert text(tg.tensor(array)) == text(torch.tensor(array))


@pytest.mark.parametrize("size", [(1001,), (40, 30), (3, 20, 30), (20, 60)])
def test_large_tensors_print_a_summary(size: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    assert repr(tg.tensor(array)) == repr(torch.tensor(array))


OPTIONS = [
    {"precision": 2},
    {"sci_mode": True},
    {"sci_mode": False},
    {"threshold": 10, "edgeitems": 1},
    {"profile": "short"},
    {"profile": "full"},
    {"linewidth": 40},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_do_what_they_do_there(options: dict[str, object]) -> None:
    array = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32) * 50
    try:
        for library in (tg, torch):
            library.set_printoptions(**options)
        assert repr(tg.tensor(array)) == repr(torch.tensor(array))
    finally:
        for library in (tg, torch):
            library.set_printoptions(profile="default")
