"""What all optimizers share: groups, state that goes out and comes back, and plain errors."""

import copy

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.optim import SGD, Optimizer


def parameters(n=3):
    return [tg.nn.Parameter(np.full(i + 1, 1.0, np.float32)) for i in range(n)]


def stepped(params, steps=3, optimizer=None):
    """Return an optimizer with momentum and two groups, after some steps with known gradients."""
    optimizer = optimizer or SGD([{"params": params[:1]}, {"params": params[1:], "lr": 0.1}], lr=0.5, momentum=0.9)
    for i in range(steps):
        for p in params:
            p.grad = tg.full(p.shape, i + 1.0)
        optimizer.step()
    return optimizer


def test_groups_hold_their_options_over_the_defaults_and_the_given_dict_is_left_alone():
    a, b = parameters(2)
    given = {"params": (p for p in [b]), "lr": 0.5}
    optimizer = SGD([{"params": a}, given], momentum=0.9)
    assert [g["lr"] for g in optimizer.param_groups] == [1e-3, 0.5]
    assert [g["momentum"] for g in optimizer.param_groups] == [0.9, 0.9]
    assert list(given) == ["params", "lr"]
    assert optimizer.param_groups[1]["params"] == [b]
    assert optimizer.defaults["lr"] == 1e-3


def test_a_group_added_later_is_optimized_too():
    a, b = parameters(2)
    optimizer = SGD([a], lr=1)
    optimizer.add_param_group({"params": [b], "lr": 2})
    a.grad, b.grad = tg.ones(1), tg.ones(2)
    optimizer.step()
    assert (a.tolist(), b.tolist()) == ([0], [-1, -1])


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ([], ValueError, "no parameters"),
        ([{"params": []}], ValueError, "no parameters"),
        (tg.ones(1), TypeError, "params is a Tensor"),
        (tg.nn.Linear(1, 1), TypeError, r"params is a Linear.*model\.parameters\(\)"),
        ({"params": [tg.ones(1)]}, TypeError, "params is a dict"),
        ([1.0], TypeError, "can only optimize tensors, got float"),
        ([{"params": {1, 2}}], TypeError, "fixed order"),
        ([{"lr": 1}], TypeError, "wanted a parameter group"),
        ([{"params": [tg.ones(1)]}, tg.ones(1)], TypeError, "wanted a parameter group"),
        ([tg.ones(1, requires_grad=True) * 2], ValueError, "result of <mul>; wanted a leaf"),
    ],
)
def test_what_cannot_be_optimized(params, error, message):
    with pytest.raises(error, match=f"SGD: .*{message}"):
        SGD(params)


def test_a_parameter_twice_is_refused_within_a_group_and_across_and_changes_nothing():
    a, b = parameters(2)
    with pytest.raises(ValueError, match="given twice"):
        SGD([a, b, a])
    optimizer = SGD([a])
    with pytest.raises(ValueError, match="given twice"):
        optimizer.add_param_group({"params": [b, a]})
    assert [g["params"] for g in optimizer.param_groups] == [[a]]


def test_zero_grad():
    a, b = parameters(2)
    a.grad = tg.ones(1)
    kept = a.grad.array
    optimizer = SGD([a, b])
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.array is kept
    assert kept == 0
    assert b.grad is None
    optimizer.zero_grad()
    assert a.grad is None


def test_a_closure_is_called_before_the_step_with_recording_on():
    (p,) = parameters(1)
    optimizer = SGD([p], lr=0.25)

    def closure():
        loss = (p * p).sum()
        loss.backward()
        return loss

    with tg.no_grad():
        assert optimizer.step(closure).item() == 1
    assert p.item() == 0.5
    assert optimizer.step() is None


def test_the_base_says_what_a_subclass_must_define():
    class Lazy(Optimizer):
        pass

    with pytest.raises(NotImplementedError, match="Lazy: _update"):
        Lazy(parameters(), {}).step()


def test_the_state_has_pytorchs_form():
    params = parameters()
    state = stepped(params).state_dict()
    assert [g["params"] for g in state["param_groups"]] == [[0], [1, 2]]
    assert state["param_groups"][1]["lr"] == 0.1
    assert list(state["state"]) == [0, 1, 2]
    assert state["state"][2]["momentum_buffer"].shape == (3,)


def test_a_run_resumes_to_the_same_bits():
    params = parameters()
    optimizer = stepped(params)
    state, values = copy.deepcopy(optimizer.state_dict()), [p.numpy().copy() for p in map(tg.Tensor.detach, params)]
    stepped(params, 2, optimizer)

    others = [tg.nn.Parameter(v) for v in values]
    resumed = SGD([{"params": others[:1]}, {"params": others[1:]}], lr=9)
    resumed.load_state_dict(state)
    stepped(others, 2, resumed)
    assert all(np.array_equal(a.array, b.array) for a, b in zip(params, others, strict=True))


def test_loading_copies_and_takes_the_parameters_type():
    params = parameters()
    state = stepped(params).state_dict()
    others = [tg.nn.Parameter(p.array.astype(np.float64)) for p in params]
    optimizer = SGD([{"params": others[:1]}, {"params": others[1:]}])
    optimizer.load_state_dict(state)
    buffer = optimizer.state[others[1]]["momentum_buffer"]
    assert buffer.dtype == tg.float64
    buffer.fill_(0)
    assert state["state"][1]["momentum_buffer"].array.any()
    state["param_groups"][0]["lr"] = 7
    assert optimizer.param_groups[0]["lr"] == 0.5


