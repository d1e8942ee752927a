"""Distributions have PyTorch's log-probabilities, entropies, moments and divergences, and their gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import distributions

torch = pytest.importorskip("torch")

real = st.floats(-3, 3)
above = st.floats(0.1, 3)
inside = st.floats(0.01, 0.99)
shapes = st.sampled_from([(), (3,), (2, 3)])
# name -> the values of its parameters, and values of its support
KINDS: dict[str, tuple[dict[str, Any], Any]] = {
    "Normal": ({"loc": real, "scale": above}, real),
    "Uniform": ({"low": st.floats(-3, 0), "high": st.floats(1, 3)}, inside),
    "Exponential": ({"rate": above}, st.floats(0, 4)),
    "Bernoulli of probs": ({"probs": inside}, st.sampled_from([0.0, 1.0])),
    "Bernoulli of logits": ({"logits": real}, st.sampled_from([0.0, 1.0])),
    "Categorical of probs": ({"probs": above}, st.integers(0, 2)),
    "Categorical of logits": ({"logits": real}, st.integers(0, 2)),
}
each = pytest.mark.parametrize("kind", KINDS)


@st.composite
def cases(draw: Any, kind: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Parameters of a shape, and values of that shape or one with a dimension more."""
    shape = draw(shapes)
    parameters, values = KINDS[kind]
    full = (*shape, 3) if kind.startswith("Categorical") else shape

    def array(numbers: Any, shape: tuple[int, ...]) -> np.ndarray:
        count = math.prod(shape)
        return np.array(draw(st.lists(numbers, min_size=count, max_size=count))).reshape(shape)

    drawn = {name: array(numbers, full) for name, numbers in parameters.items()}
    more = (*draw(st.sampled_from([(), (2,)])), *shape)
    return drawn, array(values, more)


def made(p: Any, kind: str, parameters: dict[str, np.ndarray]) -> tuple[Any, list[Any]]:
    tensors = {name: p.tensor(value, requires_grad=True) for name, value in parameters.items()}
    return getattr(p.distributions, kind.split()[0])(**tensors), list(tensors.values())


def with_gradients(result: Any, tensors: list[Any]) -> list[np.ndarray]:
    """Return a result and the gradients of its sum, 0 where there is none."""
    if result.requires_grad:
        result.sum().backward(retain_graph=True)
    found = [result.detach().numpy()]
    for tensor in tensors:
        found.append(np.zeros(tuple(tensor.shape)) if tensor.grad is None else tensor.grad.numpy().copy())
        tensor.grad = None
    return found


