"""L-BFGS finds bottoms in few steps; its line search satisfies Wolfe's conditions."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.optim import LBFGS
from tinygrad_cnn.optim.line_search import CURVATURE, SUFFICIENT_DECREASE, Point, strong_wolfe
from tinygrad_cnn.storage.safetensors import load_checkpoint, save_checkpoint

WOLFE = {"line_search_fn": "strong_wolfe"}


def rosenbrock(x: tg.Tensor, y: tg.Tensor) -> tg.Tensor:
    return ((1 - x) ** 2 + 100 * (y - x * x) ** 2).sum()


def problem(**options: Any) -> tuple[list[tg.Tensor], LBFGS, Any]:
    params = [tg.nn.Parameter(np.array([-1.2])), tg.nn.Parameter(np.array([1.0]))]
    optimizer = LBFGS(params, **options)
    calls: list[float] = []

    def closure() -> tg.Tensor:
        optimizer.zero_grad()
        loss = rosenbrock(*params)
        loss.backward()
        calls.append(loss.item())
        return loss

    closure.calls = calls  # type: ignore[attr-defined]
    return params, optimizer, closure


@pytest.mark.parametrize("history_size", [2, 100])
def test_it_finds_the_bottom_of_rosenbrocks_valley(history_size: int) -> None:
    params, optimizer, closure = problem(
        max_iter=60, max_eval=500, line_search_fn="strong_wolfe", history_size=history_size
    )
    optimizer.step(closure)
    np.testing.assert_allclose([p.item() for p in params], 1, atol=1e-4)
    assert len(optimizer.state[params[0]]["old_dirs"]) <= history_size


def test_the_closure_is_called_no_more_often_than_it_may_be() -> None:
    params, optimizer, closure = problem(lr=1e-3, max_iter=7, max_eval=5)
    first = optimizer.step(closure)
    assert first.item() == closure.calls[0]
    assert len(closure.calls) == 5 == optimizer.state[params[0]]["func_evals"]
    _, optimizer, closure = problem(lr=1e-3, max_iter=7)
    optimizer.step(closure)
    assert len(closure.calls) == 7


def test_at_the_bottom_it_does_nothing() -> None:
    params, optimizer, closure = problem()
    for p in params:
        p.data.fill_(1.0)
    optimizer.step(closure)
    assert [p.item() for p in params] == [1, 1]
    assert closure.calls == [0]


def test_a_run_resumes_from_a_file_to_the_same_bits(tmp_path: Any) -> None:
    params, optimizer, closure = problem(max_iter=3, line_search_fn="strong_wolfe")
    optimizer.step(closure)
    save_checkpoint(optimizer.state_dict(), tmp_path / "state")
    others, resumed, other_closure = problem(max_iter=3, line_search_fn="strong_wolfe")
    for p, q in zip(params, others, strict=True):
        q.data.copy_(p.detach())
    resumed.load_state_dict(load_checkpoint(tmp_path / "state"))
    for _ in range(3):
        optimizer.step(closure)
        resumed.step(other_closure)
    assert [p.item() for p in params] == [p.item() for p in others]
    state = copy.deepcopy(optimizer.state_dict())
    state["state"][0]["old_dirs"] = [tg.ones(3)]
    with pytest.raises(ValueError, match=r"LBFGS.load_state_dict: old_dirs has shape \(3,\); wanted \(2,\)"):
        resumed.load_state_dict(state)


def test_a_closure_that_fails_in_the_line_search_leaves_the_parameters_where_they_were() -> None:
    params, optimizer, closure = problem(line_search_fn="strong_wolfe")
    before = [p.item() for p in params]

    def failing() -> tg.Tensor:
        if closure.calls:
            raise KeyboardInterrupt
        return closure()

    with pytest.raises(KeyboardInterrupt):
        optimizer.step(failing)
    assert [p.item() for p in params] == before


def test_what_was_recorded_before_a_step_notices_it() -> None:
    params, optimizer, closure = problem()
    loss = rosenbrock(*params)
    optimizer.step(closure)
    with pytest.raises(RuntimeError, match=r"LBFGS\.step"):
        loss.backward()


def test_parameters_of_float32_stay_float32() -> None:
    p = tg.nn.Parameter([3.0])
    optimizer = LBFGS([p], line_search_fn="strong_wolfe")

    def closure() -> tg.Tensor:
        optimizer.zero_grad()
        loss = (p**4).sum()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    assert p.dtype == np.float32
    assert abs(p.item()) < 0.05


@given(coefficients=st.lists(st.floats(-2, 2), min_size=2, max_size=5), t=st.floats(0.01, 10))
def test_the_line_search_finds_a_point_of_sufficient_decrease_and_small_slope(
    coefficients: list[float], t: float
) -> None:
    def at(t: float) -> Point:
        k = np.arange(1, len(coefficients) + 1)
        a = np.array(coefficients)
        value = float((a * np.sin(k * t)).sum()) + 0.1 * t * t - t
        slope = float((a * k * np.cos(k * t)).sum()) + 0.2 * t - 1
        return Point(t, value, np.array([slope]), slope)

    start = at(0.0)
    if start.slope >= -1e-3:
        return
    found, calls = strong_wolfe(at, start, t, 1.0, 1e-9, most=60)
    assert calls <= 61
    assert found.value <= start.value + SUFFICIENT_DECREASE * found.t * start.slope
    assert abs(found.slope) <= -CURVATURE * start.slope


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: LBFGS(p).step(), "LBFGS.step: wanted a closure"),
        (lambda p: LBFGS(p, max_iter=0), "LBFGS: max_iter is 0"),
        (lambda p: LBFGS(p, max_eval=0), "LBFGS: max_eval is 0"),
        (lambda p: LBFGS(p, history_size=0), "LBFGS: history_size is 0"),
        (lambda p: LBFGS(p, lr=-1), "LBFGS: lr is -1"),
        (lambda p: LBFGS(p, line_search_fn="armijo"), "LBFGS: line_search_fn is 'armijo'"),
        (lambda p: LBFGS([{"params": p}, {"params": [tg.nn.Parameter([1.0])]}]), "LBFGS: got 2 groups"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        make([tg.nn.Parameter([1.0])])
