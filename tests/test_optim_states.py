"""States of optimizers and schedules: those of another kind, and those that are none, are refused by name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import optim
from tinygrad_cnn.optim.lr_scheduler import (
    ChainedScheduler,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    LambdaLR,
    MultiplicativeLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from tinygrad_cnn.optim.swa_utils import SWALR

KINDS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9},
    "Adam": {"amsgrad": True},
    "AdamW": {},
    "NAdam": {},
    "RMSprop": {"momentum": 0.5, "centered": True},
    "Adagrad": {},
    "Adadelta": {},
    "Muon": {},
    "Adamax": {},
    "RAdam": {},
    "ASGD": {},
    "Rprop": {},
    "Adafactor": {},
}


def stepped(kind: str, **options: Any) -> Any:
    p = tg.nn.Parameter(np.ones((2, 3), np.float32))
    optimizer = getattr(optim, kind)([p], **{**KINDS[kind], **options})
    p.grad = tg.full((2, 3), 0.5)
    optimizer.step()
    return optimizer


def test_every_optimizer_is_here() -> None:
    assert {name for name in optim.__all__ if name[0].isupper()} - {"Optimizer", "LBFGS"} == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_only_a_state_of_the_same_kind_is_taken(kind: str, other: str) -> None:
    optimizer, state = stepped(kind), stepped(other, lr=0.25).state_dict()
    before = repr(optimizer.state_dict())
    if kind == other or (kind, other) == (
        "Adam",
        "AdamW",
    ):  # Adam with an option
        optimizer.load_state_dict(state)
        assert optimizer.param_groups[0].get("decoupled_weight_decay", False) == (other == "AdamW")
        assert optimizer.param_groups[0]["lr"] == 0.25
        return
    with pytest.raises(ValueError, match=rf"{kind}.*( another kind of optimizer: |the state of parameter 0 has)"):
        optimizer.load_state_dict(state)
    assert repr(optimizer.state_dict()) == before


def test_what_tells_the_kinds_apart_is_named() -> None:
    with pytest.raises(
        ValueError, match="its groups have no momentum, dampening, nesterov, but betas, eps, amsgrad"
    ):
        stepped("SGD").load_state_dict(stepped("Adam").state_dict())
    with pytest.raises(ValueError, match=r"AdamW: decoupled_weight_decay is False.*: Adam; wanted True"):
        stepped("AdamW").load_state_dict(stepped("Adam").state_dict())


def test_a_state_of_an_older_pytorch_lacks_options_and_has_others() -> None:
    state = stepped("Adam").state_dict()
    for group in state["param_groups"]:
        del group["maximize"], group["decoupled_weight_decay"]
        group.update(foreach=None, capturable=False)
    stepped("Adam").load_state_dict(state)


def entry(key: str, value: Any) -> Callable[[Any], Any]:
    return lambda state: state["state"][0].update({key: value})


def without(key: str) -> Callable[[Any], Any]:
    return lambda state: state["state"][0].pop(key)


WRONG: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a list": (lambda state: [], r'wanted \{"state": ...'),
    "groups by name": (
        lambda state: state.update(param_groups={"a": 1}),
        "param_groups is .*; wanted a list of dicts",
    ),
    "groups of numbers": (
        lambda state: state.update(param_groups=[1]),
        "param_groups is .*; wanted a list of dicts",
    ),
    "no params": (lambda state: state["param_groups"][0].pop("params"), "param_groups is .*with .params."),
    "params": (lambda state: state["param_groups"][0].update(params=3), "param_groups is .*with .params."),
    "more groups": (
        lambda state: state["param_groups"].append({**state["param_groups"][0], "params": [1]}),
        r"got groups of \[1, 1\] parameters; wanted \[1\]",
    ),
    "state": (lambda state: state.update(state=[1]), "state is .*; wanted a dict for the number"),
    "a parameter's": (lambda state: state["state"].update({0: 5}), "state is .*; wanted a dict for the number"),
    "unknown": (entry("exp_average", tg.ones(2, 3)), "parameter 0 has 'exp_average'; did you mean 'exp_avg'"),
    "missing": (without("exp_avg_sq"), "parameter 0 has no 'exp_avg_sq'; wanted step, exp_avg, exp_avg_sq"),
    "a word": (entry("step", "one"), "step is 'one'; wanted a number"),
    "steps": (entry("step", tg.ones(2, 3)), r"step has shape \(2, 3\).*wanted \(\)"),
    "a single number": (entry("exp_avg", tg.tensor(1.0)), r"exp_avg has shape \(\), its parameter \(2, 3\)"),
    "another shape": (entry("exp_avg", tg.ones(3, 2)), r"exp_avg has shape \(3, 2\), its parameter \(2, 3\)"),
    "an option": (
        lambda state: state["param_groups"][0].update(betas=("a", 0.9)),
        "betas is .* wanted two numbers",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_state_that_is_none_is_refused_and_changes_nothing(case: str) -> None:
    spoil, message = WRONG[case]
    state = copy.deepcopy(stepped("Adam", lr=0.5).state_dict())
    spoilt = spoil(state)
    optimizer = stepped("Adam")
    before = repr(optimizer.state_dict())
    with pytest.raises(ValueError, match=rf"Adam.*: .*{message}"):
        optimizer.load_state_dict(spoilt if case == "a list" else state)
    assert repr(optimizer.state_dict()) == before


def sgd() -> optim.SGD:
    optimizer = optim.SGD([tg.nn.Parameter([1.0])], lr=1.0, momentum=0.9)
    optimizer.step()
    return optimizer


SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "StepLR": lambda o: StepLR(o, 3),
    "OneCycleLR": lambda o: OneCycleLR(o, 1.0, 9),
    "CosineAnnealingLR": lambda o: CosineAnnealingLR(o, 9),
    "ReduceLROnPlateau": ReduceLROnPlateau,
    "LambdaLR": lambda o: LambdaLR(o, lambda step: 1.0),
    "PolynomialLR": lambda o: PolynomialLR(o, 5, 2.0),
    "MultiplicativeLR": lambda o: MultiplicativeLR(o, lambda step: 0.5),
    "CyclicLR": lambda o: CyclicLR(o, 0.1, 1.0, 3),
    "CosineAnnealingWarmRestarts": lambda o: CosineAnnealingWarmRestarts(o, 3, 2),
    "SWALR": lambda o: SWALR(o, 0.1),
    "ChainedScheduler": lambda o: ChainedScheduler([StepLR(o, 1), StepLR(o, 2)]),
    "SequentialLR": lambda o: SequentialLR(o, [StepLR(o, 1), StepLR(o, 2)], [3]),
}


@pytest.mark.parametrize("kind", SCHEDULES)
def test_each_item_of_a_schedules_state_is_one_of_its_kind(kind: str) -> None:
    schedule = SCHEDULES[kind](sgd())
    before = schedule.state_dict()
    for wrong in ([], None, "state", 3):
        with pytest.raises(ValueError, match=f"{kind}.load_state_dict: wanted what state_dict"):
            schedule.load_state_dict(wrong)
    for key, value in before.items():
        wrong = 0.5 if isinstance(value, (str, bool, list)) else "much"
        with pytest.raises(ValueError, match=rf"{kind}\.load_state_dict: {key} is .*wanted something like"):
            schedule.load_state_dict({**before, key: wrong})
        assert schedule.state_dict() == before


OPTIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "lr, a word": (lambda p: optim.SGD(p, "fast"), "SGD: lr is 'fast'"),
    "lr, none": (lambda p: optim.Adam(p, None), "Adam: lr is None"),
    "lr, endless": (lambda p: optim.RMSprop(p, float("inf")), "RMSprop: lr is inf"),
    "betas, words": (lambda p: optim.Adam(p, betas=("a", "b")), "Adam: betas is .* wanted two numbers"),
    "betas, three": (lambda p: optim.NAdam(p, betas=(0.1, 0.2, 0.3)), "NAdam: betas is"),
    "steps, not whole": (lambda p: optim.Muon(p, ns_steps=2.5), "Muon: ns_steps is 2.5"),
    "coefficients": (lambda p: optim.Muon(p, ns_coefficients=3.0), "Muon: ns_coefficients is 3.0; wanted three"),
    "coefficients, words": (lambda p: optim.Muon(p, ns_coefficients=("a", "b", "c")), "Muon: ns_coefficients is"),
    "adjustment": (lambda p: optim.Muon(p, adjust_lr_fn=[]), r"Muon: adjust_lr_fn \[\] is unknown"),
    "closure": (lambda p: optim.SGD(p).step(3.0), "SGD.step: closure is 3.0; wanted a function"),
    "pct_start": (lambda p: OneCycleLR(optim.SGD(p, momentum=0.9), 1.0, 9, pct_start="a"), "pct_start is 'a'"),
    "max_lr": (lambda p: OneCycleLR(optim.SGD(p, momentum=0.9), "a", 9), "max_lr"),
    "div_factor": (lambda p: OneCycleLR(optim.SGD(p, momentum=0.9), 1.0, 9, div_factor="a"), "a factor is 'a'"),
    "lambda": (lambda p: LambdaLR(optim.SGD(p), lambda step: "low"), r"LambdaLR: lr_lambda\(0\) returned 'low'"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options_and_arguments_of_the_wrong_kind_are_refused_by_name(case: str) -> None:
    make, message = OPTIONS[case]
    with pytest.raises((TypeError, ValueError), match=message):
        make([tg.nn.Parameter(np.ones((2, 2)))])
