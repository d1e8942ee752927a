"""Schedules can be resumed, put one after another, and say what is wrong; tests/parity has their values."""

import json
import warnings

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.optim import SGD
from tinygrad_cnn.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)


def sgd(*rates):
    """An optimizer that has stepped, with a group for each rate."""
    optimizer = SGD([{"params": [tg.nn.Parameter([1.0])], "lr": lr} for lr in rates or [1.0]], momentum=0.9)
    optimizer.step()
    return optimizer


def rates(optimizer, schedule, steps):
    seen = []
    for _ in range(steps):
        schedule.step()
        seen.append([group["lr"] for group in optimizer.param_groups])
    return seen


MAKERS = {
    "step": lambda o: StepLR(o, 3, 0.5),
    "milestones": lambda o: MultiStepLR(o, [2, 9, 9], 0.5),
    "exponential": lambda o: ExponentialLR(o, 0.9),
    "constant": lambda o: ConstantLR(o, 0.0, 8),
    "linear": lambda o: LinearLR(o, 0.1, 0.9, 9),
    "cosine": lambda o: CosineAnnealingLR(o, 6, 0.01),
    "lambda": lambda o: LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "one cycle": lambda o: OneCycleLR(o, 1.0, 20),
    "sequence": lambda o: SequentialLR(o, [LinearLR(o), OneCycleLR(o, 1.0, 9), CosineAnnealingLR(o, 6)], [4, 12]),
}


@pytest.mark.parametrize("steps", [0, 1, 5, 8, 12])
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_resumed_schedule_goes_on_as_if_it_had_not_stopped(make, steps):
    optimizer = sgd(0.1, 2.0)
    schedule = make(optimizer)
    rates(optimizer, schedule, steps)
    saved = json.dumps({"schedule": schedule.state_dict(), "groups": optimizer.state_dict()["param_groups"]})

    state = json.loads(saved)
    other = sgd(3.0, 4.0)
    resumed = make(other)
    resumed.load_state_dict(state["schedule"])
    other.load_state_dict({"state": {}, "param_groups": state["groups"]})
    assert (resumed.last_epoch, resumed.get_last_lr()) == (schedule.last_epoch, schedule.get_last_lr())
    with warnings.catch_warnings(record=True) as caught:
        assert rates(other, resumed, 8) == rates(optimizer, schedule, 8)
    assert not caught
    assert [g["momentum"] for g in other.param_groups] == [g["momentum"] for g in optimizer.param_groups]


def test_a_plateau_resumes_within_its_patience_and_its_cooldown():
    metrics = [1.0, 0.9, 0.95, 0.95, 0.95, 0.95, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]
    whole, wanted = sgd(), []
    schedule = ReduceLROnPlateau(whole, patience=1, cooldown=2)
    for metric in metrics:
        schedule.step(tg.tensor(metric))
        wanted += schedule.get_last_lr()
    assert wanted == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.001])
    for stop in range(len(metrics)):
        first, second, seen = sgd(), sgd(), []
        schedule = ReduceLROnPlateau(first, patience=1, cooldown=2)
        for metric in metrics[:stop]:
            schedule.step(metric)
            seen += schedule.get_last_lr()
        resumed = ReduceLROnPlateau(second, patience=7)
        resumed.load_state_dict(json.loads(json.dumps(schedule.state_dict())))
        second.load_state_dict(first.state_dict())
        for metric in metrics[stop:]:
            resumed.step(metric)
            seen += resumed.get_last_lr()
        assert seen == pytest.approx(wanted, rel=1e-6)


