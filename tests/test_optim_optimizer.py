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
        ([{"params": [tg.ones(1)], "learning": 1, "lr": 1}], TypeError, "no option 'learning'"),
        ([{"params": [tg.ones(1)], "momentun": 1}], TypeError, "no option 'momentun'; did you mean 'momentum'"),
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
