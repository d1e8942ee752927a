"""Initialisers draw from the distributions that they are named after, from a given generator, in place."""

from math import sqrt

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn import init

SHAPE = (64, 32, 3, 3)  # fan_in 288, fan_out 576

UNIFORM = [
    (lambda t, g: init.uniform_(t, -2, 2, generator=g), 2),
    (lambda t, g: init.kaiming_uniform_(t, nonlinearity="relu", generator=g), sqrt(6 / 288)),
    (lambda t, g: init.kaiming_uniform_(t, a=sqrt(5), generator=g), 1 / sqrt(288)),
    (lambda t, g: init.kaiming_uniform_(t, mode="fan_out", generator=g), sqrt(6 / 576)),
    (lambda t, g: init.xavier_uniform_(t, gain=2, generator=g), 2 * sqrt(6 / 864)),
]
NORMAL = [
    (lambda t, g: init.normal_(t, 0, 3, generator=g), 3),
    (lambda t, g: init.kaiming_normal_(t, nonlinearity="relu", generator=g), sqrt(2 / 288)),
    (lambda t, g: init.kaiming_normal_(t, a=1, mode="fan_out", generator=g), sqrt(1 / 576)),
    (lambda t, g: init.xavier_normal_(t, gain=0.5, generator=g), 0.5 * sqrt(2 / 864)),
]


@pytest.mark.parametrize(("fill", "bound"), UNIFORM)
def test_uniform_ones_fill_their_interval(fill, bound):
    x = fill(tg.empty(SHAPE), np.random.default_rng(0)).numpy()
    assert np.abs(x).max() == pytest.approx(bound, rel=1e-3)
    assert x.std() == pytest.approx(bound / sqrt(3), rel=0.02)
    assert abs(x.mean()) < 0.02 * bound


@pytest.mark.parametrize(("fill", "std"), NORMAL)
def test_normal_ones_have_their_deviation(fill, std):
    x = fill(tg.empty(SHAPE), np.random.default_rng(0)).numpy()
    assert x.std() == pytest.approx(std, rel=0.02)
    assert np.abs(x).max() > 3 * std
    assert abs(x.mean()) < 0.02 * std


@pytest.mark.parametrize("fill", [fill for fill, _ in UNIFORM + NORMAL])
@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
def test_all_write_in_place_keep_the_type_and_follow_the_generator(fill, dtype):
    p = nn.Parameter(tg.zeros(SHAPE, dtype=dtype))
    memory = p.array
    assert fill(p, np.random.default_rng(1)) is p
    assert p.array is memory
    assert p.dtype == dtype
    assert p.requires_grad
    first = p.array.copy()
    assert np.array_equal(fill(p, np.random.default_rng(1)).array, first)
    assert not np.array_equal(fill(p, np.random.default_rng(2)).array, first)
    tg.manual_seed(1)
    assert np.array_equal(fill(p, None).array, first)


def test_constant_initialisers():
    p = nn.Parameter([1.0, 2.0])
    assert init.constant_(p, 0.5).tolist() == [0.5, 0.5]
    assert init.ones_(p).tolist() == [1, 1]
    assert init.zeros_(p).tolist() == [0, 0]


def test_gains_by_formula():
    gains = {"linear": 1, "conv2d": 1, "sigmoid": 1, "tanh": 5 / 3, "relu": sqrt(2)}
    assert {name: init.calculate_gain(name) for name in gains} == pytest.approx(gains)
    assert init.calculate_gain("leaky_relu") == pytest.approx(sqrt(2 / 1.0001))
    assert init.calculate_gain("leaky_relu", 2) == pytest.approx(sqrt(2 / 5))


@pytest.mark.parametrize(
    ("make", "fan_in"),
    [(lambda: nn.Linear(300, 200), 300), (lambda: nn.Conv2d(8, 400, 5, groups=2), 100)],
)
def test_layers_start_as_pytorch_has_it(make, fan_in):
    tg.manual_seed(3)
    layer = make()
    for p in layer.parameters():
        assert np.abs(p.array).max() <= 1 / sqrt(fan_in) * (1 + 1e-6)
        assert p.array.std() == pytest.approx(1 / sqrt(3 * fan_in), rel=0.1)
    first = {n: t.numpy().copy() for n, t in layer.state_dict().items()}
    tg.manual_seed(3)
    assert all(np.array_equal(t.numpy(), first[n]) for n, t in make().state_dict().items())
    layer.reset_parameters()
    assert not any(np.array_equal(t.numpy(), first[n]) for n, t in layer.state_dict().items())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: init.uniform_(tg.zeros(2), 1, 0), ValueError, "uniform_: wanted from <= to"),
        (lambda: init.normal_(tg.zeros(2), 0, -1), ValueError, "normal_: std is -1"),
        (lambda: init.normal_(tg.tensor([1])), TypeError, "normal_: wanted floating-point"),
        (lambda: init.calculate_gain("rleu"), ValueError, "calculate_gain: .*did you mean 'relu'"),
        (lambda: init.kaiming_normal_(tg.zeros(2)), ValueError, r"kaiming_normal_: wanted a weight .* \(2,\)"),
        (lambda: init.xavier_normal_(tg.zeros(2, 0)), ValueError, r"xavier_normal_: wanted a weight .* \(2, 0\)"),
        (lambda: init.kaiming_uniform_(tg.zeros(2, 2), mode="in"), ValueError, "kaiming_uniform_: mode 'in'"),
    ],
)
def test_bad_calls(call, error, message):
    with pytest.raises(error, match=message):
        call()
