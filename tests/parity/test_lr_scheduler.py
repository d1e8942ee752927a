"""Every schedule goes PyTorch's way, step by step: alone, one after the other, and several at once."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")

RATES = st.lists(st.floats(1e-4, 10), min_size=1, max_size=3)
GAMMA = st.floats(0, 1.5)
FACTOR = st.floats(0.01, 1)
COUNT = st.integers(1, 12)


def halving_of(step):
    return 0.5**step


def lambda_for(slope):
    return lambda epoch: 1 / (1 + slope * epoch)


# name -> what may stand after the optimizer. ConstantLR's factor is not 0: PyTorch divides by it.
KINDS = {
    "StepLR": st.fixed_dictionaries({"step_size": COUNT}, optional={"gamma": GAMMA}),
    "MultiStepLR": st.fixed_dictionaries({"milestones": st.lists(st.integers(0, 30)), "gamma": GAMMA}),
    "ExponentialLR": st.fixed_dictionaries({"gamma": GAMMA}),
    "ConstantLR": st.fixed_dictionaries({}, optional={"factor": FACTOR, "total_iters": COUNT}),
    "LinearLR": st.fixed_dictionaries(
        {}, optional={"start_factor": FACTOR, "end_factor": st.just(0.0) | FACTOR, "total_iters": COUNT}
    ),
    "CosineAnnealingLR": st.fixed_dictionaries({"T_max": COUNT}, optional={"eta_min": st.floats(0, 0.1)}),
    "LambdaLR": st.fixed_dictionaries({"lr_lambda": st.floats(0, 2).map(lambda_for)}),
    "MultiplicativeLR": st.fixed_dictionaries({"lr_lambda": st.floats(0, 2).map(lambda_for)}),
    "PolynomialLR": st.fixed_dictionaries({}, optional={"total_iters": COUNT, "power": st.floats(0.1, 3)}),
    "CosineAnnealingWarmRestarts": st.fixed_dictionaries(
        {"T_0": COUNT}, optional={"T_mult": st.integers(1, 3), "eta_min": st.floats(0, 0.1)}
    ),
}
ALONE = {  # those that set the rate from its bounds, whatever it is
    "CyclicLR": st.fixed_dictionaries(
        {"base_lr": st.floats(1e-3, 0.1), "max_lr": st.floats(0.1, 1)},
        optional={
            "step_size_up": COUNT,
            "step_size_down": COUNT,
            "mode": st.sampled_from(["triangular", "triangular2", "exp_range"]),
            "gamma": st.floats(0.5, 1),
            "scale_fn": st.just(halving_of),
            "scale_mode": st.sampled_from(["cycle", "iterations"]),
            "cycle_momentum": st.booleans(),
            "base_momentum": st.floats(0.5, 0.8),
        },
    ),
    "SWALR": st.fixed_dictionaries(
        {"swa_lr": st.floats(1e-3, 1)},
        optional={"anneal_epochs": st.integers(0, 12), "anneal_strategy": st.sampled_from(["cos", "linear"])},
    ),
}


def schedule_of(library, kind):
    """A schedule's class, wherever the library has it."""
    return getattr(library.optim.swa_utils if kind == "SWALR" else library.optim.lr_scheduler, kind)


schedules = st.sampled_from(sorted(KINDS)).flatmap(lambda kind: st.tuples(st.just(kind), KINDS[kind]))


def optimizer_of(library, tensor, rates):
    groups = [{"params": [tensor(1.0, requires_grad=True)], "lr": lr} for lr in rates]
    return library.optim.SGD(groups, lr=0.1, momentum=0.9)


def both_alone(kind, options, rates):
    for library, tensor in ((tg, tg.tensor), (torch, torch.tensor)):
        optimizer = optimizer_of(library, tensor, rates)
        yield optimizer, schedule_of(library, kind)(optimizer, **options)


