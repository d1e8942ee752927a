"""Large arrays come from a memory pool, which hands a buffer out again only when nothing refers to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.kernels import memory
from tinygrad_cnn.kernels.memory import _Buffer, empty, empty_like, has_own, zeros
from tinygrad_cnn.kernels.thresholds import POOLED_FROM_BYTES

F32 = np.dtype(np.float32)
LARGE = POOLED_FROM_BYTES // 4


@pytest.fixture(autouse=True)
def fresh_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty pool: one that other tests have filled may be emptied, or get a buffer back, at any moment."""
    monkeypatch.setattr(memory, "_pool", type(memory._pool)())


@given(st.lists(st.integers(LARGE, 4 * LARGE), min_size=1, max_size=8), st.data())
def test_memory_that_something_shows_is_not_given_out_again(sizes: list[int], data: st.DataObject) -> None:
    """Arrays are kept as they are, as a part, or not at all; each that is kept goes on holding its own number."""
    kept: list[tuple[Any, int]] = []
    for number, size in enumerate(sizes):
        array = empty((size,), F32)
        array.fill(number)
        assert array.ctypes.data % 64 == 0
        part = data.draw(st.sampled_from([array, array[1:], array[::-2], array.reshape(1, -1).T, None]))
        if part is not None:
            kept.append((part, number))
        del array, part
    for part, number in kept:
        assert (part == number).all()


def test_memory_that_nothing_shows_is_given_out_again() -> None:
    first = empty((LARGE,), F32)
    place = first.ctypes.data
    del first
    assert zeros((LARGE // 2, 2), F32).ctypes.data == place


@pytest.mark.parametrize("make", [lambda: empty((LARGE, 2), F32), lambda: np.empty((LARGE, 2), F32)])
def test_an_array_has_its_memory_to_itself_until_another_shows_it(make: Any) -> None:
    array = make()
    assert has_own(array)
    part = array[1:]
    assert not has_own(part)
    del array
    assert has_own(part)


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.broadcast_to(np.zeros(3, F32), (2, 3)),
        lambda: np.zeros((4, 4), F32)[:, ::2],
        lambda: empty_like(np.zeros((LARGE, 4), F32))[:, ::2],
        lambda: np.frombuffer(bytes(8), F32),
    ],
    ids=["repeated", "with gaps", "with gaps, large", "read-only"],
)
def test_what_cannot_be_written_as_a_whole_is_nobodys_own(make: Any) -> None:
    array = make()
    assert not has_own(array)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """A worker thread lets go of what it computed when it runs again, which may be later than a test looks."""
    before = tg.get_num_threads()
    tg.set_num_threads(1)
    yield
    tg.set_num_threads(before)


def test_large_gradients_are_handed_over_and_their_memory_comes_back(one_thread: None) -> None:
    x, w = tg.ones(512, 600), tg.ones(300, 600, requires_grad=True)
    places = set()
    for _ in range(3):
        w.grad = None
        tg.nn.functional.linear(x, w).sum().backward()
        assert w.grad is not None
        np.testing.assert_array_equal(w.grad.array, np.full((300, 600), 512, F32))
        assert type(w.grad.array.base) is _Buffer  # the kernel's own result, from the pool: no copy of it
        places.add(w.grad.array.ctypes.data)
    assert len(places) <= 2


def test_two_leaves_never_share_a_large_gradient() -> None:
    a, b = (tg.ones(LARGE, requires_grad=True) for _ in range(2))
    ((a + b) * tg.ones(LARGE)).sum().backward()
    assert a.grad is not None
    assert b.grad is not None
    a.grad.zero_()
    np.testing.assert_array_equal(b.grad.array, np.ones(LARGE, F32))


def test_zeros_in_memory_that_was_used_before_are_zeros() -> None:
    used = empty((LARGE,), F32)
    used.fill(7)
    place = used.ctypes.data
    del used
    cleared = zeros((LARGE,), F32)
    assert cleared.ctypes.data == place
    assert not cleared.any()
