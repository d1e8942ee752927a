"""Operations that take a quicker way where they can, which no one must notice by the result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.strategies import generators
from tests.support.thresholds import LEAST
from tinygrad_cnn.kernels import thresholds
from tinygrad_cnn.kernels.thresholds import INDEX_CHECKED_FROM, WHERE_BY_BITS_FROM
from tinygrad_cnn.kernels.where import where
from tinygrad_cnn.ops.index import add_at

SHAPE = (30, 4, 20)
assert np.prod(SHAPE) > 2 * INDEX_CHECKED_FROM


def rows(rng: np.random.Generator, size: int) -> np.ndarray:
    return rng.integers(-size, size, 2 * size)


INDICES: dict[str, Any] = {
    "different rows": lambda rng: rng.permutation(30),
    "rows named twice": lambda rng: rows(rng, 30),
    "rows named from the front and from the back": lambda rng: np.array([*range(30), -1]),
    "one row named twice": lambda rng: np.array([*range(30), 3]),
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
    found = add_at(values, SHAPE, where)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
    assert found.dtype == dtype


@given(rng=generators(), dtype=st.sampled_from([np.float16, np.float32, np.float64]))
def test_zero_or_a_number_is_chosen_bit_by_bit(rng: np.random.Generator, dtype: Any) -> None:
    odd = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, np.finfo(dtype).tiny, -np.finfo(dtype).max]
    x, mask = rng.choice(odd, (3, 4)).astype(dtype), rng.random((2, 3, 4)) < 0.5
    for layout in (x, x[:, ::-1], x.T.copy().T):
        for a, b in [(layout, 0), (0.0, layout)]:
            found, wanted = where(mask, a, b), np.where(mask, dtype(a), dtype(b))
            assert found.tobytes() == wanted.tobytes()


@given(rng=generators(), dtype=st.sampled_from([np.float16, np.float32, np.float64]))
def test_either_of_many_numbers_is_chosen_bit_by_bit(rng: np.random.Generator, dtype: Any) -> None:
    a, b = (rng.standard_normal(shape).astype(dtype) for shape in [(WHERE_BY_BITS_FROM // 100, 100), (1, 100)])
    a[0, :3] = np.nan, -0.0, np.inf
    mask = rng.random((2, *a.shape)) < rng.choice([0, 0.5, 1])
    assert where(mask, a, b).tobytes() == np.where(mask, a, b).tobytes()


def test_numbers_may_be_chosen_from_alone() -> None:
    assert np.asarray(tg.where(tg.tensor([True, False]), 1.5, 0.0)).tolist() == [1.5, 0.0]


@given(rng=generators())
def test_infinite_powers_of_e_are_added(rng: np.random.Generator) -> None:
    a, b = rng.choice([np.inf, -np.inf, 1000.0, -1000.0, 0.0], (2, 20)).astype(np.float32)
    found = tg.logaddexp(tg.from_numpy(a), tg.from_numpy(b)).numpy()
    np.testing.assert_allclose(found, np.logaddexp(a, b), rtol=1e-6)


def test_sigmoid_is_exact_far_from_zero() -> None:
    found = tg.tensor([-np.inf, -1000.0, -80.0, 0.0, 80.0, np.inf]).sigmoid()
    np.testing.assert_allclose(found.numpy(), [0, 0, np.exp(-80.0), 0.5, 1, 1], rtol=1e-6)


@given(rng=generators(), k=st.integers(1, 10), largest=st.booleans(), axis=st.integers(0, 1))
def test_few_of_many_are_those_of_sorting_all(rng: np.random.Generator, k: int, largest: bool, axis: int) -> None:
    shape = (3, 1000) if axis else (1000, 3)
    x = rng.integers(0, 300, shape).astype(np.float32)
    values, places = (t.numpy() for t in tg.from_numpy(x).topk(k, dim=axis, largest=largest))
    ordered = np.flip(np.sort(x, axis), axis) if largest else np.sort(x, axis)
    np.testing.assert_array_equal(values, ordered.take(range(k), axis))
    np.testing.assert_array_equal(np.take_along_axis(x, places, axis), values)
    assert (np.diff(np.sort(places, axis), axis=axis) > 0).all()  # each entry at most once


def test_every_threshold_between_two_ways_is_tried() -> None:
    """`tests/test_ops.py` takes the ways for large arrays; what is left decides about compiled kernels or costs."""
    known = {name for name in vars(thresholds) if name.isupper()}
    others = {name for name in known if "COMPILED" in name or name.endswith("_COST")}
    elsewhere = {
        "BLAS_PACKED_ROWS",  # no product has so many rows here
        "MATMUL_BLOCKED_UP_TO",  # nor so many terms: tests/test_sums.py has them
        "MATMUL_BLOCK_TERMS",
        "MEMORY_POOL_BYTES",
        "PROGRAM_BLOCK",  # compiled: tests/test_compile_records.py has several blocks
        "POOLED_UP_TO_BYTES",  # past it, arrays are as they are below POOLED_FROM_BYTES
        "SAMPLES_PER_THREAD",  # compiled: tests/test_compile_records.py has several threads
        "SPINS_BEFORE_SLEEP",
        "SUM_ROW_WIDTH",  # how wide blocks are, which are tried
        "WEIGHT_BLOCK",  # compiled
    }
    assert known - others - elsewhere == LEAST.keys()
