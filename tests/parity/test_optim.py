"""SGD and the one-cycle schedule go PyTorch's way, step by step."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")


@st.composite
def options(draw):
    """Options of SGD that go together."""
    momentum = draw(st.just(0) | st.floats(0.05, 0.99))
    nesterov = momentum > 0 and draw(st.booleans())
    return {
        "lr": draw(st.floats(1e-3, 0.1)),
        "momentum": momentum,
        "dampening": 0 if nesterov else draw(st.just(0) | st.floats(0, 1)),
        "weight_decay": draw(st.just(0) | st.floats(0, 0.1)),
        "nesterov": nesterov,
        "maximize": draw(st.booleans()),
    }


def networks():
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3)).double()
    ours = tg.nn.Sequential(tg.nn.Linear(4, 6), tg.nn.Tanh(), tg.nn.Linear(6, 3)).double()
    ours.load_state_dict({name: t.numpy() for name, t in theirs.state_dict().items()})
    return ours, theirs


def train(ours, theirs, optimizers, steps, maximize=False, after=lambda: None):
    """Take steps with both, on the same data: to the labels' scores up if maximizing, else the loss down."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 4)), rng.integers(0, 3, 5)
    sign = -1.0 if maximize else 1.0
    for _ in range(steps):
        for optimizer in optimizers:
            optimizer.zero_grad()
        (sign * tg.cross_entropy(ours(tg.tensor(x)), tg.tensor(y))).backward()
        (sign * torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(y))).backward()
        for optimizer in optimizers:
            optimizer.step()
        after()


def assert_equal(ours, theirs):
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.array, q.detach().numpy(), rtol=1e-12, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(options(), st.none() | options())
def test_sgd_over_50_steps(first, second):
    ours, theirs = networks()
    second = second and {**second, "maximize": first["maximize"]}  # both towards the same goal, or it diverges

    def groups(model):
        params = list(model.parameters())
        return params if second is None else [{"params": params[:2]}, {"params": params[2:], **second}]

    optimizers = tg.optim.SGD(groups(ours), **first), torch.optim.SGD(groups(theirs), **first)
    train(ours, theirs, optimizers, 50, first["maximize"])
    assert_equal(ours, theirs)


def test_a_state_of_pytorch_is_taken_over():
    ours, theirs = networks()
    unused, _ = networks()
    options = {"lr": 0.05, "momentum": 0.9}
    theirs_optimizer = torch.optim.SGD(theirs.parameters(), **options)
    train(unused, theirs, [theirs_optimizer], 5)
    state = theirs_optimizer.state_dict()
    state["state"] = {i: {k: tg.tensor(v.numpy()) for k, v in s.items()} for i, s in state["state"].items()}
    ours.load_state_dict({name: t.numpy() for name, t in theirs.state_dict().items()})
    optimizer = tg.optim.SGD(ours.parameters())
    optimizer.load_state_dict(state)
    train(ours, theirs, [optimizer, theirs_optimizer], 5)
    assert_equal(ours, theirs)
    keys = optimizer.state_dict()["state"][0].keys()
    assert keys == theirs_optimizer.state_dict()["state"][0].keys()


@settings(max_examples=60, deadline=None)
@given(
    total=st.integers(2, 60),
    pct_start=st.floats(0.05, 0.95),
    strategy=st.sampled_from(["cos", "linear"]),
    three_phase=st.booleans(),
    cycle_momentum=st.booleans(),
    factors=st.tuples(st.floats(1, 50), st.floats(1, 1e5)),
    rates=st.lists(st.floats(1e-4, 10), min_size=2, max_size=2),
)
def test_one_cycle_for_the_whole_schedule(total, pct_start, strategy, three_phase, cycle_momentum, factors, rates):
    peak = pct_start * total - 1
    assume(abs(peak) > 1e-9 and abs(2 * peak - (total - 1)) > 1e-9)  # PyTorch divides by the length of each phase

    def make(library, tensor):
        groups = [{"params": [tensor(1.0, requires_grad=True)]} for _ in rates]
        optimizer = library.optim.SGD(groups, lr=0.1, momentum=0.9)
        schedule = library.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=rates,
            total_steps=total,
            pct_start=pct_start,
            anneal_strategy=strategy,
            cycle_momentum=cycle_momentum,
            base_momentum=0.8,
            div_factor=factors[0],
            final_div_factor=factors[1],
            three_phase=three_phase,
        )
        return optimizer, schedule

    ours, our_schedule = make(tg, tg.tensor)
    theirs, their_schedule = make(torch, torch.tensor)
    for _ in range(total):
        for a, b in zip(ours.param_groups, theirs.param_groups, strict=True):
            assert a["lr"] == pytest.approx(b["lr"], rel=1e-9, abs=1e-15)
            assert a["momentum"] == pytest.approx(b["momentum"], rel=1e-12)
        for optimizer in (ours, theirs):  # a schedule before it would be warned of
            optimizer.step()
        our_schedule.step()
        their_schedule.step()
    for schedule in (our_schedule, their_schedule):
        with pytest.raises(ValueError, match=str(total)):
            schedule.step()


def test_a_cycle_of_momentum_is_followed_by_the_training():
    ours, theirs = networks()
    optimizers = [tg.optim.SGD(ours.parameters(), momentum=0.9), torch.optim.SGD(theirs.parameters(), momentum=0.9)]
    schedules = [
        library.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, 30)
        for library, optimizer in zip((tg, torch), optimizers, strict=True)
    ]
    train(ours, theirs, optimizers, 30, after=lambda: [schedule.step() for schedule in schedules])
    assert_equal(ours, theirs)
