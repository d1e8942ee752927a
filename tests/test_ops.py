"""Every operation of the registry, held to the same promises."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.cases import BAD_CALLS, CASES, OpCase, Sample
from tests.support.strategies import generators, relaid
from tests.support.thresholds import as_for_large_arrays
from tinygrad_cnn.autograd import Node
from tinygrad_cnn.tape.record import Operation

Promise = Callable[[OpCase, Sample, np.random.Generator], None]
DIFFERENTIABLE = [case for case in CASES if case.differentiable]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
every_derivative = pytest.mark.parametrize("case", DIFFERENTIABLE, ids=lambda c: c.name)
exactly = {"atol": 1e-7, "rtol": 1e-5}
roughly = {"atol": 1e-6, "rtol": 1e-5, "fast_mode": True}


def hold(case: OpCase, data: st.DataObject, *promises: Promise) -> None:
    """Draw one call and hold it to its value and to several promises: drawing takes longer than most of them."""
    sample, rng = data.draw(case.samples), data.draw(generators())
    value_is_the_oracles(case, sample)
    for promise in promises if case.differentiable else ():
        promise(case, sample, rng)


@every_case
@given(data=st.data())
def test_values_and_derivatives(case: OpCase, data: st.DataObject) -> None:
    hold(
        case,
        data,
        derivatives_are_those_of_finite_differences,
        second_derivatives_are_those_of_finite_differences,
    )


@every_derivative
@given(data=st.data())
def test_types_and_memory(case: OpCase, data: st.DataObject) -> None:
    hold(
        case,
        data,
        float32_stays_float32,
        inputs_are_neither_changed_nor_shared,
        a_result_is_noted_as_a_view_exactly_if_it_shows_the_memory_of_an_input,
        memory_layout_does_not_matter,
        ways_for_large_arrays_give_what_those_for_small_ones_give,
    )


@every_derivative
@given(data=st.data())
def test_what_is_recorded(case: OpCase, data: st.DataObject) -> None:
    hold(
        case,
        data,
        an_input_that_needs_no_gradient_gets_none_and_changes_no_other,
        nothing_is_recorded_without_need,
        cases_record_what_they_claim_to_prove,
    )


def tensors(sample: Sample, dtype: Any = np.float64, requires_grad: bool = True) -> list[tg.Tensor]:
    return [tg.tensor(a, dtype=dtype, requires_grad=requires_grad) for a in sample.inputs]


def backward(case: OpCase, inputs: list[tg.Tensor], sample: Sample) -> tg.Tensor:
    """Call the operation and send a random gradient back."""
    out = case.function(*inputs, **sample.arguments)
    gradient = np.random.default_rng(0).uniform(-1, 1, out.shape)
    out.backward(tg.tensor(gradient, dtype=out.dtype))
    return out


def value_is_the_oracles(case: OpCase, sample: Sample) -> None:
    out = case.function(*tensors(sample), **sample.arguments)
    np.testing.assert_allclose(out.array, case.oracle(*sample.inputs, **sample.arguments), rtol=1e-9, atol=1e-9)


def derivatives_are_those_of_finite_differences(case: OpCase, sample: Sample, rng: np.random.Generator) -> None:
    assert tg.gradcheck(lambda *t: case.function(*t, **sample.arguments), tensors(sample), **exactly)


def second_derivatives_are_those_of_finite_differences(
    case: OpCase, sample: Sample, rng: np.random.Generator
) -> None:
    tg.manual_seed(0)
    assert tg.gradgradcheck(lambda *t: case.function(*t, **sample.arguments), tensors(sample), **roughly)


def float32_stays_float32(case: OpCase, sample: Sample, rng: np.random.Generator) -> None:
    inputs = tensors(sample, np.float32)
    arguments = {
        k: v.astype(np.float32) if isinstance(v, np.ndarray) and v.dtype == np.float64 else v
        for k, v in sample.arguments.items()
    }
    out = backward(case, inputs, Sample(sample.inputs, arguments))
    assert out.dtype == np.float32
    assert all(t.grad is None or t.grad.dtype == np.float32 for t in inputs)
    np.testing.assert_allclose(out.array, case.oracle(*sample.inputs, **sample.arguments), rtol=2e-5, atol=2e-5)


def inputs_are_neither_changed_nor_shared(case: OpCase, sample: Sample, rng: np.random.Generator) -> None:
    inputs = tensors(sample)
    backward(case, inputs, sample)
    gradients = [t.grad.array for t in inputs if t.grad is not None]
    for tensor, array in zip(inputs, sample.inputs, strict=True):
        np.testing.assert_array_equal(tensor.array, array)
        assert not any(np.shares_memory(tensor.array, g) for g in gradients)
    for i, g in enumerate(gradients):
        assert g.flags.writeable
        assert not any(np.shares_memory(g, other) for other in gradients[:i])


def a_result_is_noted_as_a_view_exactly_if_it_shows_the_memory_of_an_input(
    case: OpCase, sample: Sample, rng: np.random.Generator
) -> None:
    """Else a write in place to one of them would not reach the other's place in the graph."""
    inputs = [tg.from_numpy(relaid(rng, a)).requires_grad_() for a in sample.inputs]
    out = case.function(*inputs, **sample.arguments)
    shown = [t for t in inputs if t is not out and np.shares_memory(t.array, out.array)]
    noted = [t for t in inputs if out._base is t and out.numel()]
    assert len(shown) == len(noted)
    assert all(a is b for a, b in zip(shown, noted, strict=True))


