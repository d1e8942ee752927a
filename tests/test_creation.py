"""Tensors made from shapes, bounds, other tensors, other libraries, and at random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg

# --- evenly spaced ---


@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(-3, 3).filter(bool))
def test_arange_is_pythons_range_however_it_is_called(start: int, end: int, step: int) -> None:
    if (end - start) * step < 0:
        with pytest.raises(ValueError, match="does not lead from"):
            tg.arange(start, end, step)
        return
    expected = list(range(start, end, step))
    assert tg.arange(start, end, step).tolist() == expected
    assert tg.arange(start, end, step=step).tolist() == expected
    assert tg.arange(start, end=end, step=step).tolist() == expected
    assert tg.arange(start=start, end=end, step=step).tolist() == expected
    assert tg.arange(start, end, step, dtype=tg.float32).tolist() == expected
    assert tg.arange(start, end, step).dtype == tg.int64


def test_arange_of_floats() -> None:
    assert tg.arange(1, 2.5, 0.5).tolist() == [1.0, 1.5, 2.0]
    assert tg.arange(end=2.0).dtype == tg.float32
    assert tg.arange(3, requires_grad=True, dtype=tg.float32).requires_grad


def test_linspace_and_logspace_hold_both_ends() -> None:
    assert tg.linspace(start=-1, end=1, steps=5).tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert tg.linspace(3, 9, 1).tolist() == [3.0]
    assert tg.linspace(3, 9, 0).shape == (0,)
    assert tg.logspace(0, 3, 4, base=2).tolist() == [1.0, 2.0, 4.0, 8.0]
    assert tg.logspace(-1, 1, 3, dtype=tg.float64).dtype == tg.float64


@given(st.integers(0, 4), st.integers(0, 4), st.integers(-3, 3))
def test_triangles_hold_what_their_diagonal_bounds(rows: int, columns: int, offset: int) -> None:
    everywhere = [(i, j) for i in range(rows) for j in range(columns)]
    low, high = tg.tril_indices(rows, columns, offset), tg.triu_indices(rows, columns, offset)
    assert [tuple(p) for p in low.numpy().T.tolist()] == [(i, j) for i, j in everywhere if j - i <= offset]
    assert [tuple(p) for p in high.numpy().T.tolist()] == [(i, j) for i, j in everywhere if j - i >= offset]
    assert low.dtype == high.dtype == tg.int64


# --- like another ---

LIKE: list[Callable[..., tg.Tensor]] = [
    tg.zeros_like,
    tg.ones_like,
    tg.empty_like,
    tg.rand_like,
    tg.randn_like,
    lambda t, **kw: tg.full_like(t, 3, **kw),
    lambda t, **kw: tg.randint_like(t, 3, **kw),
    lambda t, **kw: tg.randint_like(t, 1, 3, **kw),
]


@pytest.mark.parametrize("make", LIKE)
def test_like_another_has_its_shape_and_type(make: Any) -> None:
    for dtype in (tg.float32, tg.float64):
        t = tg.zeros(2, 3, dtype=dtype, requires_grad=True)
        made = make(t)
        assert (made.shape, made.dtype, made.requires_grad) == ((2, 3), dtype, False)
        assert make(t, dtype=tg.float16, requires_grad=True).requires_grad
        assert make(t, dtype=tg.float16).dtype == tg.float16
        assert not np.shares_memory(made.array, t.array)


def test_new_ones_are_of_the_tensors_type() -> None:
    t = tg.zeros(1, dtype=tg.float64)
    for made, value in [
        (t.new_zeros(2, 3), 0),
        (t.new_zeros((2, 3)), 0),
        (t.new_ones(2, 3), 1),
        (t.new_full((2, 3), 7), 7),
        (t.new_tensor([[7] * 3] * 2), 7),
    ]:
        assert made.dtype == tg.float64
        assert made.tolist() == [[value] * 3] * 2
    assert t.new_empty(2, 3).shape == (2, 3)
    assert t.new_zeros(2, dtype=tg.int64).dtype == tg.int64
    assert t.new_ones(2, requires_grad=True).requires_grad
    with pytest.raises(ValueError, match=r"new_zeros: the shape .* has a negative length"):
        t.new_zeros(-1)


# --- types ---


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("half", tg.float16),
        ("float", tg.float32),
        ("double", tg.float64),
        ("char", tg.int8),
        ("short", tg.int16),
        ("int", tg.int32),
        ("long", tg.int64),
        ("byte", tg.uint8),
        ("bool", tg.bool_),
    ],
)
def test_conversions_to_each_type(name: str, dtype: Any) -> None:
    t = tg.tensor([0.0, 2.5])
    converted = getattr(t, name)()
    assert converted.dtype == t.to(dtype).dtype == t.type(dtype).dtype == t.to(converted).dtype == dtype
    assert t.type_as(converted).dtype == dtype
    assert converted.tolist() == np.array([0.0, 2.5]).astype(dtype).tolist()
    assert (converted is t) == (dtype == tg.float32)
    assert t.to(dtype, copy=True) is not t


def test_gradients_pass_between_floats_and_end_at_integers() -> None:
    x = tg.tensor([1.5], requires_grad=True)
    (x.double() * 2).backward(tg.ones(1, dtype=tg.float64))
    assert x.grad.tolist() == [2.0]
    assert x.grad.dtype == tg.float32
    for converted in (x.long(), x.int(), x.bool(), x.byte()):
        assert not converted.requires_grad
        assert converted.grad_fn is None
    assert x.to(tg.float32, copy=True).requires_grad


# --- other libraries ---


def test_dlpack_shares_memory_with_numpy_both_ways() -> None:
    array = np.arange(6.0).reshape(2, 3)[:, ::2]
    t = tg.from_dlpack(array)
    assert t.dtype == tg.float64
    array[1, 1] = 9.0
    assert t[1, 1].item() == 9.0
    back = np.from_dlpack(tg.ones(2))
    assert back.tolist() == [1.0, 1.0]
    ours = tg.zeros(2)
    shared = np.from_dlpack(ours)
    ours.fill_(4.0)
    assert shared.tolist() == [4.0, 4.0]
    assert ours.__dlpack_device__() == (1, 0)
    assert np.shares_memory(tg.from_dlpack(ours).array, ours.array)


def test_dlpack_refuses_what_would_lose_a_gradient_or_is_no_number() -> None:
    with pytest.raises(BufferError, match=r"requires a gradient.*use detach\(\)"):
        np.from_dlpack(tg.ones(2, requires_grad=True))
    with pytest.raises(TypeError, match="complex128 is not supported"):
        tg.from_dlpack(np.zeros(2, complex))
    with pytest.raises(TypeError, match="from_dlpack: wanted an object with __dlpack__, got list"):
        tg.from_dlpack([1.0])


# --- at random ---

DRAWS: dict[str, Callable[..., tg.Tensor]] = {
    "rand": lambda **kw: tg.rand(50, **kw),
    "randn": lambda **kw: tg.randn(50, **kw),
    "randint": lambda **kw: tg.randint(1000, (50,), **kw),
    "randperm": lambda **kw: tg.randperm(50, **kw),
    "normal": lambda **kw: tg.normal(0.0, 1.0, (50,), **kw),
    "bernoulli": lambda **kw: tg.bernoulli(tg.full((50,), 0.5), **kw),
    "multinomial": lambda **kw: tg.multinomial(tg.ones(50), 50, **kw),
    "rand_like": lambda **kw: tg.rand_like(tg.ones(50), **kw),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_the_generator_is_the_given_one_or_the_default_one(draw: Callable[..., tg.Tensor]) -> None:
    tg.manual_seed(5)
    first, second = draw().tolist(), draw().tolist()
    assert first == draw(generator=np.random.default_rng(5)).tolist() != second


def test_randint_takes_its_bounds_as_pytorch_does() -> None:
    for made in (tg.randint(3, (200,)), tg.randint(0, 3, (200,)), tg.randint(high=3, low=0, size=(200,))):
        assert set(made.tolist()) == {0, 1, 2}
        assert made.dtype == tg.int64
    assert set(tg.randint(-2, 0, (100,), dtype=tg.float32).tolist()) == {-2.0, -1.0}
    with pytest.raises(ValueError, match="randint: wanted low less than high, got 3 and 3"):
        tg.randint(3, 3, (2,))


def test_randperm_is_a_permutation_and_each_is_as_likely() -> None:
    tg.manual_seed(0)
    seen = Counter(tuple(tg.randperm(3).tolist()) for _ in range(1200))
    assert set(seen) == set(permutations(range(3)))
    assert all(150 < n < 250 for n in seen.values())
    assert tg.randperm(0).shape == (0,)


def test_normal_has_the_means_and_deviations_it_is_given() -> None:
    tg.manual_seed(0)
    drawn = tg.normal(tg.tensor([[-5.0], [5.0]]).expand(2, 4000), tg.full((4000,), 2.0))
    assert drawn.dtype == tg.float32
    np.testing.assert_allclose(drawn.mean(1).numpy(), [-5, 5], atol=0.15)
    np.testing.assert_allclose(drawn.std(1).numpy(), [2, 2], atol=0.15)
    assert tg.normal(2.0, 0.0, (3,)).tolist() == [2.0] * 3
    assert tg.normal(tg.zeros(2, dtype=tg.float64)).dtype == tg.float64
    with pytest.raises(ValueError, match="normal: std has negative entries"):
        tg.normal(0.0, -1.0, (2,))


def test_bernoulli_is_one_as_often_as_it_should() -> None:
    tg.manual_seed(0)
    p = tg.tensor([0.0, 0.2, 1.0]).expand(4000, 3)
    np.testing.assert_allclose(tg.bernoulli(p).mean(0).numpy(), [0.0, 0.2, 1.0], atol=0.03)
    assert abs(tg.zeros(4000).bernoulli(0.7).mean().item() - 0.7) < 0.03
    assert not tg.bernoulli(tg.ones(2, requires_grad=True)).requires_grad
    with pytest.raises(ValueError, match="bernoulli: wanted probabilities between 0 and 1"):
        tg.bernoulli(tg.full((2,), 1.5))


@pytest.mark.parametrize("replacement", [True, False])
def test_multinomial_draws_by_weight(replacement: bool) -> None:
    tg.manual_seed(0)
    weights = tg.tensor([1.0, 0.0, 3.0, 4.0])
    drawn = weights.expand(4000, 4).multinomial(2, replacement)
    assert (drawn.shape, drawn.dtype) == ((4000, 2), tg.int64)
    firsts = np.bincount(drawn.numpy()[:, 0], minlength=4) / 4000
    np.testing.assert_allclose(firsts, [0.125, 0, 0.375, 0.5], atol=0.03)
    repeats = (drawn.numpy()[:, 0] == drawn.numpy()[:, 1]).mean()
    np.testing.assert_allclose(repeats, (1 + 9 + 16) / 64 if replacement else 0, atol=0.03)
    assert tg.multinomial(weights, 3, replacement).shape == (3,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tg.arange(), r"arange: wanted \(\[start,\] end\[, step\]\)"),
        (lambda: tg.arange(1, 2, start=1), r"arange: wanted \(\[start,\] end"),
        (lambda: tg.linspace(0, 1, -1), "linspace: steps is -1"),
        (
            lambda: tg.multinomial(tg.tensor([1.0, 0.0]), 2),
            "2 samples without replacement, of 1 with a weight above",
        ),
        (lambda: tg.multinomial(tg.tensor([1.0, -1.0]), 1), "wanted weights that are finite"),
        (lambda: tg.multinomial(tg.zeros(2), 1), "not all 0 in a row"),
        (lambda: tg.multinomial(tg.ones(2), 0), "num_samples is 0"),
        (lambda: tg.multinomial(tg.ones(1, 1, 1), 1), r"multinomial: input has shape \(1, 1, 1\)"),
    ],
)
def test_bad_calls_say_what_is_wrong(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_arange_of_integers_by_a_fraction_is_of_floats() -> None:
    steps = tg.arange(0, 2, 0.5)
    assert steps.dtype == tg.float32
    assert steps.tolist() == [0, 0.5, 1, 1.5]
