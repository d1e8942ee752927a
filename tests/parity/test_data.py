"""Splits and batches against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cnn.data import default_collate, random_split

torch = pytest.importorskip("torch")


@given(weights=st.lists(st.integers(1, 50), min_size=1, max_size=6), total=st.integers(50, 1000))
@pytest.mark.filterwarnings("ignore:Length of split")
def test_fractions_give_the_lengths_that_they_give_there(weights: list[int], total: int) -> None:
    fractions = [w / sum(weights) for w in weights]
    if sum(fractions) > 1:  # by a rounding error, which PyTorch does not forgive
        return
    ours = random_split(range(total), fractions, np.random.default_rng(0))
    theirs = torch.utils.data.random_split(range(total), fractions)
    assert [len(part) for part in ours] == [len(part) for part in theirs]


@pytest.mark.parametrize("samples", [[1, 2], [True, False], [(1, 2), (3, 4)]])
def test_batches_are_those_made_there(samples: list[object]) -> None:
    ours, theirs = default_collate(samples), torch.utils.data.default_collate(samples)
    pairs = zip(ours, theirs, strict=True) if isinstance(ours, list) else [(ours, theirs)]
    for a, b in pairs:
        np.testing.assert_array_equal(a.array, b.numpy(), strict=not isinstance(samples[0], bool))
