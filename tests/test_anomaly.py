"""detect_anomaly: the operation and the line of the user's code that a NaN or a failing derivative came from."""

from __future__ import annotations

import inspect
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import detect_anomaly, set_detect_anomaly
from tinygrad_cnn.tape.record import Operation, operation, watching
from tinygrad_cnn.tape.watch import watch


@pytest.fixture(autouse=True)
def numpy_lets_numbers_go_wrong():
    with np.errstate(all="ignore"):
        yield
    assert not watching


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(values, requires_grad=True)


def here() -> int:
    return inspect.stack()[1].lineno


def told(error: pytest.ExceptionInfo[Exception]) -> str:
    return "\n".join([str(error.value), *error.value.__notes__])


def test_the_operation_that_first_makes_a_nan_is_named_with_its_line():
    with pytest.raises(RuntimeError) as error, detect_anomaly():
        (leaf(1.0, -1.0) * 2.0).log().sum()
    assert str(error.value) == f"detect_anomaly: log made a NaN; {__file__}:{here() - 1} called it"


def test_an_infinity_passes_until_a_nan_comes_of_it_and_is_named_then():
    with detect_anomaly():
        large = leaf(1.0, 1000.0).exp()
        line = here() - 1
        with pytest.raises(RuntimeError, match="sub made a NaN") as error:
            large - large
    assert f"exp made an infinity; {__file__}:{line} called it" in str(error.value)


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_derivative_that_is_not_finite_is_named_with_the_line_of_its_operation(create_graph):
    x = leaf(4.0, 0.0)
    with detect_anomaly():
        y = x.sqrt()
        line = here() - 1
        with pytest.raises(RuntimeError) as error:
            y.sum().backward(create_graph=create_graph)
    assert f"in the backward pass of sqrt, which {__file__}:{line} called" in told(error)
    assert x.grad is None


@pytest.mark.parametrize(
    ("program", "operation"),
    [
        (lambda x: spoiled(x.exp()), "exp"),
        (lambda x: twice((x * x).exp()), "exp"),
    ],
    ids=["overwritten", "backward twice"],
)
def test_every_error_of_a_backward_pass_names_the_line_of_the_operation(program, operation):
    with detect_anomaly(), pytest.raises(RuntimeError, match=r"^backward: ") as error:
        program(leaf(1.0, 2.0)).sum().backward()
    assert f"in the backward pass of {operation}, which {__file__}:" in told(error)


def spoiled(y: tg.Tensor) -> tg.Tensor:
    y.data.mul_(2.0)
    return y


def twice(y: tg.Tensor) -> tg.Tensor:
    y.sum().backward()
    return y


def test_a_derivative_that_raises_is_named_also_outside_of_the_block_if_it_was_called_within():
    before = dict(Operation.registry)

    @operation(input=lambda g: g / None)
    def broken(input):
        return input * 1

    with detect_anomaly(check_nan=False):
        y = broken(leaf(1.0))
        line = here() - 1
    with pytest.raises(TypeError) as error:
        y.backward()
    assert f"in the backward pass of broken, which {__file__}:{line} called" in told(error)
    Operation.registry.clear()
    Operation.registry.update(before)


def test_without_check_nan_numbers_are_not_looked_at():
    x = leaf(0.0)
    with detect_anomaly(check_nan=False):
        (x.sqrt() + x.detach().log()).sum().backward()
    assert np.isinf(x.grad.array).all()


@given(st.lists(st.booleans(), max_size=4))
def test_switches_nest_and_leave_no_trace(modes):
    def nested(modes: list[bool]) -> None:
        if not modes:
            return
        with set_detect_anomaly(modes[0]):
            nested(modes[1:])
            assert catches() == modes[0]

    nested(modes)
    assert not catches()


def catches() -> bool:
    try:
        with np.errstate(all="ignore"):
            tg.tensor([-1.0]).log()
    except RuntimeError:
        return True
    return False


def test_the_switch_holds_until_it_is_undone_for_this_thread_only_and_beside_other_watchers():
    seen: list[str] = []
    elsewhere: list[bool] = []
    with watch(lambda call: seen.append(call.operation.name)):
        set_detect_anomaly(True)
    try:
        assert catches()
        assert seen == []
        thread = threading.Thread(target=lambda: elsewhere.append(catches()))
        thread.start()
        thread.join()
    finally:
        set_detect_anomaly(False)
    assert elsewhere == [False]
    assert not catches()
