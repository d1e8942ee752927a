"""Operations with several results: each result has its own gradient, and the operation is gone through once."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import Operation, grad, operation
from tinygrad_cnn.tape.watch import watch

calls: list[str] = []


@pytest.fixture
def polar() -> Iterator[Any]:
    """Radius and angle of points, and whether they are on the right: the last has no gradient."""
    calls.clear()

    def for_x(g: Any, x: Any, y: Any, out: Any) -> Any:
        calls.append("x")
        return g[0] * (x / out[0]) - g[1] * (y / (out[0] * out[0]))

    def for_y(g: Any, x: Any, y: Any, out: Any) -> Any:
        calls.append("y")
        return g[0] * (y / out[0]) + g[1] * (x / (out[0] * out[0]))

    @operation(x=for_x, y=for_y)
    def polar_of(x: Any, y: Any) -> Any:
        return np.hypot(x, y), np.arctan2(y, x), x > 0

    yield polar_of
    del Operation.registry["polar_of"]


def points() -> tuple[tg.Tensor, tg.Tensor]:
    return (tg.tensor([3.0, 1.0], dtype=tg.float64, requires_grad=True) for _ in range(2))  # type: ignore[return-value]


def test_each_result_comes_from_one_node(polar: Any) -> None:
    x, y = points()
    radius, angle, right = polar(x, y)
    assert (radius.requires_grad, angle.requires_grad, right.requires_grad) == (True, True, False)
    assert radius.grad_fn is not angle.grad_fn
    assert {node.operation.name for node in radius.grad_fn.ancestors()} == {"polar_of"}
    assert str(radius.grad_fn) == "<polar_of>"
    with tg.no_grad():
        assert not any(r.requires_grad for r in polar(x, y))
    assert all(isinstance(r, np.ndarray) for r in polar(x.array, y.array) if np.ndim(r))


@given(weights=st.tuples(*[st.sampled_from([0.0, 1.0, -2.0])] * 2), uses=st.integers(1, 3))
def test_gradients_are_those_of_the_composition(weights: tuple[float, float], uses: int) -> None:
    """Of PyTorch's kind: hypot and atan2, which are operations of one result each."""
    values = np.array([[3.0, -1.0], [0.5, 2.0]])

    def gradients(make: Any) -> list[np.ndarray]:
        x, y = (tg.tensor(v, requires_grad=True) for v in values)
        r, a = make(x, y)
        loss = sum((weights[0] * r * r + weights[1] * a for _ in range(uses)), x * 0).sum()
        first = grad(loss, [x, y], create_graph=True)
        second = grad((first[0] * first[1]).sum(), [x, y], allow_unused=True)
        return [g.array for g in (*first, *second) if g is not None]

    @operation(
        x=lambda g, x, y, out: g[0] * (x / out[0]) - g[1] * (y / (out[0] * out[0])),
        y=lambda g, x, y, out: g[0] * (y / out[0]) + g[1] * (x / (out[0] * out[0])),
    )
    def both(x: Any, y: Any) -> Any:
        return np.hypot(x, y), np.arctan2(y, x)

    try:
        ours, composed = gradients(both), gradients(lambda x, y: (tg.hypot(x, y), tg.atan2(y, x)))
    finally:
        del Operation.registry["both"]
    for a, b in zip(ours, composed, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_derivatives_run_once_however_many_results_are_used(polar: Any) -> None:
    for use in (lambda r, a: r, lambda r, a: a, lambda r, a: r * a + a * r):
        x, y = points()
        calls.clear()
        radius, angle, _ = polar(x, y)
        use(radius, angle).sum().backward()
        assert calls == ["x", "y"]
        assert x.grad is not None


def test_hooks_and_gradients_are_of_one_result(polar: Any) -> None:
    x, y = points()
    radius, angle, _ = polar(x, y)
    seen: list[list[float]] = []
    angle.retain_grad()
    angle.register_hook(lambda g: seen.append(g.tolist()) or g * 0)
    (radius.sum() + 5 * angle.sum() + angle.sum()).backward()
    assert seen == [[6.0, 6.0]]
    assert angle.grad.tolist() == [0.0, 0.0]
    np.testing.assert_allclose(x.grad.array, [0.5**0.5] * 2)  # of the radius alone


def test_grad_with_respect_to_a_result(polar: Any) -> None:
    x, y = points()
    radius, angle, _ = polar(x, y)
    found = grad((radius * radius).sum() + angle.sum(), [radius, angle], retain_graph=True)
    assert [g.tolist() for g in found] == [[2 * r for r in radius.tolist()], [1.0, 1.0]]
    (second,) = grad(grad((radius**3).sum(), x, create_graph=True)[0].sum(), radius)
    assert second is not None  # the derivative reads the result, which is the tensor that the user has


def test_a_graph_of_several_results_is_freed_and_has_no_cycle(polar: Any) -> None:
    x, y = points()
    radius, angle, _ = polar(x, y)
    (radius + angle).sum().backward()
    with pytest.raises(RuntimeError, match="graph behind this polar_of was freed"):
        (radius * 2).sum().backward()
    radius, angle, _ = polar(x, y)
    nodes = [weakref.ref(n) for n in (radius.grad_fn, angle.grad_fn, radius.grad_fn.source)]
    gc.disable()
    try:
        del radius, angle
        assert [n() for n in nodes] == [None] * 3
    finally:
        gc.enable()


def test_whoever_watches_sees_all_results(polar: Any) -> None:
    seen: list[Any] = []
    x, y = points()
    with watch(seen.append):
        radius, angle, right = polar(x, y)
    (call,) = seen
    assert all(a is b for a, b in zip(call.results, (radius, angle, right), strict=True))
    assert call.node is radius.grad_fn.source
    steps = tg.explain(lambda: polar(x, y)[0].sum(), check=True)
    assert [arrow.verdict[:2] for step in steps.steps for arrow in step.arrows] == ["ok"] * 3
    with tg.autograd.detect_anomaly():
        radius, angle, _ = polar(x * 0, y * 0)
        with np.errstate(all="ignore"), pytest.raises(RuntimeError, match=r"derivative of polar_of .* is NaN"):
            (radius + angle).sum().backward()