def memory_layout_does_not_matter(case: OpCase, sample: Sample, rng: np.random.Generator) -> None:
    plain, moved = tensors(sample), [tg.from_numpy(relaid(rng, a)).requires_grad_() for a in sample.inputs]
    out, out_moved = backward(case, plain, sample), backward(case, moved, sample)
    np.testing.assert_allclose(out.array, out_moved.array, rtol=1e-12, atol=1e-12)
    for a, b in zip(plain, moved, strict=True):
        np.testing.assert_allclose(a.grad.array, b.grad.array, rtol=1e-12, atol=1e-12)


def an_input_that_needs_no_gradient_gets_none_and_changes_no_other(
    case: OpCase, sample: Sample, rng: np.random.Generator
) -> None:
    full = tensors(sample)
    backward(case, full, sample)
    wanted = rng.random(len(full)) < 0.5
    wanted[rng.integers(len(full))] = True
    some = [tg.tensor(a, requires_grad=bool(w)) for a, w in zip(sample.inputs, wanted, strict=True)]
    backward(case, some, sample)
    for a, b, w in zip(full, some, wanted, strict=True):
        assert (b.grad is not None) == w
        if w:
            np.testing.assert_array_equal(a.grad.array, b.grad.array)


def ways_for_large_arrays_give_what_those_for_small_ones_give(
    case: OpCase, sample: Sample, rng: np.random.Generator
) -> None:
    inputs, others = tensors(sample), tensors(sample)
    out = backward(case, inputs, sample)
    with as_for_large_arrays():
        other = backward(case, others, sample)
    np.testing.assert_allclose(out.array, other.array, rtol=1e-10, atol=1e-12)
    for a, b in zip(inputs, others, strict=True):
        np.testing.assert_allclose(a.grad.array, b.grad.array, rtol=1e-10, atol=1e-12)


def nothing_is_recorded_without_need(case: OpCase, sample: Sample, rng: np.random.Generator) -> None:
    assert case.function(*tensors(sample, requires_grad=False), **sample.arguments).grad_fn is None
    with tg.no_grad():
        out = case.function(*tensors(sample), **sample.arguments)
    assert out.grad_fn is None
    assert not out.requires_grad


def cases_record_what_they_claim_to_prove(case: OpCase, sample: Sample, rng: np.random.Generator) -> None:
    names = set(recorded(case.function(*tensors(sample), **sample.arguments)))
    assert names.issuperset(case.records)


def recorded(out: tg.Tensor) -> Iterator[str]:
    """The names of the operations in the graph behind a tensor."""
    ahead: list[Any] = [out.grad_fn]
    while ahead:
        node = ahead.pop()
        if isinstance(node, Node):
            yield node.operation.name
            ahead.extend(origin for origin, _, _ in node.edges)


@pytest.mark.parametrize(
    ("call", "error", "message"), BAD_CALLS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_bad_calls_say_what_is_wrong(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


NAMED = {name: f for name, f in vars(tg).items() if isinstance(f, Operation) and f.derivatives and not f.variadic}


@pytest.mark.parametrize("name", NAMED)
def test_inputs_may_be_given_by_name(name: str) -> None:
    function, rng = NAMED[name], np.random.default_rng(0)
    least = 1.2 if name in ("acosh", "arccosh") else 0.2
    arrays = [rng.uniform(least, least + 0.7, 2) for _ in function.inputs]
    by_place, by_name = ([tg.tensor(a, requires_grad=True) for a in arrays] for _ in range(2))
    function(*by_place).sum().backward()
    function(by_name[0], **dict(zip(function.inputs[1:], by_name[1:], strict=True))).sum().backward()
    assert [t.grad.tolist() for t in by_place] == [t.grad.tolist() for t in by_name]
    assert function(**dict(zip(function.inputs, by_name, strict=True))).requires_grad
    assert tuple(inspect.signature(function).parameters) == function.inputs


# --- the registry is whole, and the checker checks ---


DERIVATIVES = [(operation, name) for operation in Operation.registry.values() for name in operation.derivatives]


@pytest.mark.parametrize(("operation", "input"), DERIVATIVES, ids=lambda v: getattr(v, "name", v))
def test_a_sabotaged_derivative_is_caught(operation: Operation, input: str) -> None:
    """Each derivative in turn is made slightly wrong: some case must notice, so each is proven by some case."""
    proving = [c for c in DIFFERENTIABLE if operation.name in c.records]
    assert proving, f"no case in tests/cases records {operation.name}"
    for wrong in (lambda g: g * 1.001 + 1e-5, lambda g: g + 0.001):
        with sabotaged(operation, input, wrong):
            assert any(map(is_caught, proving)), f"{operation.name}: a wrong derivative for {input} passed"


@contextmanager
def sabotaged(operation: Operation, input: str, wrong: Callable[[Any], Any]) -> Iterator[None]:
    rule = operation.derivatives[input]
    right = rule.function
    rule.function = lambda g, *values: wrong(right(g, *values))
    try:
        yield
    finally:
        rule.function = right


def is_caught(case: OpCase) -> bool:
    """Whether the derivative checks fail for some sample of the case."""

    @settings(phases=[Phase.generate], database=None)
    @given(sample=case.samples)
    def check(sample: Sample) -> None:
        function = lambda *t: case.function(*t, **sample.arguments)  # noqa: E731
        tg.gradcheck(function, tensors(sample), **exactly)
        tg.manual_seed(0)
        tg.gradgradcheck(function, tensors(sample), **roughly)

    with suppress(tg.GradcheckError):
        check()
        return False
    return True