def both(make, rates):
    """Make (optimizer, schedule or schedules) with our library and with theirs."""
    for library, tensor in ((tg, tg.tensor), (torch, torch.tensor)):
        optimizer = optimizer_of(library, tensor, rates)
        yield optimizer, make(library.optim.lr_scheduler, optimizer)


def assert_equal_rates(*optimizers):
    ours, theirs = ([group["lr"] for group in optimizer.param_groups] for optimizer in optimizers)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("kind", sorted(KINDS))
@given(data=st.data(), rates=RATES, steps=st.integers(1, 40))
def test_each_schedule_on_its_own(kind, data, rates, steps):
    options = data.draw(KINDS[kind])
    (ours, our_schedule), (theirs, their_schedule) = both(
        lambda lib, opt: getattr(lib, kind)(opt, **options), rates
    )
    for step in range(steps):
        assert_equal_rates(ours, theirs)
        assert our_schedule.last_epoch == their_schedule.last_epoch == step
        assert our_schedule.get_last_lr() == [group["lr"] for group in ours.param_groups]
        for either in (ours, theirs, our_schedule, their_schedule):
            either.step()
    assert_equal_rates(ours, theirs)


@pytest.mark.parametrize("kind", sorted(ALONE))
@given(data=st.data(), rates=RATES)
def test_each_schedule_between_bounds(kind, data, rates):
    (ours, our_schedule), (theirs, their_schedule) = both_alone(kind, data.draw(ALONE[kind]), rates)
    for _ in range(40):
        assert_equal_rates(ours, theirs)
        for a, b in zip(ours.param_groups, theirs.param_groups, strict=True):
            assert a["momentum"] == pytest.approx(b["momentum"], rel=1e-12)
        for either in (ours, theirs, our_schedule, their_schedule):
            either.step()


@given(t_0=COUNT, t_mult=st.integers(1, 3), epochs=st.lists(st.none() | st.floats(0, 60), max_size=20), rates=RATES)
def test_warm_restarts_at_any_part_of_an_epoch(t_0, t_mult, epochs, rates):
    (ours, our_schedule), (theirs, their_schedule) = both(
        lambda lib, opt: lib.CosineAnnealingWarmRestarts(opt, t_0, t_mult), rates
    )
    for optimizer in (ours, theirs):
        optimizer.step()
    for epoch in epochs:
        our_schedule.step(epoch)
        their_schedule.step(epoch)
        assert_equal_rates(ours, theirs)
        assert our_schedule.last_epoch == their_schedule.last_epoch


@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"MultiplicativeLR", "CosineAnnealingWarmRestarts"}))
@given(data=st.data(), rates=RATES, epochs=st.lists(st.integers(0, 30), max_size=8))
def test_a_step_to_an_epoch_of_the_callers_choice(kind, data, rates, epochs):
    options = data.draw(KINDS[kind])
    (ours, our_schedule), (theirs, their_schedule) = both(
        lambda lib, opt: getattr(lib, kind)(opt, **options), rates
    )
    for optimizer in (ours, theirs):
        optimizer.step()
    for epoch in epochs:
        our_schedule.step(epoch)
        their_schedule.step(epoch)
        assert_equal_rates(ours, theirs)


@given(parts=st.lists(schedules, min_size=1, max_size=4), rates=RATES)
def test_schedules_chained_in_one(parts, rates):
    def make(library, optimizer):
        return library.ChainedScheduler([getattr(library, kind)(optimizer, **options) for kind, options in parts])

    (ours, our_schedule), (theirs, their_schedule) = both(make, rates)
    for _ in range(25):
        assert_equal_rates(ours, theirs)
        for either in (ours, theirs, our_schedule, their_schedule):
            either.step()


