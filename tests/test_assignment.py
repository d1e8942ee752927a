"""``x[...] = v`` writes where ``x[...]`` reads, and what was recorded before notices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
from tests.cases.index import INDICES, MIXED


@pytest.mark.parametrize("index", [*INDICES, *(index for index, _ in MIXED)], ids=str)
def test_what_is_assigned_is_read_back_and_nothing_else_changes(index: Any) -> None:
    x = tg.zeros(3, 3, 2)
    places = tg.arange(18).reshape(3, 3, 2)[index].array
    x[index] = 7.0
    assert sorted(np.flatnonzero(x.array)) == sorted(set(places.ravel()))
    for given in (tg.tensor(places * 1.0), places):
        x[index] = given
        np.testing.assert_array_equal(x[index].array, places)


def test_an_index_and_a_value_may_be_tensors() -> None:
    x = tg.arange(4.0)
    x[x > 2] = tg.tensor(-1.0)
    x[tg.tensor([0, 1])] = tg.tensor([5.0, 6.0], dtype=tg.float64)
    x[tg.tensor(2) : tg.tensor(3)] = 9
    assert x.tolist() == [5.0, 6.0, 9.0, -1.0]
    assert x.dtype == tg.float32


def test_a_view_writes_to_what_it_is_a_view_of() -> None:
    x = tg.zeros(3, 3)
    x.diagonal().fill_(1.0)
    x[0][1:] = 2.0
    x.T[0, 2] = 3.0
    x.select(0, 1).narrow(0, 0, 1).add_(4.0)
    x.split(2)[1][0, 1] = 5.0
    assert x.tolist() == [[1.0, 2.0, 2.0], [4.0, 1.0, 0.0], [3.0, 5.0, 1.0]]


@pytest.mark.parametrize(
    "call",
    [
        *(lambda x: x.flip(0), lambda x: x.roll(0), lambda x: x.rot90(4), lambda x: x.repeat(1, 1)),
        *(
            lambda x: x.cumsum(0),
            lambda x: x[:1].cumprod(0),
            lambda x: x[:1].logcumsumexp(0),
            lambda x: x[0, :1].prod(),
        ),
        *(lambda x: x[[0, 1]], lambda x: x.sort().values, lambda x: x.index_put((np.array([0]),), tg.ones(2))),
    ],
)
def test_what_is_no_view_has_memory_of_its_own(call: Any) -> None:
    x = tg.ones(2, 2)
    result = call(x)
    result.add_(1.0)
    assert not np.shares_memory(result.array, x.array)
    assert x.tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_a_leaf_is_written_under_no_grad_only() -> None:
    w = tg.ones(3, requires_grad=True)
    for index in (0, tg.tensor([0, 1])):
        with pytest.raises(
            RuntimeError, match=r"setitem: a (view of a )?leaf that requires a gradient.*no_grad\(\)"
        ):
            w[index] = 0.0
    with tg.no_grad():
        w[1:] = 5.0
    assert w.tolist() == [1.0, 5.0, 5.0]
    assert w.is_leaf
    assert w.requires_grad


@pytest.mark.parametrize("index", [*INDICES, *(index for index, _ in MIXED)], ids=str)
def test_a_recorded_assignment_is_differentiated(index: Any) -> None:
    x, w = tg.zeros(3, 3, 2, dtype=tg.float64), tg.ones(3, 3, 2, dtype=tg.float64, requires_grad=True)
    x[index] = (w * 1.0)[index] * 2
    numbers = np.arange(18.0).reshape(3, 3, 2)
    (x * tg.tensor(numbers)).sum().backward()
    chosen = tg.arange(18).reshape(3, 3, 2)[index].array
    times = np.bincount(chosen.ravel(), minlength=18).reshape(3, 3, 2)
    np.testing.assert_array_equal(x.array, 2.0 * (times > 0))
    np.testing.assert_array_equal(
        w.grad.array, 2 * times * numbers
    )  # repeated places count as often, as in PyTorch


def test_a_derivative_that_needs_what_was_overwritten_says_so() -> None:
    w = tg.ones(3, requires_grad=True)
    out = (w * w).sum()
    with tg.no_grad():
        w[0, None] = 2.0
    with pytest.raises(RuntimeError, match="mul needs a value that setitem has since overwritten"):
        out.backward()


@pytest.mark.parametrize(
    ("index", "value", "error", "message"),
    [
        (3, 1.0, IndexError, r"setitem: index 3 is out of bounds .*\(given shape \(2, 3\)\)"),
        ([0, 2], 1.0, IndexError, r"setitem: index 2 is out of bounds"),
        ((0, [0, 3]), 1.0, IndexError, r"setitem: index 3 is out of bounds"),
        (tg.tensor([0.5]), 1.0, IndexError, r"setitem: wanted integers or booleans as index, got float32"),
        (0, tg.ones(2), ValueError, r"setitem: could not broadcast"),
        (np.array([True]), 1.0, IndexError, r"setitem: boolean index did not match"),
    ],
)
def test_bad_assignments_say_what_is_wrong_and_change_nothing(
    index: Any, value: Any, error: type[Exception], message: str
) -> None:
    x = tg.zeros(2, 3)
    with pytest.raises(error, match=message):
        x[index] = value
    assert not x.any()


@pytest.mark.parametrize(
    "entry",
    [
        lambda x: x[1][2],
        lambda x: x[1, 2],
        lambda x: x.select(0, 1).select(0, 2),
        lambda x: x[1].unbind()[2],
        lambda x: [*x[1]][2],
    ],
    ids=["twice", "at once", "select", "unbind", "iteration"],
)
def test_one_entry_is_a_view_that_a_write_goes_through(entry: Any) -> None:
    x = tg.zeros(2, 3)
    entry(x).fill_(7)
    assert x.tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 7.0]]
    x.requires_grad_()
    (entry(x * 2) * 3).backward()
    assert x.grad.tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 6.0]]


def test_a_tuple_in_an_index_and_bytes_as_a_mask_are_pytorchs() -> None:
    x = tg.arange(24.0).reshape(2, 3, 4)
    assert x[0, (2, 1), tg.tensor([1, 0])].tolist() == [9.0, 4.0]
    assert x[tg.tensor([0, 1], dtype=tg.uint8)].tolist() == [x[1].tolist()]
    x[0, (2, 1), tg.tensor([1, 0])] = -1.0
    assert (x < 0).nonzero().tolist() == [[0, 1, 0], [0, 2, 1]]


def test_a_bound_that_is_nan_gives_nan() -> None:
    x, bound = tg.tensor([1.0, 2.0, 3.0]), tg.tensor([float("nan"), 0.0, 5.0])
    assert str(x.clamp(bound).tolist()) == "[nan, 2.0, 5.0]"
    assert str(x.clamp(max=bound).tolist()) == "[nan, 0.0, 3.0]"