def test_a_state_is_a_copy_in_both_directions():
    schedule = MultiStepLR(sgd(), [2, 5])
    state = schedule.state_dict()
    state["milestones"].append(7)
    assert schedule.milestones == [2, 5]
    schedule.load_state_dict(state)
    state["milestones"].append(9)
    assert schedule.milestones == [2, 5, 7]


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing():
    optimizer = sgd()
    schedule = SequentialLR(optimizer, [StepLR(optimizer, 2), ExponentialLR(optimizer, 0.5)], [3])
    before = schedule.state_dict()
    good = {**before, "last_epoch": 2}
    for wrong, message in [
        (StepLR(sgd(), 3).state_dict(), r"SequentialLR.load_state_dict: missing \['_milestones', '_schedulers'\]"),
        ({**good, "_schedulers": good["_schedulers"][:1]}, "SequentialLR.*of 1 schedules; wanted 2"),
        ({**good, "_schedulers": good["_schedulers"][::-1]}, r"StepLR.load_state_dict: missing \['step_size'\]"),
        ({**good, "base_lrs": [1.0, 2.0]}, "of 2 groups of parameters, the optimizer has 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            schedule.load_state_dict(wrong)
        assert schedule.state_dict() == before


def test_a_sequence_may_hold_sequences_and_each_schedule_begins_at_the_initial_rate():
    optimizer = sgd(8.0)
    inner = SequentialLR(optimizer, [ConstantLR(optimizer, 0.5, 9), ExponentialLR(optimizer, 0.5)], [2])
    outer = SequentialLR(optimizer, [StepLR(optimizer, 1, 0.25), inner], [2])
    assert outer.get_last_lr() == [8.0]
    assert rates(optimizer, outer, 6) == [[2.0], [4.0], [4.0], [8.0], [4.0], [2.0]]


def test_a_schedule_of_ones_own_may_be_part_of_a_sequence():
    class Halving(LRScheduler):
        def get_lr(self):
            return [group["lr"] / 2 if self.last_epoch else group["lr"] for group in self.optimizer.param_groups]

    optimizer = sgd(8.0)
    schedule = SequentialLR(optimizer, [Halving(optimizer), Halving(optimizer)], [3])
    assert rates(optimizer, schedule, 5) == [[4.0], [2.0], [8.0], [4.0], [2.0]]


def test_a_rate_that_is_set_by_hand_is_kept_in_proportion():
    optimizer = sgd(1.0)
    schedule = LinearLR(optimizer, 1.0, 0.5, 2)
    optimizer.param_groups[0]["lr"] = 8.0
    assert rates(optimizer, schedule, 3) == [[6.0], [4.0], [4.0]]


def test_a_step_before_the_optimizers_first_is_warned_of_once():
    optimizer = SGD([tg.nn.Parameter([1.0])])
    schedule = StepLR(optimizer, 2)
    with pytest.warns(UserWarning, match=r"StepLR: step\(\) before the optimizer's first step\(\)") as caught:
        schedule.step()
    assert caught[0].filename == __file__
    schedule.step()


def test_a_step_past_the_end_of_a_part_changes_nothing():
    optimizer = sgd()
    schedule = SequentialLR(optimizer, [StepLR(optimizer, 2), OneCycleLR(optimizer, 1.0, 2)], [1])
    rates(optimizer, schedule, 3)
    before = schedule.state_dict(), optimizer.state_dict()
    with pytest.raises(ValueError, match="OneCycleLR: all 2 steps"):
        schedule.step()
    assert (schedule.state_dict(), optimizer.state_dict()) == before


def other_schedule():
    return StepLR(sgd(), 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: StepLR(o, 0), "StepLR: step_size is 0; wanted an integer of at least 1"),
        (lambda o: StepLR(o, 2, gamma=-1), "StepLR: gamma is -1; wanted a finite number of at least 0"),
        (lambda o: StepLR(o, 2, last_epoch=-2), "StepLR: last_epoch is -2"),
        (lambda o: MultiStepLR(o, [3, 1.5]), "MultiStepLR: a milestone is 1.5"),
        (lambda o: ExponentialLR(o, float("nan")), "ExponentialLR: gamma is nan"),
        (lambda o: ExponentialLR(o, "0.9"), "ExponentialLR: gamma is '0.9'"),
        (lambda o: ConstantLR(o, 1.5), "ConstantLR: factor is 1.5; wanted a finite number from 0 to 1"),
        (lambda o: LinearLR(o, 0), "LinearLR: start_factor is 0; wanted a number above 0"),
        (lambda o: LinearLR(o, end_factor=2), "LinearLR: end_factor is 2"),
        (lambda o: LinearLR(o, total_iters=0), "LinearLR: total_iters is 0"),
        (lambda o: CosineAnnealingLR(o, 0), "CosineAnnealingLR: T_max is 0"),
        (lambda o: CosineAnnealingLR(o, 5, -1), "CosineAnnealingLR: eta_min is -1"),
        (lambda o: LambdaLR(o, [abs]), "LambdaLR: lr_lambda has 1 values for 2 groups"),
        (lambda o: LambdaLR(o, 0.5), "LambdaLR: lr_lambda is 0.5; wanted a function"),
        (lambda o: SequentialLR(o, [], []), "SequentialLR: got 0 schedules and 0 milestones"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)], [3]), "SequentialLR: got 1 schedules and 1 milestones"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)] * 3, [3, 2]), r"SequentialLR: milestones are \[3, 2\]"),
        (lambda o: SequentialLR(o, [other_schedule()], []), "SequentialLR: schedule 0 is of another optimizer"),
        (
            lambda o: SequentialLR(o, [ReduceLROnPlateau(o)], []),
            "schedule 0 is a ReduceLROnPlateau; wanted one that",
        ),
        (lambda o: SequentialLR(o, [0.1], []), "SequentialLR: schedule 0 is a float"),
        (lambda o: ReduceLROnPlateau(o, "best"), "ReduceLROnPlateau: mode is 'best'; wanted min or max"),
        (lambda o: ReduceLROnPlateau(o, threshold_mode="x"), "threshold_mode is 'x'; wanted rel or abs"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), "ReduceLROnPlateau: factor is 1.0; wanted a number below 1"),
        (lambda o: ReduceLROnPlateau(o, patience=-1), "ReduceLROnPlateau: patience is -1"),
        (lambda o: ReduceLROnPlateau(o, min_lr=[0.1]), "ReduceLROnPlateau: min_lr has 1 values for 2 groups"),
        (
            lambda o: ReduceLROnPlateau(o).step("low"),
            "ReduceLROnPlateau.step: the metric is 'low'; wanted a number",
        ),
        (lambda o: ReduceLROnPlateau(o).step(None), "ReduceLROnPlateau.step: the metric is None"),
        (lambda o: ReduceLROnPlateau(None), "ReduceLROnPlateau: wanted an optimizer, got NoneType"),
        (lambda o: LambdaLR(None, abs), "LambdaLR: wanted an optimizer, got NoneType"),
        (lambda o: StepLR([o], 2), "StepLR: wanted an optimizer, got list"),
    ],
)
def test_what_is_wrong_is_named_and_changes_no_rate(make, message):
    optimizer = sgd(3.0, 4.0)
    with pytest.raises((ValueError, TypeError), match=message):
        make(optimizer)
    assert [group["lr"] for group in optimizer.param_groups] == [3.0, 4.0]