def assert_same(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@each
@given(data=st.data())
def test_values_and_gradients(kind: str, data: Any) -> None:
    parameters, value = data.draw(cases(kind))
    if kind == "Uniform":
        value = parameters["low"] + value * (parameters["high"] - parameters["low"])
    results = []
    for p in (tg, torch):
        distribution, tensors = made(p, kind, parameters)
        found = [with_gradients(distribution.log_prob(p.tensor(value)), tensors)]
        found.append(with_gradients(distribution.entropy(), tensors))
        if kind in ("Normal", "Uniform", "Exponential"):
            found.append(with_gradients(distribution.cdf(p.tensor(value)), tensors))
        if not kind.startswith("Categorical"):
            found += [
                with_gradients(getattr(distribution, name), tensors) for name in ("mean", "variance", "stddev")
            ]
        results.append((tuple(distribution.batch_shape), found))
    assert results[0][0] == results[1][0]
    for ours, theirs in zip(results[0][1], results[1][1], strict=True):
        assert_same(ours, theirs)


@each
@given(data=st.data())
def test_divergences_and_their_gradients(kind: str, data: Any) -> None:
    (first, _), (second, _) = data.draw(cases(kind)), data.draw(cases(kind))
    if kind.startswith(("Bernoulli", "Categorical")):  # PyTorch does not broadcast these
        second = {name: np.resize(value, first[name].shape) for name, value in second.items()}
    results = []
    for p in (tg, torch):
        (a, tensors), (b, others) = made(p, kind, first), made(p, kind, second)
        results.append(with_gradients(p.distributions.kl_divergence(a, b), tensors + others))
    if not all(np.isfinite(part).all() for part in results[1]):  # PyTorch's gradients of an infinity are NaN
        results = [[result[0]] for result in results]
    assert_same(*results)


@pytest.mark.parametrize("kind", ["Bernoulli", "Categorical"])
@given(data=st.data())
def test_probabilities_of_0_and_1(kind: str, data: Any) -> None:
    edges = st.sampled_from([0.0, 0.25, 1.0])
    pairs = data.draw(st.tuples(*[st.lists(edges, min_size=2, max_size=2).map(np.array)] * 2))
    if kind == "Categorical" and not all(pair.sum() for pair in pairs):
        return
    results = []
    for p in (tg, torch):
        a, b = (getattr(p.distributions, kind)(p.tensor(pair)) for pair in pairs)
        value = p.tensor([0.0, 1.0], dtype=p.float64)
        results.append([a.log_prob(value), a.entropy(), p.distributions.kl_divergence(a, b)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-9, atol=1e-9)


@each
@pytest.mark.parametrize("sample_shape", [(), (2,), (2, 4)])
def test_shapes_types_and_names(kind: str, sample_shape: Any) -> None:
    parameters = {name: np.full((5, 3), 0.5 if name != "high" else 2.0) for name in KINDS[kind][0]}
    ours, theirs = (made(p, kind, parameters)[0] for p in (tg, torch))
    for a, b in ((ours, theirs), (ours.expand((4, *ours.batch_shape)), theirs.expand((4, *theirs.batch_shape)))):
        samples = [d.sample(sample_shape) for d in (a, b)]
        assert samples[0].shape == tuple(samples[1].shape)
        assert str(samples[0].dtype) == str(samples[1].dtype).removeprefix("torch.")
        assert a.log_prob(samples[0]).shape == tuple(b.log_prob(samples[1]).shape)
        assert not samples[0].requires_grad
    assert ours.has_rsample == theirs.has_rsample
    one = {name: value[0, 0] for name, value in parameters.items()}
    if not kind.startswith("Categorical"):
        assert repr(made(tg, kind, one)[0]) == repr(made(torch, kind, one)[0])


@pytest.mark.parametrize("kind", ["Normal", "Uniform", "Exponential"])
def test_samples_with_gradients(kind: str) -> None:
    """The derivative of a sample is that of its inverse distribution function."""
    parameters = {name: np.full(200, 0.7 if name != "high" else 2.0) for name in KINDS[kind][0]}
    for p in (tg, torch):
        distribution, tensors = made(p, kind, parameters)
        samples = distribution.rsample()
        samples.sum().backward()
        x = samples.detach().numpy()
        if kind == "Normal":
            wanted = [np.ones(200), (x - 0.7) / 0.7]
        elif kind == "Uniform":
            share = (x - 0.7) / 1.3
            wanted = [1 - share, share]
        else:
            wanted = [-x / 0.7]
        for tensor, gradient in zip(tensors, wanted, strict=True):
            np.testing.assert_allclose(tensor.grad.numpy(), gradient, rtol=1e-9, atol=1e-12)


@each
def test_samples_have_the_moments_and_the_frequencies(kind: str) -> None:
    values = {"loc": 0.5, "scale": 2.0, "low": -1.0, "high": 2.0, "rate": 0.5, "probs": 0.3, "logits": -0.5}
    parameters = {name: np.array(values[name]) for name in KINDS[kind][0]}
    if kind.startswith("Categorical"):
        parameters = {name: np.array([0.2, 0.5, 0.3]) for name in parameters}
    tg.manual_seed(0)
    distribution, _ = made(tg, kind, parameters)
    x = distribution.sample((40_000,)).numpy()
    if kind.startswith("Categorical"):
        found = np.bincount(x, minlength=3) / len(x)
        np.testing.assert_allclose(found, distribution.probs.detach().numpy(), atol=0.01)
    else:
        np.testing.assert_allclose(x.mean(), distribution.mean.item(), atol=0.05)
        np.testing.assert_allclose(x.std(), distribution.stddev.item(), rtol=0.03)


def test_independent_dimensions_are_added() -> None:
    results = []
    for p in (tg, torch):
        d, n = p.distributions, p.distributions.Normal
        a = d.Independent(n(p.zeros(4, 3), p.ones(4, 3)), 1)
        b = d.Independent(n(p.ones(4, 3), p.ones(4, 3) * 2), 1)
        parts = [a.log_prob(p.ones(4, 3)), a.entropy(), d.kl_divergence(a, b), a.mean, a.variance]
        found = [a.batch_shape, a.event_shape, a.sample((2,)).shape, a.expand((5, 4)).batch_shape]
        results.append((list(map(tuple, found)), [part.numpy() for part in parts]))
    assert results[0][0] == results[1][0]
    for ours, theirs in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


REFUSED: dict[str, Any] = {
    "scale of 0": lambda p, d: d.Normal(0.0, 0.0),
    "loc NaN": lambda p, d: d.Normal(float("nan"), 1.0),
    "empty interval": lambda p, d: d.Uniform(1.0, 1.0),
    "rate": lambda p, d: d.Exponential(-1.0),
    "probability above 1": lambda p, d: d.Bernoulli(1.5),
    "both": lambda p, d: d.Bernoulli(0.5, 0.5),
    "neither": lambda p, d: d.Categorical(),
    "weights below 0": lambda p, d: d.Categorical(p.tensor([0.5, -0.5])),
    "no classes": lambda p, d: d.Categorical(p.tensor(0.5)),
    "neither 0 nor 1": lambda p, d: d.Bernoulli(0.5).log_prob(p.tensor(0.5)),
    "no class": lambda p, d: d.Categorical(p.ones(3)).log_prob(p.tensor(3)),
    "half a class": lambda p, d: d.Categorical(p.ones(3)).log_prob(p.tensor(0.5)),
    "outside": lambda p, d: d.Uniform(0.0, 1.0).log_prob(p.tensor(2.0)),
    "before": lambda p, d: d.Exponential(1.0).log_prob(p.tensor(-2.0)),
    "dimensions": lambda p, d: d.Independent(d.Normal(0.0, 1.0), 1),
    "shapes": lambda p, d: d.Normal(p.ones(2), p.ones(3)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        torch.distributions.Distribution, "_validate_args", True
    )  # torch.compile turns it off for all
    for p in (torch, tg):
        with pytest.raises((ValueError, RuntimeError)):
            REFUSED[name](p, p.distributions)


def test_checks_may_be_left_out() -> None:
    assert np.isinf(distributions.Uniform(0.0, 1.0, validate_args=False).log_prob(tg.tensor(2.0)).item())
    distributions.Distribution.set_default_validate_args(False)
    try:
        distributions.Normal(0.0, -1.0)
    finally:
        distributions.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match=r"Normal: scale is tensor\(-1.\); wanted numbers above 0"):
        distributions.Normal(0.0, -1.0)
    with pytest.raises(NotImplementedError, match="no formula for Normal and Uniform"):
        distributions.kl_divergence(distributions.Normal(0.0, 1.0), distributions.Uniform(0.0, 1.0))
    with pytest.raises(NotImplementedError, match="Bernoulli: rsample"):
        distributions.Bernoulli(0.5).rsample()
