"""Logits up to 1e30 in float32: nothing overflows, and values and gradients are those of wider numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import tinygrad_cnn as tg
from tests.support.strategies import generators
from tinygrad_cnn.nn import functional as F

Function = Callable[[tg.Tensor], tg.Tensor]
N, C = 3, 4
WEIGHTS = [0.5, 1.0, 2.0, 3.0]


def like(x: tg.Tensor, values: object) -> tg.Tensor:
    return tg.tensor(np.broadcast_to(np.asarray(values), x.shape).astype(x.dtype))


def classes(x: tg.Tensor) -> tg.Tensor:
    return tg.tensor(np.arange(N) % C)


def weights(x: tg.Tensor) -> tg.Tensor:
    return tg.tensor(np.array(WEIGHTS, x.dtype))


SQUASHING: dict[str, tuple[Function, Callable[[np.ndarray], np.ndarray]]] = {
    "sigmoid": (tg.sigmoid, special.expit),
    "logsigmoid": (F.logsigmoid, special.log_expit),
    "softplus": (F.softplus, lambda x: np.logaddexp(x, 0)),
    "softmax": (lambda x: tg.softmax(x, 1), lambda x: special.softmax(x, axis=1)),
    "log_softmax": (lambda x: tg.log_softmax(x, 1), lambda x: special.log_softmax(x, axis=1)),
    "logsumexp": (lambda x: tg.logsumexp(x, 1), lambda x: special.logsumexp(x, axis=1)),
    "tanh": (tg.tanh, np.tanh),
    "silu": (F.silu, lambda x: x * special.expit(x)),
    "gelu": (F.gelu, lambda x: x * special.ndtr(x)),
}

# Losses that take logits, whole or in part; those of distances grow with their square, and may be infinite.
LOSSES: dict[str, Function] = {
    "cross_entropy": lambda x: F.cross_entropy(x, classes(x)),
    "cross_entropy, smoothed": lambda x: F.cross_entropy(x, classes(x), label_smoothing=0.1),
    "cross_entropy, weighted": lambda x: F.cross_entropy(x, classes(x), weights(x)),
    "cross_entropy, ignoring": lambda x: F.cross_entropy(x, classes(x), ignore_index=0),
    "cross_entropy of probabilities": lambda x: F.cross_entropy(x, like(x, 1 / C)),
    "nll_loss": lambda x: F.nll_loss(F.log_softmax(x, 1), classes(x)),
    "categorical_cross_entropy": lambda x: F.categorical_cross_entropy(tg.softmax(x, 1), classes(x)),
    "kl_div": lambda x: F.kl_div(F.log_softmax(x, 1), like(x, 1 / C), reduction="batchmean"),
    "bce_with_logits, 0": lambda x: F.binary_cross_entropy_with_logits(x, like(x, 0.0)),
    "bce_with_logits, 1": lambda x: F.binary_cross_entropy_with_logits(x, like(x, 1.0)),
    "bce_with_logits, weighted": lambda x: F.binary_cross_entropy_with_logits(
        x, like(x, 0.25), weights(x), pos_weight=weights(x)
    ),
    "soft_margin_loss": lambda x: F.soft_margin_loss(x, like(x, -1.0)),
    "hinge_embedding_loss": lambda x: F.hinge_embedding_loss(x, like(x, -1.0)),
    "margin_ranking_loss": lambda x: F.margin_ranking_loss(x, like(x, 0.0), like(x, 1.0)),
    "l1_loss": lambda x: F.l1_loss(x, like(x, 0.0)),
    "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, like(x, 0.0)),
    "huber_loss": lambda x: F.huber_loss(x, like(x, 0.0)),
}


@st.composite
def logits(draw) -> np.ndarray:
    """Of every size from 1e-3 to 1e30, of one size or of many, alone or tied."""
    rng = draw(generators())
    low, high = sorted(draw(st.tuples(*[st.integers(-3, 30)] * 2)))
    values = 10.0 ** rng.uniform(low, high, (N, C)) * rng.choice([-1.0, 1.0], (N, C))
    if draw(st.booleans()):
        values[:, 1] = values[:, 0]
    return values.astype(np.float32)


def value_and_gradient(function: Function, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """With NumPy's overflow an error."""
    leaf = tg.tensor(x, requires_grad=True)
    out = function(leaf)
    out.sum().backward()
    assert out.dtype == leaf.grad.dtype == x.dtype
    return out.array, leaf.grad.array


def assert_close(narrow: np.ndarray, wide: np.ndarray) -> None:
    assert np.isfinite(narrow).all()
    np.testing.assert_allclose(narrow, wide, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", SQUASHING)
@given(x=logits())
def test_squashing_functions(name: str, x: np.ndarray) -> None:
    function, oracle = SQUASHING[name]
    value, gradient = value_and_gradient(function, x)
    wide = x.astype(np.float64)
    assert_close(value, oracle(wide))
    assert_close(gradient, value_and_gradient(function, wide)[1])


@pytest.mark.parametrize("name", LOSSES)
@given(x=logits())
def test_losses_of_huge_logits(name: str, x: np.ndarray) -> None:
    """The gradient in float64 is proven by finite differences where the operations are tested."""
    value, gradient = value_and_gradient(LOSSES[name], x)
    wide_value, wide_gradient = value_and_gradient(LOSSES[name], x.astype(np.float64))
    assert_close(value, wide_value)
    assert_close(gradient, wide_gradient)


@given(x=logits())
def test_a_probability_that_is_quite_wrong_costs_no_more_than_100(x: np.ndarray) -> None:
    value, gradient = value_and_gradient(lambda x: F.binary_cross_entropy(tg.sigmoid(x), like(x, 0.25)), x)
    assert 0 <= value <= 100
    assert np.isfinite(gradient).all()
