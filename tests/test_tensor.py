"""Tensor: types, operands of every kind, NumPy's functions, in-place writes, and what is shown."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg

# --- types: float32 by default, and nothing widens by accident ---


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, tg.float32),
        (3, tg.int64),
        (True, tg.bool_),
        ([1, 2.0], tg.float32),
        ([[1], [2]], tg.int64),
        ([], tg.float32),
        (np.zeros(2), tg.float64),
        (np.float64(2), tg.float64),
        (np.zeros(2, np.uint8), tg.uint8),
        (tg.zeros(2, dtype=tg.float16), tg.float16),
    ],
)
def test_tensor_takes_the_type_that_pytorch_would(data, dtype):
    assert tg.tensor(data).dtype == dtype


@pytest.mark.parametrize("name", ["div", "atan2", "copysign", "hypot", "logaddexp"])
@pytest.mark.parametrize("scalar", [-2, 300])
def test_a_byte_that_becomes_a_float_does_not_wrap_what_it_meets(name, scalar):
    bytes_, wide = tg.tensor([1, 2, 200], dtype=tg.uint8), tg.tensor([1, 2, 200])
    for a, b in ((bytes_, tg.tensor(scalar)), (tg.tensor(scalar), bytes_)):
        expected = [wide if x is bytes_ else x for x in (a, b)]
        result, wanted = getattr(tg, name)(a, b), getattr(tg, name)(*expected)
        assert (result.dtype, result.tolist()) == (tg.float32, wanted.tolist())


def test_tensor_copies_and_from_numpy_shares():
    array = np.zeros(3, np.float32)
    assert not np.shares_memory(tg.tensor(array).array, array)
    assert np.shares_memory(tg.from_numpy(array).array, array)
    assert np.shares_memory(tg.as_tensor(array).array, array)
    assert not np.shares_memory(tg.as_tensor(array, dtype=tg.float64).array, array)


f32 = tg.tensor([1.0, 2.0])
i64 = tg.tensor([1, 2])


@pytest.mark.parametrize(
    ("result", "dtype"),
    [
        (lambda: f32 * 2, tg.float32),
        (lambda: f32 * 2.5, tg.float32),
        (lambda: f32 * np.float64(2), tg.float32),
        (lambda: np.float64(2) * f32, tg.float32),
        (lambda: f32 * np.array(2.0), tg.float32),
        (lambda: np.array(2.0) * f32, tg.float32),
        (lambda: i64 * f32, tg.float32),
        (lambda: i64 * 2, tg.int64),
        (lambda: i64 * 2.5, tg.float32),
        (lambda: i64 / 2, tg.float32),
        (lambda: i64 / i64, tg.float32),
        (lambda: 1 / i64, tg.float32),
        (lambda: i64.exp(), tg.float32),
        (lambda: f32 * tg.tensor(2.0, dtype=tg.float64), tg.float32),
        (lambda: f32 * tg.ones(2, dtype=tg.float64), tg.float64),
        (lambda: f32 * np.ones(2), tg.float64),
        (lambda: tg.tensor([True, False]) + 1, tg.int64),
        (lambda: tg.tensor([True, False]) * f32, tg.float32),
        (lambda: tg.tensor(3) * tg.tensor([1.0], dtype=tg.float16), tg.float16),
        (lambda: 2.0**f32, tg.float32),
        (lambda: f32.mean(), tg.float32),
        (lambda: f32.var(), tg.float32),
        (lambda: tg.tensor([True, True]).sum(), tg.int64),
        (lambda: tg.where(f32 > 1, f32, 0), tg.float32),
    ],
)
def test_types_meet_as_in_pytorch(result, dtype):
    assert result().dtype == dtype


def test_promotion_is_recorded_and_gradients_keep_their_leafs_type():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    (x * tg.ones(2, dtype=tg.float64)).sum().backward()
    assert x.grad.dtype == tg.float32


@pytest.mark.parametrize("data", ["abc", None, [1j], object()])
def test_what_is_no_number_is_refused(data):
    with pytest.raises(TypeError, match="tensor: cannot make numbers of"):
        tg.tensor(data)


def test_ragged_lists_and_unknown_types_are_refused():
    with pytest.raises(ValueError, match="tensor: "):
        tg.tensor([[1, 2], [3]])
    with pytest.raises(TypeError, match="dtype: 'colour' is not a dtype"):
        tg.zeros(2, dtype="colour")
    with pytest.raises(TypeError, match="dtype: complex128 is not supported"):
        f32.to(np.complex128)


# --- operands of every kind ---

OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
}


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
@pytest.mark.parametrize("other", [2.0, 3, np.float32(2.5), np.array([2.0, 0.5], np.float32)], ids=repr)
def test_arrays_and_scalars_on_either_side(operator, other):
    x = tg.tensor([1.5, 2.0], requires_grad=True)
    for result, expected in [
        (operator(x, other), operator(x.detach().numpy(), np.float32(other))),
        (operator(other, x), operator(np.float32(other), x.detach().numpy())),
    ]:
        assert isinstance(result, tg.Tensor)
        assert result.requires_grad == (result.dtype == tg.float32)
        np.testing.assert_allclose(result.detach().numpy(), expected, rtol=1e-6)


def test_matmul_takes_arrays_on_either_side():
    x = tg.ones(2, 2, requires_grad=True)
    a = np.ones((2, 2), np.float32)
    assert (a @ x).requires_grad
    assert (x @ a).requires_grad


# --- NumPy's functions: recorded or refused ---


@pytest.mark.parametrize(
    "call",
    [
        np.exp,
        np.sum,
        np.mean,
        np.transpose,
        lambda t: np.sum(t, axis=0, keepdims=True),
        lambda t: np.concatenate([t, t]),
        lambda t: np.stack([t, t], axis=1),
        lambda t: np.maximum(t, 1.5),
        lambda t: np.where(np.array([True, False]), t, 0.0),
        lambda t: np.clip(t, 0.5, 1.5),
        lambda t: np.reshape(t, (2, 1)),
        lambda t: np.std(t),
    ],
)
def test_numpys_functions_are_recorded(call):
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    result = call(x)
    assert result.requires_grad
    np.testing.assert_allclose(result.detach().numpy(), call(x.detach().numpy()), rtol=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        np.arctan2.reduce,
        np.cbrt,
        np.gradient,
        lambda t: np.add.reduce(t),
        lambda t: np.add(t, 1.0, out=np.zeros(2, np.float32)),
        np.asarray,
    ],
)
def test_numpys_functions_that_would_lose_the_graph_are_refused(call):
    with pytest.raises((TypeError, RuntimeError), match=r"detach\(\)\.numpy\(\)"):
        call(tg.tensor([1.0, 2.0], requires_grad=True))


def test_asarray_works_where_there_is_no_graph_to_lose():
    np.testing.assert_array_equal(np.asarray(f32), [1.0, 2.0])


# --- in place ---


def test_in_place_writes_go_to_the_same_memory():
    x = tg.zeros(2, 2)
    memory = x.array
    x.add_(1.0).mul_(3.0).sub_(1.0).div_(2.0)
    x[0] = tg.tensor([7.0, 8.0])
    x[1, 0] = 5
    x += 1.0
    assert x.array is memory
    assert x.tolist() == [[8.0, 9.0], [6.0, 2.0]]
    assert x.copy_(np.arange(2.0)).tolist() == [[0.0, 1.0]] * 2


def test_a_leaf_that_requires_a_gradient_is_written_under_no_grad_only():
    w = tg.ones(2, requires_grad=True)
    for write in (lambda: w.add_(1.0), lambda: w.__iadd__(1.0), lambda: w[:1].zero_(), lambda: w.t_()):
        with pytest.raises(
            RuntimeError, match=r"_: a (view of a )?leaf that requires a gradient is written in place"
        ):
            write()
    with tg.no_grad():
        w -= 0.5
    assert w.tolist() == [0.5, 0.5]
    assert w.is_leaf


def test_adding_up_with_plus_equals_is_recorded():
    w, total = tg.ones(2, requires_grad=True), tg.zeros(())
    for _ in range(3):
        total += (w * w).sum()
    total.backward()
    assert w.grad.tolist() == [6.0, 6.0]


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda x: x.add_(tg.ones(3)), r"add_: .*\(given shape \(2,\)\)"),
        (lambda x: x.__setitem__(5, 1.0), r"setitem: index 5 is out of bounds"),
        (lambda x: tg.tensor([1, 2]).mul_(0.5), r"mul_: .*int64"),
        (lambda x: tg.zeros(1).expand(2).fill_(1.0), r"fill_: .*read-only"),
    ],
)
def test_bad_writes_say_what_is_wrong_and_change_nothing(write, message):
    x = tg.tensor([1.0, 2.0])
    with pytest.raises((ValueError, TypeError, IndexError), match=message):
        write(x)
    assert x.tolist() == [1.0, 2.0]


# --- out of the tensor ---


def test_numbers_come_out_as_pythons():
    x = tg.tensor([[1.5]])
    assert (x.item(), float(x), int(x), bool(x), f"{x:.2f}") == (1.5, 1.5, 1, True, "1.50")
    assert [10, 20, 30][tg.tensor(2)] == 30
    assert type(tg.tensor(3).item()) is int
    assert [row.tolist() for row in tg.ones(2, 1)] == [[1.0], [1.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: f32.item(), r"item: wanted a tensor of one element, this one has shape \(2,\)"),
        (lambda: bool(f32), "neither true nor false"),
        (lambda: len(tg.tensor(1.0)), "a 0-d tensor has no length"),
        (lambda: list(tg.tensor(1.0)), "a 0-d tensor cannot be iterated over"),
        (lambda: [1][tg.tensor(0.0)], "only integer tensors can be an index"),
        (lambda: tg.ones(2, requires_grad=True).numpy(), r"use detach\(\)\.numpy\(\)"),
        (lambda: tg.ones(-1), "negative length"),
        (lambda: tg.arange(1, 2, 0), "a step other than 0"),
    ],
)
def test_what_cannot_come_out_says_why(call, message):
    with pytest.raises((RuntimeError, TypeError, ValueError), match=message):
        call()


@pytest.mark.parametrize(
    ("tensor", "shown"),
    [
        (tg.tensor([1.0, 2.0]), "tensor([1., 2.])"),
        (tg.tensor([0.5, 2.0]), "tensor([0.5000, 2.0000])"),
        (tg.tensor(3.5), "tensor(3.5000)"),
        (tg.tensor([1, 2]), "tensor([1, 2])"),
        (tg.tensor([True]), "tensor([ True])"),
        (tg.tensor([]), "tensor([])"),
        (tg.tensor([1e-5, 1.0]), "tensor([1.0000e-05, 1.0000e+00])"),
        (tg.tensor([float("nan"), 1.0]), "tensor([nan, 1.])"),
        (tg.zeros(1, dtype=tg.float64), "tensor([0.], dtype=float64)"),
        (tg.zeros(1, requires_grad=True), "tensor([0.], requires_grad=True)"),
        (tg.zeros(1, requires_grad=True) * 2, "tensor([0.], grad_fn=<mul>)"),
        (tg.tensor([[1.0], [2.0]]), "tensor([[1.],\n        [2.]])"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_repr_shows_the_values_and_what_is_special(tensor, shown):
    assert repr(tensor) == shown


# --- creation ---


def test_creation_functions_take_shapes_either_way():
    for make in (tg.zeros, tg.ones, tg.empty, tg.rand, tg.randn):
        assert make(2, 3).shape == make((2, 3)).shape == (2, 3)
        assert make(2).dtype == tg.float32
        assert make(2, requires_grad=True, dtype=tg.float64).requires_grad
    assert tg.full((2,), 3).dtype == tg.int64
    assert tg.full((2,), 3.0).tolist() == [3.0, 3.0]
    assert tg.eye(2).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert tg.arange(3).tolist() == [0, 1, 2]
    assert tg.arange(0.0, 1.0, 0.5).dtype == tg.float32
    assert tg.linspace(0, 1, 3).tolist() == [0.0, 0.5, 1.0]
    assert tg.zeros_like(i64).dtype == tg.int64
    assert tg.ones_like(f32).tolist() == [1.0, 1.0]
    assert set(tg.randint(3, size=(100,)).tolist()) == {0, 1, 2}


@given(st.integers(0, 2**31))
def test_the_same_seed_gives_the_same_numbers_and_leaves_numpys_alone(seed):
    before = copy.deepcopy(np.random.get_state()[1])  # noqa: NPY002
    tg.manual_seed(seed)
    first = tg.rand(3), tg.randn(3), tg.randint(9, size=3)
    tg.manual_seed(seed)
    second = tg.rand(3), tg.randn(3), tg.randint(9, size=3)
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_a_multiple_is_added_and_subtracted_in_place() -> None:
    x = tg.ones(2)
    assert x.add_(tg.tensor([1.0, 2.0]), alpha=3).tolist() == [4, 7]
    assert x.sub_(2, alpha=0.5).tolist() == [3, 6]


def test_a_copy_that_is_asked_for_has_memory_of_its_own_and_its_history() -> None:
    x = tg.ones(2, requires_grad=True)
    assert x.to(tg.float32) is x
    copied = x.to(tg.float32, copy=True)
    assert not np.shares_memory(copied.array, x.array)
    copied.sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_integers_of_what_requires_a_gradient_have_none() -> None:
    assert not tg.ones(2, requires_grad=True).to(tg.int64).requires_grad


def test_a_number_in_a_tensor_widens_only_to_another_kind() -> None:
    assert (tg.tensor([1]) + tg.tensor(1.5)).dtype == tg.float32
    assert (tg.tensor([1.5]) + tg.tensor(1.5, dtype=tg.float64)).dtype == tg.float32
    assert (tg.tensor([1], dtype=tg.int8) + tg.tensor(1000)).dtype == tg.int8
