"""Every optimizer goes PyTorch's way, step by step, and so does the one-cycle schedule."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")


@st.composite
def sgd_options(draw):
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


def rates(least=1e-4, most=0.02):
    return st.floats(least, most)


decay = st.just(0) | st.floats(1e-3, 0.1)
below_one = st.floats(0.5, 0.99)
common = {"lr": rates(), "weight_decay": decay, "maximize": st.booleans()}
adam = {**common, "betas": st.tuples(below_one, below_one), "eps": st.floats(1e-5, 1e-3)}

# name -> options besides the parameters
KINDS = {
    "SGD": sgd_options(),
    "Adam": st.fixed_dictionaries({**adam, "amsgrad": st.booleans(), "decoupled_weight_decay": st.booleans()}),
    "AdamW": st.fixed_dictionaries({**adam, "amsgrad": st.booleans()}),
    "NAdam": st.fixed_dictionaries(
        {**adam, "momentum_decay": st.floats(0, 0.1), "decoupled_weight_decay": st.booleans()}
    ),
    "RMSprop": st.fixed_dictionaries(
        {
            **common,
            "alpha": below_one,
            "eps": st.floats(1e-5, 1e-2),
            "momentum": st.just(0) | below_one,
            "centered": st.booleans(),
        }
    ),
    "Adagrad": st.fixed_dictionaries(
        {**common, "lr_decay": st.floats(0, 0.5), "initial_accumulator_value": st.floats(0, 1)}
    ),
    "Adadelta": st.fixed_dictionaries(
        {**common, "lr": rates(0.01, 1), "rho": below_one, "eps": st.floats(1e-8, 1e-3)}
    ),
    "Adamax": st.fixed_dictionaries(adam),
    "RAdam": st.fixed_dictionaries({**adam, "decoupled_weight_decay": st.booleans()}),
    "ASGD": st.fixed_dictionaries(
        {**common, "lambd": st.floats(0, 0.1), "alpha": st.floats(0.1, 1), "t0": st.integers(0, 60)}
    ),
    "Rprop": st.fixed_dictionaries(
        {
            "lr": rates(),
            "etas": st.tuples(st.floats(0.1, 0.9), st.floats(1.05, 1.3)),
            "step_sizes": st.tuples(st.floats(1e-6, 1e-4), st.floats(0.01, 0.1)),
            "maximize": st.booleans(),
        }
    ),
    "Adafactor": st.fixed_dictionaries(
        {
            **common,
            "beta2_decay": st.floats(-1, -0.1),
            "eps": st.tuples(st.none() | st.floats(1e-10, 1e-6), st.floats(1e-3, 0.1)),
            "d": st.floats(1, 3),
        }
    ),
    "Muon": st.fixed_dictionaries(
        {
            "lr": rates(),
            "weight_decay": decay,
            "momentum": below_one,
            "nesterov": st.booleans(),
            "ns_steps": st.integers(1, 6),
            "adjust_lr_fn": st.sampled_from([None, "original", "match_rms_adamw"]),
        }
    ),
}
# Both groups go towards the same goal, or it diverges; PyTorch's Adagrad starts all groups as the first.
SHARED = {"maximize", "initial_accumulator_value"}
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True, scope="module")
def scalars_in_float64():
    """PyTorch's optimizers keep counts and products in the default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.fixture(scope="module")
def no_bfloat16():
    """PyTorch's Muon iterates in bfloat16, whatever its parameters are; here it is to iterate in float64."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor.clone())
        yield


def trained_by(kind, model):
    """The parameters that an optimizer takes: Muon is for matrices."""
    return [p for p in model.parameters() if kind != "Muon" or p.ndim == 2]


def both(kind, ours, theirs, first, second=None):
    """Return the optimizers of both libraries: of one group of parameters, or of two with other options."""

    def groups(model):
        params = trained_by(kind, model)
        return params if second is None else [{"params": params[:1]}, {"params": params[1:], **second}]

    return [
        getattr(library.optim, kind)(groups(model), **first) for library, model in ((tg, ours), (torch, theirs))
    ]


def networks():
    """Return twins; where a gradient is nearly 0, dividing by its own size would make much of rounding."""
    torch.manual_seed(0)
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


def assert_equal(ours, theirs, centered=False):
    """Equal to rounding, enlarged where small gradients divide, and more by a centered RMSprop's differences."""
    tolerance = 1e-6 if centered else 1e-8
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.array, q.detach().numpy(), rtol=tolerance, atol=tolerance)


