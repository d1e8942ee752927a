"""Clipping brings gradients into bounds and nothing else; parameters become a vector and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn.utils import clip_grad_norm_, clip_grad_value_, parameters_to_vector, vector_to_parameters

gradients = st.lists(st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=4), min_size=1, max_size=3)


def with_gradients(values):
    params = [nn.Parameter(np.zeros(len(v), np.float32)) for v in values]
    for p, v in zip(params, values, strict=True):
        p.grad = tg.tensor(v, dtype=tg.float32)
    return params


@given(gradients, st.floats(0.01, 100), st.sampled_from([1.0, 2.0, 3.0, float("inf")]))
def test_a_clipped_norm_is_at_most_the_bound_and_keeps_the_direction(values, bound, order):
    params = with_gradients(values)
    before = np.concatenate([p.grad.numpy() for p in params])
    total = clip_grad_norm_(params, bound, order)
    after = np.concatenate([p.grad.numpy() for p in params])
    assert total.item() == pytest.approx(np.linalg.norm(before, order), rel=1e-5)
    assert total.dtype == after.dtype == np.float32
    assert np.linalg.norm(after, order) <= bound * (1 + 1e-5)
    scale = min(1.0, bound / (total.item() + 1e-6))
    np.testing.assert_allclose(after, before * scale, rtol=1e-5, atol=1e-30)


@given(gradients, st.floats(0.01, 100))
def test_clipped_values_are_within_the_bound(values, bound):
    params = with_gradients(values)
    clip_grad_value_(params, bound)
    for p, v in zip(params, values, strict=True):
        assert p.grad.numpy().tolist() == np.clip(np.float32(v), -bound, bound, dtype=np.float32).tolist()


def test_one_tensor_and_parameters_without_gradient_are_taken():
    (p,) = with_gradients([[3.0, 4.0]])
    assert clip_grad_norm_(p, 1.0).item() == 5
    clip_grad_value_(p, 0.5)
    assert p.grad.numpy().max() == 0.5
    assert clip_grad_norm_([nn.Parameter([1.0])], 1.0).item() == 0


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_norm_that_is_not_finite_is_an_error_only_if_asked_for(wrong):
    params = with_gradients([[1.0, wrong], [2.0]])
    with pytest.raises(RuntimeError, match=r"clip_grad_norm_: the norm of order 2 of the gradients is (nan|inf)"):
        clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    assert params[1].grad.item() == 2
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(clip_grad_norm_(params, 1.0).item())
    assert params[1].grad.item() != 2


def test_clipping_is_noticed_by_what_was_recorded_before():
    x = nn.Parameter([3.0])
    (x**2).sum().backward()
    later = (x.grad * x).sum()
    clip_grad_norm_([x], 1.0)
    with pytest.raises(RuntimeError, match="clip_grad_norm_"):
        later.backward()


def test_parameters_go_into_a_vector_and_back():
    model, other = nn.Linear(2, 3), nn.Linear(2, 3)
    memory = other.weight.array
    vector = parameters_to_vector(model.parameters())
    vector_to_parameters(vector, other.parameters())
    assert np.array_equal(parameters_to_vector(other.parameters()).detach().numpy(), vector.detach().numpy())
    assert other.weight.array is memory
    (vector**2).sum().backward()
    np.testing.assert_allclose(model.weight.grad.numpy(), 2 * model.weight.detach().numpy())


def test_a_vector_that_does_not_fit_is_refused_and_changes_nothing():
    model = nn.Linear(2, 3)
    before = model.weight.array.copy()
    for wrong in (tg.ones(8), tg.ones(10), tg.ones(9, 1)):
        with pytest.raises(ValueError, match=r"vector_to_parameters: the vector has shape .*; wanted \(9,\)"):
            vector_to_parameters(wrong, model.parameters())
    with pytest.raises(TypeError, match="wanted a tensor, got list"):
        vector_to_parameters([1.0], model.parameters())
    with pytest.raises(ValueError, match="at least one parameter"):
        parameters_to_vector([])
    assert np.array_equal(model.weight.array, before)