def test_a_later_start_wants_the_initial_rates():
    with pytest.raises(KeyError, match="StepLR: last_epoch is 3, but group 0 of the optimizer has no initial_lr"):
        StepLR(sgd(), 2, last_epoch=3)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    ("threshold_mode", "metrics", "reduced"),
    [
        # from 10, "rel" wants an improvement of more than 1, "abs" of more than 0.1
        ("rel", [10.0, 9.5, 8.9], [False, True, False]),
        ("abs", [10.0, 9.95, 9.8], [False, True, False]),
        ("abs", [10.0, 9.5, 9.45], [False, False, True]),
        # from 0.5, "rel" wants more than 0.05, "abs" more than 0.1
        ("rel", [0.5, 0.44, 0.43], [False, False, True]),
        ("abs", [0.5, 0.44, 0.39], [False, True, False]),
    ],
)
def test_the_threshold_of_a_plateau_is_a_part_of_the_best_or_an_amount(mode, threshold_mode, metrics, reduced):
    if mode == "max":
        metrics = [2 * metrics[0] - metric for metric in metrics]
    optimizer = sgd(1.0)
    schedule = ReduceLROnPlateau(
        optimizer, mode, factor=0.5, patience=0, threshold=0.1, threshold_mode=threshold_mode
    )
    seen = []
    for metric in metrics:
        before = optimizer.param_groups[0]["lr"]
        schedule.step(metric)
        seen.append(optimizer.param_groups[0]["lr"] < before)
    assert seen == reduced