@every_kind
@settings(deadline=None)
@given(data=st.data())
def test_fifty_steps_of_each_optimizer(kind, data, no_bfloat16):
    """Of one group or two."""
    first, second = data.draw(KINDS[kind]), data.draw(st.none() | KINDS[kind])
    ours, theirs = networks()
    if second is not None:
        second |= {name: first[name] for name in SHARED & first.keys()}
    train(ours, theirs, both(kind, ours, theirs, first, second), 50, first.get("maximize", False))
    assert_equal(ours, theirs, any(options and options.get("centered") for options in (first, second)))


def ours_of(state):
    """PyTorch's state with tensors of ours."""
    tensors = {
        i: {k: tg.tensor(v.numpy()) if torch.is_tensor(v) else v for k, v in s.items()}
        for i, s in state["state"].items()
    }
    return {**state, "state": tensors}


@every_kind
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_a_state_of_pytorch_is_taken_over(kind, data, no_bfloat16):
    options = data.draw(KINDS[kind])
    ours, theirs = networks()
    unused, _ = networks()
    _, theirs_optimizer = both(kind, unused, theirs, options)
    train(unused, theirs, [theirs_optimizer], 5, options.get("maximize", False))
    ours.load_state_dict({name: t.numpy() for name, t in theirs.state_dict().items()})
    optimizer = getattr(tg.optim, kind)(trained_by(kind, ours))
    optimizer.load_state_dict(ours_of(theirs_optimizer.state_dict()))
    train(ours, theirs, [optimizer, theirs_optimizer], 5, options.get("maximize", False))
    assert_equal(ours, theirs, options.get("centered"))
    state, wanted = optimizer.state_dict(), theirs_optimizer.state_dict()
    assert state["state"].keys() == wanted["state"].keys()
    for i, of_parameter in state["state"].items():
        assert of_parameter.keys() == wanted["state"][i].keys()
    for group, wanted_group in zip(state["param_groups"], wanted["param_groups"], strict=True):
        assert group.keys() <= wanted_group.keys()


@every_kind
@pytest.mark.parametrize(
    ("schedule", "arguments"),
    [
        ("StepLR", {"step_size": 3, "gamma": 0.5}),
        ("LinearLR", {"total_iters": 5}),
        ("OneCycleLR", {"max_lr": 0.01, "total_steps": 13}),
    ],
)
def test_a_schedule_moves_it(kind, schedule, arguments, no_bfloat16):
    """The rate, and the momentum of a cycle, are read anew at each step."""
    ours, theirs = networks()
    optimizers = both(kind, ours, theirs, {"lr": 0.01, **({"momentum": 0.5} if kind in ("SGD", "RMSprop") else {})})
    if schedule == "OneCycleLR" and not {"momentum", "betas"} & optimizers[0].param_groups[0].keys():
        arguments = {**arguments, "cycle_momentum": False}
    made = [
        getattr(library.optim.lr_scheduler, schedule)(optimizer, **arguments)
        for library, optimizer in zip((tg, torch), optimizers, strict=True)
    ]
    train(ours, theirs, optimizers, 12, after=lambda: [each.step() for each in made])
    assert_equal(ours, theirs)


def test_muon_is_near_what_pytorch_computes_in_bfloat16():
    ours, theirs = networks()
    before = [p.array.copy() for p in trained_by("Muon", ours)]
    train(ours, theirs, both("Muon", ours, theirs, {"lr": 0.1, "weight_decay": 0}), 1)
    for start, p, q in zip(before, trained_by("Muon", ours), trained_by("Muon", theirs), strict=True):
        moved, wanted = p.array - start, q.detach().numpy() - start
        np.testing.assert_allclose(moved, wanted, atol=0.02 * np.abs(wanted).max())


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
