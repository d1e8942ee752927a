"""The optimizers besides SGD: first steps by hand, state that goes out and comes back, and plain errors."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import optim
from tinygrad_cnn.optim.muon import orthogonalized
from tinygrad_cnn.storage.safetensors import load_checkpoint, save_checkpoint

# name -> options under which it keeps all the state that it can
KINDS = {
    "Adam": {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1},
    "AdamW": {"lr": 0.1, "amsgrad": True},
    "NAdam": {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
    "RMSprop": {"lr": 0.1, "momentum": 0.5, "centered": True},
    "Adagrad": {"lr": 0.1, "initial_accumulator_value": 0.5},
    "Adadelta": {"lr": 0.1, "weight_decay": 0.1},
    "Muon": {"lr": 0.1},
    "Adamax": {"lr": 0.1, "weight_decay": 0.1},
    "RAdam": {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
    "ASGD": {"lr": 0.1, "t0": 1, "lambd": 0.1},
    "Rprop": {"lr": 0.1},
    "Adafactor": {"lr": 0.1, "weight_decay": 0.1},
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def matrices():
    return [
        tg.nn.Parameter(np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)),
        tg.nn.Parameter(np.ones((3, 1))),
    ]


def make(kind, params):
    return getattr(optim, kind)([{"params": params[:1]}, {"params": params[1:], "lr": 0.2}], **KINDS[kind])


def train(optimizer, params, steps):
    for i in range(steps):
        for p in params:
            p.grad = tg.tensor(np.cos(p.array * 2 + i).astype(p.dtype))
        optimizer.step()


def test_every_optimizer_is_tried():
    assert {name for name in optim.__all__ if name[0].isupper()} == {"Optimizer", "SGD", "LBFGS", *KINDS}


@every_kind
def test_a_run_resumes_from_a_file_to_the_same_bits(kind, tmp_path):
    params = matrices()
    optimizer = make(kind, params)
    train(optimizer, params, 3)
    save_checkpoint(optimizer.state_dict(), tmp_path / "state")
    others = [tg.nn.Parameter(p.array.copy()) for p in params]
    train(optimizer, params, 3)
    resumed = make(kind, others)
    resumed.load_state_dict(load_checkpoint(tmp_path / "state"))
    train(resumed, others, 3)
    assert all(np.array_equal(a.array, b.array) for a, b in zip(params, others, strict=True))


@every_kind
def test_types_stay_and_the_state_has_the_parameters(kind):
    params = matrices()
    optimizer = make(kind, params)
    train(optimizer, params, 2)
    for p in params:
        kept = [value for value in optimizer.state[p].values() if isinstance(value, tg.Tensor)]
        assert kept
        assert {t.dtype for t in kept} == {p.dtype}
        assert kind == "Adafactor" or {t.shape for t in kept} == {p.shape}
    assert [p.dtype for p in params] == [tg.float32, tg.float64]


@every_kind
def test_what_has_no_gradient_does_not_move(kind):
    params = matrices()
    before = params[1].array.copy()
    train(make(kind, params), params[:1], 2)
    assert np.array_equal(params[1].array, before)


@every_kind
def test_a_step_is_noticed_by_what_was_recorded_before(kind):
    params = matrices()
    loss = (params[0] * params[0]).sum()
    train(make(kind, params), params, 1)
    with pytest.raises(RuntimeError, match=rf"{kind}\.step"):
        loss.backward()


@every_kind
def test_gradients_are_left_alone(kind):
    params = matrices()
    optimizer = make(kind, params)
    train(optimizer, params, 1)
    before = [p.grad.array.copy() for p in params]
    optimizer.step()
    assert all(np.array_equal(p.grad.array, g) for p, g in zip(params, before, strict=True))


@every_kind
def test_it_finds_the_bottom_of_a_bowl(kind):
    p = tg.nn.Parameter([[3.0, -2.0]])
    lr = {"Adadelta": 1.0, "Adagrad": 1.0, "Adafactor": 0.3}.get(kind, 0.05)
    optimizer = getattr(optim, kind)([p], lr=lr)
    for _ in range(1000):
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()
    assert np.abs(p.array).max() < 0.1


@pytest.mark.parametrize(
    ("kind", "options", "step"),
    [
        ("Adam", {"lr": 0.5, "eps": 0.0}, 0.5),  # the first step of Adam is lr
        ("AdamW", {"lr": 0.5, "eps": 0.0, "weight_decay": 0.25}, 0.5 + 0.5 * 0.25 * 4),
        ("RMSprop", {"lr": 0.5, "alpha": 0.75, "eps": 0.0}, 1.0),  # g / sqrt(g * g / 4) * lr
        ("Adagrad", {"lr": 0.5, "eps": 0.0, "initial_accumulator_value": 3.0}, 0.25),  # g is 1
        ("Adadelta", {"lr": 2.0, "rho": 0.75, "eps": 0.0}, 0.0),  # no step yet, and so no unit
        ("Muon", {"lr": 0.5, "weight_decay": 0, "ns_coefficients": (1.0, 0.0, 0.0)}, 0.5),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_first_step_by_hand(kind, options, step, sign):
    if kind != "Muon":
        options = {**options, "maximize": sign < 0}
    p = tg.nn.Parameter([[4.0]])
    p.grad = tg.tensor([[1.0 if kind == "Muon" else float(sign)]])
    getattr(optim, kind)([p], **options).step()
    assert p.item() == pytest.approx(4 - step)


def test_muons_iteration_brings_singular_values_near_1():
    rng = np.random.default_rng(0)
    for shape in ((4, 7), (7, 4)):
        matrix = rng.standard_normal(shape)
        u, _, v = np.linalg.svd(matrix, full_matrices=False)
        near = orthogonalized(matrix, (3.4445, -4.775, 2.0315), 5, 1e-7)
        assert near.shape == shape
        values = np.diag(u.T @ near @ v.T)
        assert ((values > 0.5) & (values < 1.5)).all()


@every_kind
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_an_optimizer_is_copied_with_its_parameters(kind, duplicate):
    params = matrices()
    optimizer = make(kind, params)
    train(optimizer, params, 2)
    twins, twin = duplicate((params, optimizer))
    train(optimizer, params, 2)
    train(twin, twins, 2)
    assert all(np.array_equal(a.array, b.array) for a, b in zip(params, twins, strict=True))
    assert twin.param_groups[0]["params"][0] is twins[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: optim.Adam(p, lr=-1), "Adam: lr is -1; wanted a finite number of at least 0"),
        (
            lambda p: optim.Adam(p, betas=(0.9, 1.0)),
            r"Adam: betas is \(0.9, 1.0\); wanted two numbers from 0 to less",
        ),
        (lambda p: optim.Adam(p, betas=0.9), "Adam: betas is 0.9"),
        (lambda p: optim.AdamW(p, weight_decay=float("nan")), "AdamW: weight_decay is nan"),
        (lambda p: optim.NAdam(p, momentum_decay=-1), "NAdam: momentum_decay is -1"),
        (lambda p: optim.RMSprop(p, alpha=-0.1), "RMSprop: alpha is -0.1"),
        (lambda p: optim.Adagrad(p, lr_decay=-1), "Adagrad: lr_decay is -1"),
        (lambda p: optim.Adadelta(p, rho=2), "Adadelta: rho is 2; wanted a number from 0 to 1"),
        (lambda p: optim.Muon(p, adjust_lr_fn="own"), "Muon: adjust_lr_fn 'own' is unknown; wanted one of None"),
        (
            lambda p: optim.Muon(p, ns_coefficients=(1, 2)),
            r"Muon: ns_coefficients is \(1, 2\); wanted three numbers",
        ),
        (lambda p: optim.Muon(p, ns_steps=-1), "Muon: ns_steps is -1"),
        (
            lambda p: optim.Muon([*p, tg.nn.Parameter([1.0])]),
            r"Muon: a parameter has shape \(1,\); wanted matrices",
        ),
        (lambda p: optim.Adam([{"params": p, "lr": -1}]), "Adam: lr is -1"),
        (lambda p: optim.Adamax(p, betas=(1.0, 0.9)), "Adamax: betas is"),
        (lambda p: optim.RAdam(p, eps=-1), "RAdam: eps is -1"),
        (lambda p: optim.ASGD(p, lambd=float("nan")), "ASGD: lambd is nan"),
        (lambda p: optim.Rprop(p, etas=(1.5, 2)), "Rprop: etas is"),
        (lambda p: optim.Rprop(p, step_sizes=(2, 1)), "Rprop: step_sizes is"),
        (lambda p: optim.Adafactor(p, d=0.5), "Adafactor: d is 0.5"),
        (lambda p: optim.Adafactor(p, beta2_decay=1.0), "Adafactor: beta2_decay is 1.0"),
        (lambda p: optim.Adafactor(p, eps=(None, None)), "Adafactor: .* eps .None, None."),
    ],
)
def test_options_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(matrices())


@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("centered", [False, True])
def test_rmsprops_first_steps_by_its_formula(centered, momentum):
    lr, alpha, eps = 0.1, 0.75, 1e-3
    p = tg.nn.Parameter(np.array([1.0, -2.0]))
    optimizer = optim.RMSprop([p], lr, alpha, eps, momentum=momentum, centered=centered)
    value, square, mean, moving = np.array([1.0, -2.0]), 0.0, 0.0, 0.0
    for g in np.array([[0.5, -1.0], [0.25, 3.0], [-1.5, 2.0]]):
        square = alpha * square + (1 - alpha) * g * g
        mean = alpha * mean + (1 - alpha) * g
        variance = square - mean * mean if centered else square
        moving = momentum * moving + g / (np.sqrt(variance) + eps)
        value = value - lr * moving
        p.grad = tg.tensor(g)
        optimizer.step()
        np.testing.assert_allclose(p.array, value, rtol=1e-12)


@pytest.mark.parametrize("decoupled", [False, True])
def test_nadams_first_steps_by_its_formula(decoupled):
    """Each step looks ahead: the mean counts with the momentum of the step after, the gradient with its own."""
    lr, beta1, beta2, eps, decay, psi = 0.1, 0.8, 0.9, 1e-3, 0.25, 0.5
    p = tg.nn.Parameter(np.array([1.0, -2.0]))
    optimizer = optim.NAdam([p], lr, (beta1, beta2), eps, decay, psi, decoupled)
    value, mean, square, product = np.array([1.0, -2.0]), 0.0, 0.0, 1.0
    for t, gradient in enumerate(np.array([[0.5, -1.0], [0.25, 3.0], [-1.5, 2.0]]), 1):
        value, g = (value * (1 - lr * decay), gradient) if decoupled else (value, gradient + decay * value)
        now, after = (beta1 * (1 - 0.5 * 0.96 ** (psi * k)) for k in (t, t + 1))
        product *= now
        mean = beta1 * mean + (1 - beta1) * g
        square = beta2 * square + (1 - beta2) * g * g
        ahead = after * mean / (1 - product * after) + (1 - now) * g / (1 - product)
        value = value - lr * ahead / (np.sqrt(square / (1 - beta2**t)) + eps)
        p.grad = tg.tensor(gradient)
        optimizer.step()
        np.testing.assert_allclose(p.array, value, rtol=1e-12)
