"""Operations that go another way when there are many numbers, and give what they give for few."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import generators

from tinygrad_cnn.ops.index import _MANY, _unindex

SHAPE = (30, 4, 20)
assert np.prod(SHAPE) > 2 * _MANY


def rows(rng: np.random.Generator, size: int) -> np.ndarray:
    return rng.integers(-size, size, 2 * size)


INDICES: dict[str, Any] = {
    "different rows": lambda rng: rng.permutation(30),
    "rows named twice": lambda rng: rows(rng, 30),
    "rows named from the front and from the back": lambda rng: np.array([*range(30), -1]),
    "different columns": lambda rng: (..., rng.permutation(20)),
    "columns named twice": lambda rng: (slice(None), slice(1, None), rows(rng, 20)),
    "a table of rows": lambda rng: rows(rng, 30).reshape(-1, 3),
    "a mask": lambda rng: rng.random(SHAPE) < 0.5,
    "a mask of rows": lambda rng: (rng.random(30) < 0.9, slice(None, None, 2)),
    "several arrays": lambda rng: (rows(rng, 30)[:, None], slice(None), rows(rng, 20)),
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
@given(rng=generators(), dtype=st.sampled_from([np.float32, np.float64]))
def test_numbers_are_added_up_where_an_index_points(index: Any, rng: np.random.Generator, dtype: Any) -> None:
    where = index(rng)
    values = rng.uniform(-1, 1, np.empty(SHAPE)[where].shape).astype(dtype)
    wanted = np.zeros(SHAPE, dtype)
    np.add.at(wanted, where, values)
    found = _unindex(values, shape=SHAPE, index=where)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
    assert found.dtype == dtype
