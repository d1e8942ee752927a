"""Every optimizer takes the steps of its published formula, written out here once more (SGD: test_optim_sgd.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.strategies import generators
from tinygrad_cnn import optim

Array = np.ndarray
State = dict[str, Any]
Formula = Callable[..., Array]


def moments(g: Array, s: State, betas: tuple[float, float]) -> tuple[Array, Array]:
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0) + (1 - betas[1]) * g**2
    return s["m"], s["v"]


def adam(g: Array, s: State, t: int, lr: float, betas: tuple[float, float], eps: float, amsgrad: bool) -> Array:
    m, v = moments(g, s, betas)
    if amsgrad:
        v = s["largest"] = np.maximum(s.get("largest", 0), v)
    return lr * m / (1 - betas[0] ** t) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)


def nadam(
    g: Array, s: State, t: int, lr: float, betas: tuple[float, float], eps: float, momentum_decay: float
) -> Array:
    m, v = moments(g, s, betas)
    now, ahead = (betas[0] * (1 - 0.96 ** (i * momentum_decay) / 2) for i in (t, t + 1))
    s["product"] = s.get("product", 1) * now
    mixed = (1 - now) / (1 - s["product"]) * g + ahead / (1 - s["product"] * ahead) * m
    return lr * mixed / (np.sqrt(v / (1 - betas[1] ** t)) + eps)


def rmsprop(
    g: Array, s: State, t: int, lr: float, alpha: float, eps: float, momentum: float, centered: bool
) -> Array:
    m, v = moments(g, s, (alpha, alpha))
    step = g / (np.sqrt(v - m**2 if centered else v) + eps)
    s["moving"] = momentum * s.get("moving", 0) + step
    return lr * s["moving"]


def adagrad(
    g: Array, s: State, t: int, lr: float, lr_decay: float, initial_accumulator_value: float, eps: float
) -> Array:
    s["sum"] = s.get("sum", initial_accumulator_value) + g**2
    return lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(s["sum"]) + eps)


def adadelta(g: Array, s: State, t: int, lr: float, rho: float, eps: float) -> Array:
    s["v"] = rho * s.get("v", 0) + (1 - rho) * g**2
    step = np.sqrt(s.get("u", 0) + eps) / np.sqrt(s["v"] + eps) * g
    s["u"] = rho * s.get("u", 0) + (1 - rho) * step**2
    return lr * step


def muon(g: Array, s: State, t: int, lr: float, momentum: float, nesterov: bool, adjust_lr_fn: str | None) -> Array:
    s["m"] = momentum * s.get("m", 0) + (1 - momentum) * g
    x = momentum * s["m"] + (1 - momentum) * g if nesterov else s["m"]
    rows, columns = x.shape
    x = x / np.linalg.norm(x)
    for _ in range(5):
        a, b, c = 3.4445, -4.775, 2.0315
        x = a * x + b * x @ x.T @ x + c * x @ x.T @ x @ x.T @ x
    size = 0.2 * max(rows, columns) ** 0.5 if adjust_lr_fn == "match_rms_adamw" else max(1, rows / columns) ** 0.5
    return lr * size * x


def adamax(g: Array, s: State, t: int, lr: float, betas: tuple[float, float], eps: float) -> Array:
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["u"] = np.maximum(betas[1] * s.get("u", 0), np.abs(g) + eps)
    return lr / (1 - betas[0] ** t) * s["m"] / s["u"]


def radam(g: Array, s: State, t: int, lr: float, betas: tuple[float, float], eps: float) -> Array:
    m, v = moments(g, s, betas)
    m = m / (1 - betas[0] ** t)
    most = 2 / (1 - betas[1]) - 1
    rho = most - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
    if rho <= 5:
        return lr * m
    factor = np.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
    return lr * factor * m * np.sqrt(1 - betas[1] ** t) / (np.sqrt(v) + eps)


part = st.floats(0.1, 0.99)
betas = st.tuples(part, part)
eps = st.floats(1e-8, 1e-2)
switch = st.booleans()
maximize = {"maximize": switch}

# name -> its formula, its options, and how weight decay comes in: always off the parameter, or as an option says
OPTIMIZERS: dict[str, tuple[Formula, dict[str, Any], bool]] = {
    "Adam": (adam, {"betas": betas, "eps": eps, "amsgrad": switch, **maximize}, False),
    "AdamW": (adam, {"betas": betas, "eps": eps, "amsgrad": switch, **maximize}, True),
    "NAdam": (nadam, {"betas": betas, "eps": eps, "momentum_decay": st.floats(0, 0.1), **maximize}, False),
    "RMSprop": (rmsprop, {"alpha": part, "eps": eps, "momentum": part, "centered": switch, **maximize}, False),
    "Adagrad": (adagrad, {"lr_decay": part, "initial_accumulator_value": part, "eps": eps, **maximize}, False),
    "Adadelta": (adadelta, {"rho": part, "eps": eps, **maximize}, False),
    "Adamax": (adamax, {"betas": betas, "eps": eps, **maximize}, False),
    "RAdam": (radam, {"betas": betas, "eps": eps, **maximize}, False),
    "Muon": (
        muon,
        {"momentum": part, "nesterov": switch, "adjust_lr_fn": st.sampled_from([None, "match_rms_adamw"])},
        True,
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@given(rng=generators(), lr=st.floats(0.001, 0.5), weight_decay=st.sampled_from([0.0, 0.1]), data=st.data())
def test_five_steps(
    name: str, rng: np.random.Generator, lr: float, weight_decay: float, data: st.DataObject
) -> None:
    formula, options, decoupled = OPTIMIZERS[name]
    drawn = {key: data.draw(values) for key, values in options.items()}
    p = tg.nn.Parameter(rng.standard_normal((3, 2)))
    optimizer = getattr(optim, name)([p], lr=lr, weight_decay=weight_decay, **drawn)
    sign = -1 if drawn.pop("maximize", False) else 1
    wanted, state = p.array.copy(), {}
    for t in range(1, 6):
        gradient = rng.standard_normal(wanted.shape)
        p.grad = tg.tensor(gradient)
        optimizer.step()
        g = sign * gradient
        if decoupled:
            wanted = wanted * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * wanted
        wanted = wanted - formula(g, state, t, lr, **drawn)
        np.testing.assert_allclose(p.array, wanted, rtol=1e-9, atol=1e-11)


@given(rng=generators(), lr=st.floats(0.001, 0.5), lambd=st.floats(0, 0.5), alpha=part, t0=st.integers(0, 4))
def test_five_steps_of_asgd_and_their_mean(
    rng: np.random.Generator, lr: float, lambd: float, alpha: float, t0: int
) -> None:
    p = tg.nn.Parameter(rng.standard_normal((3, 2)))
    optimizer = optim.ASGD([p], lr, lambd, alpha, t0)
    wanted, visited = p.array.copy(), []
    for t in range(1, 6):
        p.grad = tg.tensor(rng.standard_normal(wanted.shape))
        optimizer.step()
        eta = lr / (1 + lambd * lr * (t - 1)) ** alpha
        wanted = wanted - eta * (p.grad.array + lambd * wanted)
        visited.append(wanted)
        np.testing.assert_allclose(p.array, wanted, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(
        optimizer.state[p]["ax"].array, np.mean(visited[min(t0 + 1, 4) :], axis=0), rtol=1e-9, atol=1e-11
    )


def test_rprop_by_hand() -> None:
    p = tg.nn.Parameter([0.0])
    optimizer = optim.Rprop([p], lr=1.0, etas=(0.5, 2.0), step_sizes=(0.25, 3.0))
    found = []
    for gradient in (0.1, 7.0, 0.2, -5.0, -0.1, 0.3, 0.3):
        p.grad = tg.tensor([gradient])
        optimizer.step()
        found.append(p.item())
    #  1, 2 and 3 (not 4) down; a rest; 1.5 up; a rest; 0.75 down
    assert found == [-1, -3, -6, -6, -4.5, -4.5, -5.25]


@given(rng=generators(), lr=st.floats(0.001, 0.5), decay=st.floats(-2, -0.1), d=st.floats(1, 3))
def test_five_steps_of_adafactor(rng: np.random.Generator, lr: float, decay: float, d: float) -> None:
    p = tg.nn.Parameter(rng.standard_normal((3, 2)))
    optimizer = optim.Adafactor([p], lr, decay, d=d)
    wanted, rows, columns = p.array.copy(), np.zeros((3, 1)), np.zeros((1, 2))
    for t in range(1, 6):
        g = rng.standard_normal(wanted.shape)
        p.grad = tg.tensor(g)
        optimizer.step()
        rate = max(1e-3, np.sqrt((wanted**2).mean())) * min(lr, 1 / np.sqrt(t))
        rows = rows + t**decay * ((g**2).mean(1, keepdims=True) - rows)
        columns = columns + t**decay * ((g**2).mean(0, keepdims=True) - columns)
        update = g / np.sqrt(rows @ columns / rows.mean())
        wanted = wanted - rate * update / max(1, np.sqrt((update**2).mean()) / d)
        np.testing.assert_allclose(p.array, wanted, rtol=1e-9, atol=1e-11)


BY_THEMSELVES = {"Optimizer", "SGD", "ASGD", "Rprop", "Adafactor", "LBFGS"}
"""Tested above, in test_optim_sgd.py, and in test_optim_lbfgs.py."""


def test_every_optimizer_has_its_formula() -> None:
    assert OPTIMIZERS.keys() == {name for name in optim.__all__ if name[0].isupper()} - BY_THEMSELVES


# --- the plateau schedule, by hand ---

FLAT = [1.0] * 6


@pytest.mark.parametrize(
    ("options", "metrics", "rates"),
    [
        ({"patience": 1}, FLAT, [1, 1, 0.5, 0.5, 0.25, 0.25]),
        ({"patience": 0, "threshold": 0.1}, [1.0, 0.95, 0.8], [1, 0.5, 0.5]),
        ({"patience": 0, "threshold": 0.1, "threshold_mode": "abs"}, [5.0, 4.95, 4.8], [1, 0.5, 0.5]),
        ({"patience": 0, "threshold": 0.1, "mode": "max"}, [1.0, 1.05, 1.2], [1, 0.5, 0.5]),
        ({"patience": 0, "cooldown": 2}, FLAT, [1, 0.5, 0.5, 0.5, 0.25, 0.25]),
        ({"patience": 0, "min_lr": 0.3}, FLAT[:4], [1, 0.5, 0.3, 0.3]),
        ({"patience": 0, "eps": 0.3}, FLAT[:4], [1, 0.5, 0.5, 0.5]),
        ({"patience": 0}, [1.0, float("nan")], [1, 0.5]),
    ],
    ids=str,
)
def test_the_plateau_schedule_by_hand(options: dict[str, Any], metrics: list[float], rates: list[float]) -> None:
    optimizer = optim.SGD([tg.nn.Parameter([1.0])], lr=1.0)
    schedule = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, **options)
    found = []
    for metric in metrics:
        schedule.step(metric)
        found.append(optimizer.param_groups[0]["lr"])
    assert found == rates


def test_annealing_ends_at_the_least_rate() -> None:
    optimizer = optim.SGD([tg.nn.Parameter([1.0])], lr=1.0)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2, eta_min=0.5)
    optimizer.step()
    rates = schedule.get_last_lr()
    for _ in range(2):
        schedule.step()
        rates += schedule.get_last_lr()
    np.testing.assert_allclose(rates, [1, 0.75, 0.5])


def test_a_cycle_moves_the_first_beta_alone() -> None:
    optimizer = optim.Adam([tg.nn.Parameter([1.0])], betas=(0.9, 0.99))
    optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    assert optimizer.param_groups[0]["betas"] == (0.95, 0.99)