def change(path, value):
    def apply(state):
        *way, last = path
        for key in way:
            state = state[key]
        state[last] = value

    return apply


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change(["param_groups"], []), r"groups of \[\] parameters; wanted \[1, 2\]"),
        (change(["param_groups", 0, "params"], [0, 3]), r"groups of \[2, 2\]"),
        (change(["param_groups", 1, "lr"], -1), "lr is -1"),
        (change(["state", 5], {}), "parameter 5, which is in no group"),
        (change(["state", 2, "momentum_buffer"], tg.ones(2)), r"momentum_buffer has shape \(2,\), .* \(3,\)"),
        (lambda state: state.pop("state"), "wanted .*param_groups"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(spoil, message):
    params = parameters()
    optimizer = stepped(params)
    state = copy.deepcopy(optimizer.state_dict())
    change(["param_groups", 0, "lr"], 3.0)(state)
    spoil(state)
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ValueError, match=f"SGD.*{message}"):
        optimizer.load_state_dict(state)
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for i in range(3):
        old, new = (s["state"][i]["momentum_buffer"].numpy() for s in (before, after))
        assert np.array_equal(old, new)


# --- keys of a user's own, names, hooks, and how it is printed ---


def test_groups_keep_other_keys_and_warn_of_what_looks_like_an_option():
    a, b = parameters(2)
    optimizer = SGD([{"params": [a], "name": "first", "lr_mult": 2}, {"params": [b]}], lr=0.5)
    assert (optimizer.param_groups[0]["name"], optimizer.param_groups[0]["lr_mult"]) == ("first", 2)
    resumed = SGD([{"params": [a]}, {"params": [b]}])
    resumed.load_state_dict(optimizer.state_dict())
    assert resumed.param_groups[0]["name"] == "first"
    with pytest.warns(UserWarning, match="'momentun' is kept .* and has no effect; did you mean 'momentum'"):
        SGD([{"params": [a], "momentun": 1}])


def test_parameters_may_come_with_their_names():
    model = tg.nn.Linear(2, 1)
    optimizer = SGD(model.named_parameters(), lr=0.5)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.param_groups[0]["params"] == list(model.parameters())
    with pytest.raises(ValueError, match="SGD: some groups of parameters have names; wanted names in all groups"):
        optimizer.add_param_group({"params": parameters(1)})


def test_hooks_are_called_around_each_step_until_they_are_removed():
    (p,) = parameters(1)
    optimizer = SGD([p], lr=1.0)
    seen = []

    def replaced(optimizer, args, kwargs):
        seen.append(("before", args, kwargs, p.item()))
        return (lambda: "loss",), {}

    handles = [
        optimizer.register_step_pre_hook(replaced),
        optimizer.register_step_post_hook(lambda *given: seen.append(("after", *given[1:], p.item()))),
    ]
    p.grad = tg.ones(1)
    assert optimizer.step() == "loss"
    assert [call[0] for call in seen] == ["before", "after"]
    assert [call[-1] for call in seen] == [1.0, 0.0]
    assert copy.deepcopy(optimizer).step() is None
    handles[0].remove()
    assert optimizer.step() is None
    handles[1].remove()
    optimizer.step()
    assert [call[0] for call in seen] == ["before", "after", "after"]
    with pytest.raises(TypeError, match="SGD: the hook is 3; wanted a function"):
        optimizer.register_step_pre_hook(3)


def test_a_users_optimizer_may_define_its_own_step_and_find_empty_states():
    class Signs(Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    state["steps"] = state.get("steps", 0) + 1
                    p.data -= group["lr"] * p.grad.sign()

    (p,) = parameters(1)
    optimizer = Signs([p], lr=0.25)
    schedule = tg.optim.lr_scheduler.StepLR(optimizer, 1)
    p.grad = tg.full((1,), 3.0)
    optimizer.step()
    schedule.step()
    assert (p.item(), optimizer.state[p], optimizer.param_groups[0]["lr"]) == (0.75, {"steps": 1}, 0.025)


@pytest.mark.parametrize("option", ["foreach", "fused"])
def test_options_of_implementation_are_kept_and_change_nothing(option):
    a, b = (tg.nn.Parameter([1.0]) for _ in range(2))
    for p, optimizer in ((a, SGD([a], lr=0.5)), (b, SGD([b], lr=0.5, **{option: True}))):
        p.grad = tg.ones(1)
        optimizer.step()
    assert optimizer.param_groups[0][option] is True
    assert a.item() == b.item() == 0.5


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"differentiable": True}, ValueError, "SGD: differentiable=True is not supported"),
        ({"foreach": True, "fused": True}, RuntimeError, "SGD: foreach and fused cannot both be True"),
        ({"forech": True}, TypeError, "SGD: there is no option 'forech'; did you mean 'foreach'"),
        ({"capturable": True}, TypeError, "SGD: there is no option 'capturable'"),
        ({"lr": tg.ones(2)}, ValueError, "SGD: lr is tensor.*wanted a finite number"),
        ({"lr": tg.tensor(-1.0)}, ValueError, "SGD: lr is tensor.*wanted a finite number"),
    ],
)
def test_other_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        SGD(parameters(), **options)


def test_a_rate_that_is_a_tensor_stays_that_tensor():
    (p,) = parameters(1)
    rate = tg.tensor(0.5)
    optimizer = SGD([p], lr=rate)
    schedule = tg.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    p.grad = tg.ones(1)
    optimizer.step()
    schedule.step()
    assert p.item() == 0.5
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.25
    assert repr(optimizer).splitlines()[:2] == ["SGD (", "Parameter Group 0"]
    assert "    lr: 0.25" in repr(optimizer).splitlines()
