"""Dropout, padding rows, blocked queries, integers: what is random or constant, and so not in the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F

DROPS = [
    pytest.param(F.dropout, (40, 50), (40, 50), id="dropout"),
    pytest.param(F.dropout1d, (40, 50, 3), (40, 50, 1), id="dropout1d"),
    pytest.param(F.dropout2d, (40, 50, 2, 3), (40, 50, 1, 1), id="dropout2d"),
]


@pytest.mark.parametrize("dtype", [tg.bool, tg.int64])
@pytest.mark.parametrize(
    "name",
    "celu elu gelu hardshrink hardsigmoid hardswish leaky_relu mish selu sigmoid silu softplus softshrink".split(),
)
def test_activations_of_integers_are_those_of_floats(name: str, dtype: Any) -> None:
    whole = tg.tensor([1, 0, 4]).to(dtype)
    found, wanted = getattr(F, name)(whole), getattr(F, name)(whole.float())
    assert found.dtype == tg.float32
    np.testing.assert_array_equal(found.numpy(), wanted.numpy())


@pytest.mark.parametrize(("drop", "shape", "mask_shape"), DROPS)
def test_dropout_drops_a_share_of_what_it_drops_and_keeps_the_mean(
    drop: Callable[..., tg.Tensor], shape: tuple[int, ...], mask_shape: tuple[int, ...]
) -> None:
    tg.manual_seed(0)
    x = tg.ones(shape, requires_grad=True)
    out = drop(x, 0.25)
    values = out.detach().numpy()
    part = tuple(slice(n) for n in mask_shape)
    np.testing.assert_array_equal(values, np.broadcast_to(values[part], shape))
    assert set(np.unique(values)) == {np.float32(0), np.float32(4 / 3)}
    assert abs((values == 0).mean() - 0.25) < 0.04
    out.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), values)
    assert out.dtype == x.grad.dtype == tg.float32


@pytest.mark.parametrize(("drop", "shape", "_"), DROPS)
def test_dropout_does_nothing_out_of_training_and_everything_at_1(drop: Any, shape: Any, _: Any) -> None:
    x = tg.ones(shape)
    assert drop(x, 0.5, training=False) is x
    assert drop(x, 0.0) is x
    assert not drop(x, 1.0).any()


@pytest.mark.parametrize(("drop", "shape", "_"), DROPS)
def test_dropout_draws_from_the_generator_it_is_given_or_the_default_one(drop: Any, shape: Any, _: Any) -> None:
    x = tg.ones(shape)
    tg.manual_seed(3)
    first = drop(x).numpy()
    again = drop(x, generator=np.random.default_rng(3)).numpy()
    np.testing.assert_array_equal(first, again)
    assert (drop(x).numpy() != first).any()


def test_dropouts_mask_is_a_constant_at_second_order() -> None:
    x = tg.tensor([0.5, 1.0, 2.0, 3.0], dtype=tg.float64, requires_grad=True)
    drop = lambda x: F.dropout(x * x, 0.5, generator=np.random.default_rng(0))  # noqa: E731
    assert tg.gradcheck(drop, x)
    assert tg.gradgradcheck(drop, x)


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    tg.manual_seed(0)
    x = tg.randn(300, 300)
    out = F.alpha_dropout(x, 0.3, training=True)
    assert abs(out.mean().item()) < 0.02
    assert abs(out.std().item() - 1) < 0.02
    assert out.dtype == tg.float32
    assert F.alpha_dropout(x, 0.3) is x
    assert not F.alpha_dropout(x, 1.0, training=True).any()
    bound = -1.7580993408473766
    low = F.alpha_dropout(tg.full((1000,), bound), 0.5, training=True)
    np.testing.assert_allclose(low.numpy(), low[0].item(), rtol=1e-6)  # what is dropped is put where selu ends


def test_the_padding_row_has_its_value_and_no_gradient() -> None:
    weight = tg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    for padding in (1, -2):
        weight.grad = None
        out = F.embedding(tg.tensor([[1, 2], [1, 2]]), weight, padding_idx=padding)
        assert out.tolist() == [[[3.0, 4.0], [5.0, 6.0]]] * 2
        (out * out).sum().backward()
        assert weight.grad.tolist() == [[0.0, 0.0], [0.0, 0.0], [20.0, 24.0]]


def test_an_embedding_adds_up_the_gradients_of_a_row_to_second_order() -> None:
    weight = tg.tensor([[1.0], [2.0]], dtype=tg.float64, requires_grad=True)
    look = lambda w: F.embedding(tg.tensor([0, 1, 0, 0]), w, padding_idx=1) ** 3  # noqa: E731
    (first,) = tg.autograd.grad(look(weight).sum(), weight, create_graph=True)
    (second,) = tg.autograd.grad(first.sum(), weight)
    assert (first.tolist(), second.tolist()) == ([[9.0], [0.0]], [[18.0], [0.0]])


def test_a_query_that_may_look_nowhere_gets_zeros_and_no_gradient() -> None:
    q, k, v = (tg.randn(2, 3, dtype=tg.float64, requires_grad=True) for _ in range(3))
    looks = tg.tensor([[True, False], [False, False]])
    numbers = tg.tensor([[0.0, -np.inf], [-np.inf, -np.inf]], dtype=tg.float64)
    for mask in (looks, numbers):
        out = F.scaled_dot_product_attention(q, k, v, mask)
        np.testing.assert_allclose(out.detach().numpy(), [v.detach().numpy()[0], [0.0] * 3])
        assert tg.gradcheck(lambda q, k, v, m=mask: F.scaled_dot_product_attention(q, k, v, m), (q, k, v))


def test_attention_drops_weights() -> None:
    q = tg.zeros(1, 2)
    v = tg.eye(200)
    out = F.scaled_dot_product_attention(q, tg.zeros(200, 2), v, dropout_p=0.5, generator=np.random.default_rng(0))
    assert set(np.round(out.numpy()[0] * 200, 3)) == {0.0, 2.0}


def test_one_hot_finds_the_number_of_classes() -> None:
    assert tg.one_hot(tg.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert tg.one_hot(tg.tensor([2, 0]), 4).shape == (2, 4)