@given(parts=st.lists(schedules, min_size=1, max_size=4), rates=RATES, data=st.data())
def test_sequential_schedules(parts, rates, data):
    milestones = sorted(data.draw(st.lists(st.integers(1, 30), min_size=len(parts) - 1, max_size=len(parts) - 1)))

    def make(library, optimizer):
        made = [getattr(library, kind)(optimizer, **options) for kind, options in parts]
        return library.SequentialLR(optimizer, made, milestones)

    (ours, our_schedule), (theirs, their_schedule) = both(make, rates)
    for _ in range(40):
        assert_equal_rates(ours, theirs)
        assert our_schedule.get_last_lr() == pytest.approx(their_schedule.get_last_lr())
        for either in (ours, theirs, our_schedule, their_schedule):
            either.step()


@given(parts=st.lists(schedules, min_size=2, max_size=3), rates=RATES)
@example(parts=[("ExponentialLR", {"gamma": 0.0}), ("CosineAnnealingLR", {"T_max": 2})], rates=[1.0])
@example(parts=[("StepLR", {"gamma": 0.0, "step_size": 3}), ("CosineAnnealingLR", {"T_max": 2})], rates=[1.0])
def test_chained_schedules(parts, rates):
    def make(library, optimizer):
        return [getattr(library, kind)(optimizer, **options) for kind, options in parts]

    (ours, our_schedules), (theirs, their_schedules) = both(make, rates)
    for _ in range(25):
        assert_equal_rates(ours, theirs)
        for either in (ours, theirs, *our_schedules, *their_schedules):
            either.step()


plateau = {
    "mode": st.sampled_from(["min", "max"]),
    "factor": st.floats(0, 0.99),
    "patience": st.integers(0, 4),
    "threshold": st.floats(0, 0.9),
    "threshold_mode": st.sampled_from(["rel", "abs"]),
    "cooldown": st.integers(0, 3),
    "eps": st.floats(0, 2),
}


@settings(max_examples=100)
@given(
    options=st.fixed_dictionaries({}, optional=plateau),
    rates=RATES,
    metrics=st.lists(st.floats(-3, 3) | st.sampled_from([0.5, float("nan"), float("inf")]), max_size=60),
    data=st.data(),
)
def test_reduce_on_plateau(options, rates, metrics, data):
    low = st.floats(0, 0.1)
    options["min_lr"] = data.draw(low | st.lists(low, min_size=len(rates), max_size=len(rates)))
    (ours, our_schedule), (theirs, their_schedule) = both(
        lambda lib, opt: lib.ReduceLROnPlateau(opt, **options), rates
    )
    for metric in metrics:
        our_schedule.step(metric)
        their_schedule.step(metric)
        assert_equal_rates(ours, theirs)
        for counted in ("best", "num_bad_epochs", "cooldown_counter", "last_epoch"):
            assert getattr(our_schedule, counted) == getattr(their_schedule, counted)


@given(
    part=schedules.filter(lambda s: s[0] not in ("StepLR", "MultiStepLR", "ConstantLR")),
    rates=RATES,
    before=st.integers(1, 12),
)
def test_a_schedule_that_starts_later(part, rates, before):
    """PyTorch's three left out multiply a second time if the epoch is one at which they do."""
    kind, options = part
    resumed = []
    for optimizer, schedule in both(lambda library, opt: getattr(library, kind)(opt, **options), rates):
        for _ in range(before):
            optimizer.step()
            schedule.step()
        cls = type(schedule)
        resumed.append((optimizer, cls(optimizer, **options, last_epoch=schedule.last_epoch - 1)))
    (ours, our_schedule), (theirs, their_schedule) = resumed
    for _ in range(10):
        assert_equal_rates(ours, theirs)
        assert our_schedule.last_epoch == their_schedule.last_epoch
        for either in (ours, theirs, our_schedule, their_schedule):
            either.step()


def test_a_step_before_the_optimizers_first_is_warned_of_by_both_and_only_once():
    for optimizer, schedule in both(lambda library, opt: library.StepLR(opt, 3), [0.1]):
        with pytest.warns(UserWarning, match=r"step\(\).* before"):
            schedule.step()
        schedule.step()
        optimizer.step()
        schedule.step()
