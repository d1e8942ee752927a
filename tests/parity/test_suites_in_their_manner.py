"""In the manner of other projects' suites: a call gives the same result in both libraries, or both refuse it."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:.*degrees of freedom")

INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]
TYPES = ["bool", *INTEGERS, "float16", "float32", "float64"]


def outcome(call: Callable[[Any], Any], library: Any) -> Any:
    """Return the values of a call's result, or None if the library refuses the call."""
    try:
        with warnings.catch_warnings(), np.errstate(over="ignore"):
            warnings.simplefilter("ignore")
            return call(library).tolist()
    except (RuntimeError, ValueError, TypeError, OverflowError, NotImplementedError):
        return None


def assert_alike(call: Callable[[Any], Any]) -> None:
    assert repr(outcome(call, tg)) == repr(outcome(call, torch))  # NaN is like NaN


def assigned(library: Any, number: Any, dtype: Any) -> Any:
    x = library.ones(2, dtype=dtype)
    x[0] = number
    return x


WRITERS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "as_tensor": lambda m, number, dtype: m.as_tensor([number], dtype=dtype),
    "where": lambda m, number, dtype: m.where(m.tensor([True]), number, m.ones(1, dtype=dtype)),
    "fill_": lambda m, number, dtype: m.ones(2, dtype=dtype).fill_(number),
    "full": lambda m, number, dtype: m.full((2,), number, dtype=dtype),
    "full_like": lambda m, number, dtype: m.full_like(m.ones(2, dtype=dtype), number),
    "index_fill": lambda m, number, dtype: m.ones(2, dtype=dtype).index_fill(0, m.tensor([1]), number),
    "index_fill_": lambda m, number, dtype: m.ones(2, dtype=dtype).index_fill_(0, m.tensor([1]), number),
    "masked_fill": lambda m, number, dtype: m.ones(2, dtype=dtype).masked_fill(m.tensor([True, False]), number),
    "new_full": lambda m, number, dtype: m.ones(2, dtype=dtype).new_full((2,), number),
    "new_tensor": lambda m, number, dtype: m.ones(2, dtype=dtype).new_tensor([1, number]),
    "pad": lambda m, number, dtype: m.nn.functional.pad(m.ones(2, dtype=dtype), (0, 1), value=number),
    "scatter": lambda m, number, dtype: m.ones(2, dtype=dtype).scatter(0, m.tensor([1]), number),
    "setitem": assigned,
    "tensor": lambda m, number, dtype: m.tensor([[number], [0]], dtype=dtype),
    "tensor of one": lambda m, number, dtype: m.tensor(number, dtype=dtype),
}
NUMBERS = [0, 3, 127, 128, 255, 256, 300, 32768, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63]
NUMBERS += [-1, -2, -128, -129, -255, -256, -300, -(2**31) - 1, -(2**63)]
NUMBERS += [0.5, -0.5, -1.5, 255.0, 256.0, 7e4, -7e4, 1e19, 1e39, float("nan"), float("inf"), float("-inf")]
HOLDING = [*INTEGERS, "float16", "float32"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("writer", WRITERS)
def test_a_number_that_a_type_cannot_hold_is_refused_wherever_it_is_written(writer: str, number: float) -> None:
    for name in HOLDING:
        if writer == "where" and isinstance(number, float):
            continue  # `where` of integers and a fraction is of a floating-point type
        if number == 2**63 and writer == "setitem":
            continue  # PyTorch refuses it even in types of floating-point numbers
        if name == "int64" and (number == 2**63 or (writer == "pad" and number > 2**53)):
            continue  # PyTorch writes -(2**63) in some of these places, and rounds to a float64 in another
        assert_alike(lambda m, name=name: WRITERS[writer](m, number, getattr(m, name)))


DRAWS: dict[str, Callable[[Any, Any], Any]] = {
    "exponential_": lambda m, dtype: m.zeros(3, dtype=dtype).exponential_(),
    "normal": lambda m, dtype: m.normal(0.0, 1.0, (3,), dtype=dtype),
    "normal_": lambda m, dtype: m.zeros(3, dtype=dtype).normal_(),
    "rand": lambda m, dtype: m.rand(3, dtype=dtype),
    "rand_like": lambda m, dtype: m.rand_like(m.zeros(3, dtype=dtype)),
    "randint": lambda m, dtype: m.randint(0, 300, (3,), dtype=dtype),
    "randint below 0": lambda m, dtype: m.randint(-1, 1, (3,), dtype=dtype),
    "randint of bool": lambda m, dtype: m.randint(0, 2, (3,), dtype=dtype),
    "randint_like": lambda m, dtype: m.randint_like(m.zeros(3, dtype=dtype), 70_000),
    "randn": lambda m, dtype: m.randn(3, dtype=dtype),
    "randn_like": lambda m, dtype: m.randn_like(m.zeros(3, dtype=dtype)),
    "random_": lambda m, dtype: m.zeros(3, dtype=dtype).random_(0, 200),
    "randperm": lambda m, dtype: m.randperm(2050, dtype=dtype),
    "sparse_": lambda m, dtype: m.nn.init.sparse_(m.zeros(3, 3, dtype=dtype), 0.5),
    "uniform_": lambda m, dtype: m.zeros(3, dtype=dtype).uniform_(),
}


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("draw", DRAWS)
def test_random_numbers_are_drawn_only_into_types_that_hold_them(draw: str, dtype: str) -> None:
    ours, theirs = (outcome(lambda m: DRAWS[draw](m, getattr(m, dtype)), m) for m in (tg, torch))
    assert (ours is None) == (theirs is None)


@pytest.mark.parametrize("dtype", TYPES)
def test_evenly_spaced_numbers_are_of_types_that_hold_them(dtype: str) -> None:
    for call in (
        lambda m, dtype: m.arange(5, dtype=dtype),
        lambda m, dtype: m.linspace(0, 4, 5, dtype=dtype),
        lambda m, dtype: m.linspace(0, 500, 5, dtype=dtype),
        lambda m, dtype: m.logspace(0, 1, 2, dtype=dtype),
    ):
        assert_alike(lambda m, call=call: call(m, getattr(m, dtype)))


@pytest.mark.parametrize("name", ["var", "std"])
@pytest.mark.parametrize("dim", [0, 1, (0, 1)])
def test_deviations_of_fewer_numbers_than_the_correction_are_infinite_or_nan(name: str, dim: Any) -> None:
    values = np.array([[1.0, 2.0, 4.0], [1.0, 3.0, 9.0]])
    for correction in (0, 1, 2, 3, 6, 7, 100):
        ours, theirs = (getattr(m, name)(m.tensor(values), dim, correction=correction) for m in (tg, torch))
        np.testing.assert_allclose(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("name", ["var", "std"])
def test_without_degrees_of_freedom_the_gradient_is_that_of_pytorch(name: str) -> None:
    gradients = []
    for m in (tg, torch):
        x = m.tensor(np.array([1.0, 2.0, 4.0]), requires_grad=True)
        with np.errstate(invalid="ignore"):
            getattr(m, name)(x, 0, correction=3).backward()
        gradients.append(x.grad.numpy())
    np.testing.assert_array_equal(*gradients)


@pytest.mark.parametrize("dtype", ["bool", *INTEGERS, "float32"])
def test_operators_shift_bits(dtype: str) -> None:
    for op in (operator.lshift, operator.rshift):
        for number in (0, 1, 3):
            assert_alike(lambda m, op=op, n=number: op(m.tensor([0, 1, 5, 100]).to(getattr(m, dtype)), n))
            assert_alike(lambda m, op=op, n=number: op(n, m.tensor([0, 1, 5]).to(getattr(m, dtype))))
            assert_alike(lambda m, op=op, n=number: op(m.tensor([9, 5]), m.tensor([n]).to(getattr(m, dtype))))


AUGMENTED = "iadd isub imul itruediv ifloordiv imod ipow iand ior ixor ilshift irshift".split()


@pytest.mark.parametrize("name", AUGMENTED)
@pytest.mark.parametrize("dtype", TYPES)
def test_an_augmented_assignment_writes_to_every_name_of_a_tensor(name: str, dtype: str) -> None:
    def run(library: Any, number: Any) -> Any:
        x = library.tensor([[4, 5, 6], [1, 0, 3]]).to(getattr(library, dtype))
        whole, row = x, x[1]
        x = getattr(operator, name)(x, number)
        assert x is whole
        return library.cat([row, whole[1]])

    for number in (2, 2.5):
        assert_alike(lambda m, number=number: run(m, number))
    if dtype != "bool" or name in ("iand", "ior", "ixor"):
        assert_alike(lambda m: run(m, m.tensor([1, 2, 3]).to(getattr(m, dtype))))


@pytest.mark.parametrize("equation", ["ii->i", "iij->ij", "iji->ij", "ijj->ji", "ijk->kij", "...->..."])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_an_einsum_that_adds_nothing_is_a_view_in_any_layout(equation: str, order: tuple[int, ...]) -> None:
    def run(library: Any) -> Any:
        x = library.arange(27.0).reshape(3, 3, 3)
        view = x.permute(order)[0 if equation == "ii->i" else slice(None)]
        library.einsum(equation, view).fill_(-1.0)
        return x

    assert_alike(run)


def test_arrays_of_another_library_index_as_arrays_do() -> None:
    """An integer beside them does not move their dimension, in reads and in writes."""
    values = np.arange(120.0).reshape(2, 3, 4, 5)
    places = torch.tensor([[2], [0]])
    for index in ((1, slice(None), places), (1, slice(None), [2, 0], None), (0, places, slice(1, 3), places)):
        ours = tuple(i.numpy() if isinstance(i, torch.Tensor) else i for i in index)
        theirs = torch.tensor(values)[index]
        np.testing.assert_array_equal(tg.tensor(values)[index].numpy(), theirs.numpy())
        np.testing.assert_array_equal(tg.tensor(values)[ours].numpy(), theirs.numpy())
        written, wanted = tg.tensor(values), torch.tensor(values)
        written[index], wanted[index] = -1.0, -1.0
        np.testing.assert_array_equal(written.numpy(), wanted.numpy())
