"""Losses, attention and their kin at kinks, extremes and infinities: PyTorch's value, and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F

torch = pytest.importorskip("torch")
inf = float("inf")


def same(function: Callable[..., Any], *arrays: Any, dtype: str = "float64") -> None:
    """Call a function of (functional, tensor, *tensors) as ours and as PyTorch's; value and gradients agree."""
    results = []
    for package in (tg, torch):
        tensors = [package.tensor(a, dtype=getattr(package, dtype), requires_grad=True) for a in arrays]
        out = function(package.nn.functional, package.tensor, *tensors)
        out.sum().backward()
        results.append([out.detach().numpy(), *(t.grad.numpy() for t in tensors if t.grad is not None)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("name", ["l1_loss", "smooth_l1_loss", "huber_loss"])
def test_distances_at_their_kinks(name: str) -> None:
    same(lambda F, t, x: getattr(F, name)(x, t([0.0] * 5, dtype=x.dtype)), [0.0, 1.0, -1.0, 2.0, 0.5])


def test_margins_that_are_just_met() -> None:
    same(lambda F, t, a, b: F.margin_ranking_loss(a, b, t([1.0, -1.0]), 0.5), [1.0, 1.0], [0.5, 1.5])
    same(lambda F, t, x: F.hinge_embedding_loss(x, t([-1.0, 1.0])), [1.0, 1.0])
    same(lambda F, t, a, b: F.cosine_embedding_loss(a, b, t([-1.0])), [[1.0, 0.0]], [[0.0, 1.0]])
    same(lambda F, t, a, p, n: F.triplet_margin_loss(a, p, n, eps=0.0), [[0.0, 3.0]], [[0.0, 0.0]], [[4.0, 3.0]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_cross_entropy_of_certainties(dtype: str) -> None:
    same(
        lambda F, t, x: F.binary_cross_entropy(x, t([0.0, 1.0, 0.0, 1.0], dtype=x.dtype), reduction="none"),
        [0.0, 1.0, 1.0, 0.0],
        dtype=dtype,
    )


@pytest.mark.parametrize("y", [0.0, 0.5, 1.0])
def test_huge_logits(y: float) -> None:
    logits = [0.0, 1e30, -1e30, 88.0, -104.0]
    same(
        lambda F, t, x: F.binary_cross_entropy_with_logits(x, t([y] * 5, dtype=x.dtype), reduction="none"),
        logits,
        dtype="float32",
    )


def test_soft_margin_loss_does_not_overflow() -> None:
    x = tg.tensor([-1e30, 1e30, 0.0], requires_grad=True)
    loss = F.soft_margin_loss(x, tg.ones(3), reduction="none")
    loss.sum().backward()
    np.testing.assert_allclose(loss.detach().numpy(), [1e30, 0.0, np.log(2)], rtol=1e-6)
    assert x.grad.tolist() == [-1.0, 0.0, -0.5]


def test_zero_vectors() -> None:
    zero, other = [[0.0, 0.0], [1e-12, 0.0]], [[1.0, 2.0], [0.0, 1.0]]
    same(lambda F, t, a, b: F.cosine_similarity(a, b), zero, other)
    same(lambda F, t, a, b: F.pairwise_distance(a, b, eps=0.0), other, other)
    assert tg.pairwise_distance(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 2.0]), p=0, eps=0.0).item() == 1.0


def test_targets_and_variances_of_zero() -> None:
    same(lambda F, t, x: F.kl_div(x, t([0.0, 0.5]), reduction="sum"), [-1.0, -2.0])
    same(lambda F, t, x: F.poisson_nll_loss(x, t([0.0, 1.0, 2.0]), full=True), [0.5, 0.0, 1.0])
    same(lambda F, t, x, v: F.gaussian_nll_loss(x, t([0.0, 1.0]), v), [0.0, 1.001], [0.0, 1e-9])


def test_classes_that_are_ruled_out() -> None:
    same(lambda F, t, x: F.cross_entropy(x, t([0]), reduction="none"), [[0.5, -inf, 1.0]])


def test_a_whole_batch_that_is_ignored_has_a_sum() -> None:
    same(lambda F, t, x: F.cross_entropy(x, t([-100, -100]), reduction="sum"), [[1.0, 2.0], [0.0, 1.0]])


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_shapes_that_differ_warn(name: str) -> None:
    for package in (tg, torch):
        with pytest.warns(UserWarning, match="size|shape"):
            loss = getattr(package.nn.functional, name)(package.ones(3, 1), package.zeros(3), reduction="none")
        assert tuple(loss.shape) == (3, 3)


def test_queries_that_may_look_nowhere() -> None:
    q, k, v = [[1.0, 2.0], [0.0, 1.0]], [[0.5, 1.0], [1.0, 0.0]], [[1.0], [2.0]]
    looks, numbers = [[True, False], [False, False]], [[0.0, -inf], [-inf, -inf]]
    same(lambda F, t, q, k, v: F.scaled_dot_product_attention(q, k, v, t(looks)), q, k, v)
    same(lambda F, t, q, k, v: F.scaled_dot_product_attention(q, k, v, t(numbers, dtype=q.dtype)), q, k, v)
    same(lambda F, t, q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), q, k[:1], v[:1])


@pytest.mark.parametrize("padding", [None, 1, -1])
def test_rows_of_padding(padding: int | None) -> None:
    same(lambda F, t, w: F.embedding(t([0, 1, 1, 2]), w, padding) ** 2, [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def test_one_hot() -> None:
    for arguments in [(), (4,)]:
        ours, theirs = (p.nn.functional.one_hot(p.tensor([[2, 0]]), *arguments) for p in (tg, torch))
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
