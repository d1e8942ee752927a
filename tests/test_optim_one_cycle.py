"""The one-cycle schedule rises, falls, and ends where it says; it can be saved and resumed."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.optim import SGD
from tinygrad_cnn.optim.lr_scheduler import LRScheduler, OneCycleLR


def sgd(groups=1, **options):
    """An optimizer that has stepped, as schedules want it."""
    optimizer = SGD([{"params": [tg.nn.Parameter([1.0])]} for _ in range(groups)], **options)
    optimizer.step()
    return optimizer


def run(steps, **options):
    """Return the (rate, momentum) at each of the steps of a schedule of that many."""
    optimizer = sgd(momentum=0.9)
    schedule = OneCycleLR(optimizer, total_steps=steps, **options)
    seen = []
    for _ in range(steps):
        group = optimizer.param_groups[0]
        assert schedule.get_last_lr() == [group["lr"]]
        seen.append((group["lr"], group["momentum"]))
        schedule.step()
    return seen


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_the_rate_rises_to_its_highest_and_falls_far_below_the_start_and_momentum_mirrors_it(strategy):
    rates, momenta = zip(*run(101, max_lr=1.0, pct_start=41 / 101, anneal_strategy=strategy), strict=True)
    assert rates[0] == pytest.approx(1 / 25)
    assert max(rates) == rates[40] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(1 / 25 / 1e4)
    assert all(a < b for a, b in pairwise(rates[:41]))
    assert all(a > b for a, b in pairwise(rates[40:]))
    assert (momenta[0], momenta[40], momenta[100]) == pytest.approx((0.95, 0.85, 0.95))


def test_three_phases_come_back_to_the_start_before_the_fall():
    rates, momenta = zip(*run(101, max_lr=1.0, pct_start=41 / 101, three_phase=True), strict=True)
    assert rates[0] == pytest.approx(rates[80]) == pytest.approx(1 / 25)
    assert rates[40] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(1 / 25 / 1e4)
    assert momenta[80] == momenta[100] == pytest.approx(0.95)


@settings(deadline=None)
@given(st.integers(1, 40), st.floats(0, 1), st.sampled_from(["cos", "linear"]), st.booleans(), st.floats(1, 50))
def test_the_rate_never_leaves_its_bounds(steps, pct_start, strategy, three_phase, div):
    options = {"pct_start": pct_start, "anneal_strategy": strategy, "three_phase": three_phase, "div_factor": div}
    for rate, momentum in run(steps, max_lr=2.0, **options):
        assert 2.0 / div / 1e4 * (1 - 1e-6) <= rate <= 2.0 * (1 + 1e-6)
        assert 0.85 - 1e-9 <= momentum <= 0.95 + 1e-9


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_after_the_last_step_the_rate_stays_and_a_step_past_the_end_raises_and_changes_nothing(strategy):
    optimizer = sgd(momentum=0.9)
    schedule = OneCycleLR(optimizer, 1.0, epochs=2, steps_per_epoch=5, anneal_strategy=strategy)
    for _ in range(9):
        schedule.step()
    last = dict(optimizer.param_groups[0])
    schedule.step()
    assert optimizer.param_groups[0] == last
    with pytest.raises(ValueError, match="all 10 steps"):
        schedule.step()
    assert optimizer.param_groups[0] == last
    assert schedule.last_epoch == 10


def test_groups_may_have_rates_and_momenta_of_their_own_and_momentum_may_be_left_alone():
    optimizer = sgd(2, momentum=0.5)
    OneCycleLR(optimizer, [1.0, 10.0], 10, max_momentum=[0.8, 0.9])
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([0.04, 0.4])
    assert [g["momentum"] for g in optimizer.param_groups] == [0.8, 0.9]
    optimizer = sgd(momentum=0.5)
    OneCycleLR(optimizer, 1.0, 10, cycle_momentum=False)
    assert optimizer.param_groups[0]["momentum"] == 0.5


def test_a_schedule_resumes_where_it_was_through_json():
    optimizer = sgd(momentum=0.9)
    schedule = OneCycleLR(optimizer, 1.0, 20)
    for _ in range(7):
        schedule.step()
    saved = json.loads(json.dumps(schedule.state_dict()))
    other = sgd(momentum=0.9)
    resumed = OneCycleLR(other, 3.0, 50)
    resumed.load_state_dict(saved)
    assert resumed.get_last_lr() == schedule.get_last_lr()
    for _ in range(13):
        schedule.step()
        resumed.step()
        a, b = optimizer.param_groups[0], other.param_groups[0]
        assert (a["lr"], a["momentum"]) == (b["lr"], b["momentum"])


def test_a_state_of_another_kind_is_refused():
    schedule = OneCycleLR(sgd(), 1.0, 20)
    before = schedule.state_dict()
    with pytest.raises(
        ValueError, match=r"OneCycleLR.load_state_dict: missing \[.*'total_steps'\], unexpected \['gamma'\]"
    ):
        schedule.load_state_dict({"gamma": 1})
    assert schedule.state_dict() == before


def test_a_schedule_of_ones_own_defines_the_rates():
    class Halving(LRScheduler):
        def get_lr(self):
            return [group["lr"] / 2 if self.last_epoch else group["lr"] for group in self.optimizer.param_groups]

    optimizer = sgd(lr=8.0)
    schedule = Halving(optimizer)
    schedule.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] == 2
    with pytest.raises(NotImplementedError, match="get_lr"):
        LRScheduler(optimizer)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "wanted total_steps, or both epochs and steps_per_epoch"),
        ({"total_steps": 0}, "total_steps is 0"),
        ({"epochs": 1, "steps_per_epoch": 1.5}, "steps_per_epoch is 1.5"),
        ({"total_steps": 9, "pct_start": 1.5}, "pct_start is 1.5"),
        ({"total_steps": 9, "anneal_strategy": "cosine"}, "anneal_strategy is 'cosine'"),
        ({"total_steps": 9, "div_factor": 0}, "factors above 0"),
        ({"total_steps": 9, "max_lr": [1.0, 2.0]}, "max_lr has 2 values for 1 groups"),
    ],
)
def test_options_out_of_range_change_nothing(options, message):
    optimizer = sgd(lr=3.0)
    with pytest.raises(ValueError, match=f"OneCycleLR: .*{message}"):
        OneCycleLR(optimizer, **{"max_lr": 1.0, **options})
    assert optimizer.param_groups[0]["lr"] == 3


def test_what_is_no_optimizer_or_has_no_momentum_is_refused():
    class Plain(tg.optim.Optimizer):
        pass

    plain = Plain([tg.nn.Parameter([1.0])], {"lr": 1})
    with pytest.raises(ValueError, match="cycle_momentum"):
        OneCycleLR(plain, 1.0, 10)
    for make in (lambda: OneCycleLR([], 1.0, 10), lambda: LRScheduler(None)):
        with pytest.raises(TypeError, match="wanted an optimizer"):
            make()
