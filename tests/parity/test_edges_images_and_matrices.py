"""Edges of linear algebra, pooling and normalisation: NaN, infinity, ties, zeros, singular matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F

torch = pytest.importorskip("torch")
nan, inf = np.nan, np.inf


def assert_same(ours: Callable[[Any], Any], theirs: Callable[[Any], Any], array: Any) -> None:
    """The same value, and the same gradient for a gradient of ones."""
    x, y = tg.tensor(np.array(array), requires_grad=True), torch.tensor(np.array(array), requires_grad=True)
    out, expected = ours(x), theirs(y)
    np.testing.assert_array_equal(out.detach().numpy(), expected.detach().numpy())
    out.backward(tg.ones_like(out))
    expected.backward(torch.ones_like(expected))
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-10, atol=1e-12)


IMAGES = {
    "one NaN": [[1.0, nan, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]],
    "NaNs": [[nan, 2.0, nan], [4.0, nan, 6.0], [nan, nan, 9.0]],
    "ties": [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [2.0, 2.0, 1.0]],
    "minus infinity": [[-inf] * 3] * 3,
    "infinities": [[inf, -inf, 1.0], [inf, inf, 0.0], [0.0, -inf, inf]],
}
WINDOWS = [(2, 2, 0), (2, 1, 0), (2, 1, 1), (3, 2, 1), (2, 2, 1, 1, True)]


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("window", WINDOWS)
def test_max_pooling(name: str, window: Any) -> None:
    image = [IMAGES[name]]
    assert_same(lambda x: tg.max_pool2d(x, *window), lambda x: torch.nn.functional.max_pool2d(x, *window), image)
    _, ours = tg.max_pool2d(tg.tensor(np.array(image)), *window, return_indices=True)
    _, theirs = torch.nn.functional.max_pool2d(torch.tensor(np.array(image)), *window, return_indices=True)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("name", ["one NaN", "NaNs", "ties", "minus infinity"])
def test_pooling_to_a_size(name: str) -> None:
    image = [IMAGES[name]]
    assert_same(
        lambda x: F.adaptive_max_pool2d(x, 2), lambda x: torch.nn.functional.adaptive_max_pool2d(x, 2), image
    )
    assert_same(
        lambda x: F.adaptive_avg_pool2d(x, 2), lambda x: torch.nn.functional.adaptive_avg_pool2d(x, 2), image
    )


def test_means_keep_a_nan_to_its_windows() -> None:
    assert_same(
        lambda x: tg.avg_pool2d(x, 2, 1), lambda x: torch.nn.functional.avg_pool2d(x, 2, 1), [IMAGES["one NaN"]]
    )


@pytest.mark.parametrize("value", [inf, -inf, nan])
def test_padding_with_what_is_not_finite(value: float) -> None:
    assert_same(
        lambda x: F.pad(x, (1, 0), value=value),
        lambda x: torch.nn.functional.pad(x, (1, 0), value=value),
        [1.0, inf],
    )


def test_interpolation_keeps_infinity_to_its_neighbours() -> None:
    assert_same(
        lambda x: F.interpolate(x, size=7),
        lambda x: torch.nn.functional.interpolate(x, size=7),
        [[[1.0, inf, 2.0]]],
    )


# --- distances and lengths at 0 ---


@pytest.mark.parametrize("p", [0.0, 1.0, 1.5, 2.0, 3.0])
def test_the_distance_of_equal_vectors_has_gradient_0(p: float) -> None:
    points = [[1.0, 2.0], [1.0, 2.0], [0.0, 4.5]]
    other = [[1.0, 2.0], [3.0, 1.0]]
    x, y = tg.tensor(np.array(points), requires_grad=True), torch.tensor(np.array(points), requires_grad=True)
    out, expected = tg.cdist(x, tg.tensor(np.array(other)), p), torch.cdist(y, torch.tensor(np.array(other)), p)
    np.testing.assert_allclose(out.detach().numpy(), expected.detach().numpy(), rtol=1e-12)
    if p:
        out.sum().backward()
        expected.sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, inf])
def test_a_vector_of_zeros_is_normalised_to_itself(p: float) -> None:
    x = tg.zeros(2, 3, dtype=tg.float64, requires_grad=True)
    out = F.normalize(x, p=p)
    out.sum().backward()
    assert not out.detach().numpy().any()
    np.testing.assert_allclose(x.grad.numpy(), np.full((2, 3), 1e12))


# --- matrices ---


@pytest.mark.parametrize("name", ["addmm", "baddbmm"])
def test_a_beta_of_0_does_not_look_at_the_input(name: str) -> None:
    matrix = np.ones((1, 2, 2) if name == "baddbmm" else (2, 2))
    ours = getattr(tg, name)(tg.tensor(matrix * nan), tg.tensor(matrix), tg.tensor(matrix), beta=0)
    theirs = getattr(torch, name)(torch.tensor(matrix * nan), torch.tensor(matrix), torch.tensor(matrix), beta=0)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("matrix", [[[1.0, 2.0], [2.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]])
def test_the_determinant_of_a_singular_matrix_has_the_cofactors_as_gradient(matrix: Any) -> None:
    x = tg.tensor(matrix, requires_grad=True)
    tg.det(x).backward()
    (a, b), (c, d) = matrix
    np.testing.assert_allclose(x.grad.numpy(), [[d, -c], [-b, a]], atol=1e-6)


def test_the_second_derivative_of_the_determinant_of_a_singular_matrix_is_refused() -> None:
    x = tg.zeros(2, 2, requires_grad=True)
    (gradient,) = tg.autograd.grad(tg.det(x), x, create_graph=True)
    with pytest.raises(ValueError, match=r"inv: Singular matrix"):
        tg.autograd.grad(gradient.sum(), x)


def test_the_logarithm_of_the_determinant_of_a_singular_matrix_is_minus_infinity() -> None:
    sign, logabsdet = tg.linalg.slogdet(tg.zeros(2, 2))
    expected = torch.linalg.slogdet(torch.zeros(2, 2))
    assert (sign.item(), logabsdet.item()) == (expected.sign.item(), expected.logabsdet.item()) == (0, -inf)


@pytest.mark.parametrize("n", [-1, 0, 1])
def test_small_powers_of_matrices(n: int) -> None:
    matrix = np.array([[[2.0, 1.0], [0.0, 1.0]]] * 2)
    ours, theirs = tg.linalg.matrix_power(tg.tensor(matrix), n), torch.linalg.matrix_power(torch.tensor(matrix), n)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_integers_are_multiplied_as_integers() -> None:
    a = np.arange(4).reshape(2, 2)
    for ours, theirs in [
        (tg.einsum("ij,jk", tg.tensor(a), tg.tensor(a)), torch.einsum("ij,jk", torch.tensor(a), torch.tensor(a))),
        (tg.trace(tg.tensor(a)), torch.trace(torch.tensor(a))),
        (tg.kron(tg.tensor(a), tg.tensor(a)), torch.kron(torch.tensor(a), torch.tensor(a))),
    ]:
        assert ours.dtype == tg.int64
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


# --- running statistics ---


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
def test_running_statistics_move_in_place(name: str) -> None:
    x = np.random.default_rng(0).standard_normal((4, 3, 5)).astype(np.float32)
    ours = tg.zeros(3), tg.ones(3)
    theirs = torch.zeros(3), torch.ones(3)
    for _ in range(2):
        getattr(F, name)(tg.tensor(x), *ours, None, None, True, 0.3)
        getattr(torch.nn.functional, name)(torch.tensor(x), *theirs, None, None, True, 0.3)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == tg.float32
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-5)


def test_a_graph_that_needs_the_running_statistics_notices_that_they_moved() -> None:
    mean, var, weight = tg.zeros(3), tg.ones(3), tg.ones(3, requires_grad=True)
    out = mean * weight
    F.batch_norm(tg.randn(4, 3), mean, var, training=True)
    with pytest.raises(RuntimeError, match=r"batch_norm has since overwritten"):
        out.sum().backward()


def test_nothing_moves_when_the_call_is_refused() -> None:
    mean = tg.zeros(3)
    with pytest.raises(ValueError, match=r"weight of shape"):
        F.batch_norm(tg.randn(4, 3), mean, tg.ones(3), tg.ones(2), training=True)
    assert not mean.numpy().any()
