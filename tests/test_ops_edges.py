"""Operations at NaN, infinities, ties, zeros and singular matrices; tests/parity holds many more to PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.nn import functional as F

nan, inf = float("nan"), float("inf")
SINGULAR = [[1.0, 2.0], [2.0, 4.0]]
Function = Callable[[tg.Tensor], tg.Tensor]

# name: a function, where, its value and its gradient
EDGES: dict[str, tuple[Function, object, float, object]] = {
    "the largest of ties": (lambda x: x.amax(), [1.0, 3.0, 3.0], 3.0, [0.0, 0.5, 0.5]),
    "the largest beside NaN": (lambda x: x.amax(), [1.0, nan, 3.0], nan, [0.0, 1.0, 0.0]),
    "the smallest beside NaN": (lambda x: x.amin(), [1.0, nan, 3.0], nan, [0.0, 1.0, 0.0]),
    "the length of nothing": (lambda x: x.norm(), [0.0, 0.0], 0.0, [0.0, 0.0]),
    "the length of nothing, order 3": (lambda x: x.norm(3), [0.0, 0.0], 0.0, [0.0, 0.0]),
    "no distance": (lambda x: tg.cdist(x[None], tg.ones(1, 2).double()).sum(), [1.0, 1.0], 0.0, [0.0, 0.0]),
    "a singular matrix": (tg.linalg.det, SINGULAR, 0.0, [[4.0, -2.0], [-2.0, 1.0]]),
    "a matrix of zeros": (tg.linalg.det, [[0.0, 0.0], [0.0, 0.0]], 0.0, [[0.0, 0.0], [0.0, 0.0]]),
    "nothing times a logarithm": (
        lambda x: tg.special.xlog1py(x, tg.tensor([1.0, -1.0]).double()).sum(), [0.0, 0.0], 0.0, [np.log(2), 0.0]
    ),
    "the largest part of infinities": (lambda x: x.mode().values, [inf, 0.0, inf], inf, [0.0, 0.0, 1.0]),
    "a product with a zero": (lambda x: x.prod(), [2.0, 0.0, 3.0], 0.0, [0.0, 6.0, 0.0]),
    "a class that is ruled out": (
        lambda x: F.nll_loss(x[None], tg.tensor([0]), tg.ones(2).double()), [-0.5, -inf], 0.5, [-1.0, 0.0]
    ),
    "a class that is ruled out by its logit": (
        lambda x: F.cross_entropy(x[None], tg.tensor([[1.0, 0.0]]).double()), [0.5, -inf], 0.0, [0.0, 0.0]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("function", "at", "value", "gradient"), EDGES.values(), ids=EDGES)
def test_values_and_gradients(function: Function, at: object, value: float, gradient: object) -> None:
    x = tg.tensor(np.array(at), requires_grad=True)
    with np.errstate(invalid="ignore"):
        out = function(x)
        out.backward()
    np.testing.assert_allclose(out.item(), value, atol=1e-12)
    np.testing.assert_allclose(x.grad.numpy(), gradient, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sinc_is_steep_where_it_begins_to_fall(dtype: type) -> None:
    """Its derivative is -pi^2 x / 3 near 0, where that of a quotient is the rounding of its parts."""
    x = tg.tensor(np.array([1e-30, 1e-8, 1e-5, 1e-3, -1e-3], dtype), requires_grad=True)
    tg.sinc(x).sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), -(np.pi**2) * x.detach().numpy() / 3, rtol=1e-5)


def test_a_beta_of_0_does_not_look_at_the_input() -> None:
    one = tg.ones(1, 1)
    assert tg.addmm(tg.tensor([nan]), one, one, beta=0).item() == 1


def test_a_class_that_is_ignored_counts_for_nothing() -> None:
    x = tg.tensor([[1.0, 2.0], [3.0, 5.0]])
    for loss in (F.cross_entropy, F.nll_loss):
        assert loss(x, tg.tensor([0, 1]), ignore_index=0).item() == loss(x[1:], tg.tensor([1])).item()


def test_the_logarithm_of_an_impossible_probability_is_clamped() -> None:
    assert F.binary_cross_entropy(tg.tensor([0.0, 1.0]), tg.tensor([1.0, 0.0])).item() == 100


def test_a_length_of_1_stretches_in_einsum() -> None:
    for a, b in ((tg.ones(2, 3), tg.ones(1, 3)), (tg.ones(1, 3), tg.ones(2, 3))):
        assert tg.einsum("ij,ij->j", a, b).tolist() == [2, 2, 2]


@pytest.mark.parametrize("x", [-80.0, -40.0, -20.0])
def test_losses_of_certainty_keep_their_digits(x: float) -> None:
    """Far below 1, log(1 + e^x) is e^x: to add 1 first would lose it."""
    found = F.binary_cross_entropy_with_logits(tg.tensor([-x]).double(), tg.ones(1).double())
    np.testing.assert_allclose(found.item(), np.exp(x), rtol=1e-8)


HALF: dict[str, tuple[Function, float]] = {
    "a sum": (lambda x: x.sum(), 60_000.0),
    "a mean": (lambda x: x.mean(), 1.0),
    "a running sum": (lambda x: x.cumsum(0)[-1], 60_000.0),
    "a product of many": (lambda x: x.prod(), 1.0),
    "a length": (lambda x: x.norm(), float(np.sqrt(60_000))),
    "a standard deviation": (lambda x: tg.cat([x, x * 3]).std(correction=0), 1.0),
    "a loss": (lambda x: F.mse_loss(x, x * 11), 100.0),
    "a weighted loss": (
        lambda x: F.cross_entropy(x[:, None] * tg.ones(2).half(), x.long() * 0, tg.ones(2).half()), np.log(2)
    ),
}  # fmt: skip


@pytest.mark.parametrize(("function", "value"), HALF.values(), ids=HALF)
def test_float16_is_added_up_in_a_wider_type(function: Function, value: float) -> None:
    out = function(tg.ones(60_000).half())
    assert out.dtype == np.float16
    np.testing.assert_allclose(out.item(), value, rtol=1e-3)
