"""NumPy's ufuncs called on tensors give what they give of arrays, and keep the graph."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.methods.numpy_protocol import UFUNCS

SHIFTS = {np.left_shift, np.right_shift}
INTEGERS = {np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.gcd, np.lcm, *SHIFTS}
POSITIVE = {np.float_power, np.log, np.log2, np.log10, np.power, np.sqrt}
NUMBERS = np.array([[0.3, -0.6], [0.9, 0.2]])


def operands(ufunc: np.ufunc) -> list[np.ndarray]:
    if ufunc in INTEGERS:
        return [np.array([5, 6]), np.array([3, 12])][: ufunc.nin]
    numbers = NUMBERS + 2 if ufunc is np.arccosh else np.abs(NUMBERS) if ufunc in POSITIVE else NUMBERS
    return [numbers, numbers[:, ::-1] * 0.7][: ufunc.nin]


def as_tuple(result: object) -> tuple:
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("place", [0, 1])
def test_a_ufunc_of_a_tensor_is_recorded_and_gives_what_it_gives_of_an_array(ufunc, place):
    arrays = operands(ufunc)
    place = min(place, len(arrays) - 1)
    mixed = list(arrays)
    mixed[place] = tg.tensor(arrays[place], requires_grad=ufunc not in INTEGERS)
    for found, wanted in zip(as_tuple(ufunc(*mixed)), as_tuple(ufunc(*arrays)), strict=True):
        assert isinstance(found, tg.Tensor)
        np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=1e-12)
        assert found.requires_grad == (wanted.dtype == np.float64 and ufunc is not np.heaviside)


@pytest.mark.parametrize(
    "call",
    [
        np.nan_to_num,
        np.sinc,
        np.round,
        np.around,
        lambda t: np.round(t, 1),
        lambda t: np.clip(t, 0.4, None),
        np.positive,
    ],
)
def test_functions_that_are_no_ufuncs_are_recorded_too(call):
    found = call(tg.tensor(NUMBERS, requires_grad=True))
    assert found.requires_grad
    np.testing.assert_allclose(found.detach().numpy(), call(NUMBERS), rtol=1e-12)


def test_closeness_of_tensors():
    t = tg.tensor(NUMBERS)
    assert np.allclose(t, NUMBERS + 1e-9)
    assert np.isclose(t, NUMBERS + 1e-9).numpy().all()
    assert not np.allclose(t, NUMBERS + 1)


@pytest.mark.parametrize("function", [operator.floordiv, operator.mod, divmod, operator.pow, operator.truediv])
@pytest.mark.parametrize("other", [2, 0.7, np.float32(1.3), np.array([0.7, 1.3], np.float32)])
def test_operators_of_a_tensor_and_anything(function, other):
    x = np.array([5.3, 1.9], np.float32)
    t = tg.tensor(x, requires_grad=True)
    for result, expected in [(function(t, other), function(x, other)), (function(other, t), function(other, x))]:
        for found, wanted in zip(as_tuple(result), as_tuple(expected), strict=True):
            assert found.requires_grad
            assert found.dtype == np.float32
            np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=1e-6)


@pytest.mark.parametrize("function", [operator.and_, operator.or_, operator.xor])
def test_bits_and_logic(function):
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    for left, right in [(tg.tensor(a), tg.tensor(b)), (a, tg.tensor(b)), (tg.tensor(a), b)]:
        np.testing.assert_array_equal(function(left, right).numpy(), function(a, b))
    np.testing.assert_array_equal(function(tg.tensor([5, 6]), 3).numpy(), function(np.array([5, 6]), 3))
    np.testing.assert_array_equal(function(True, tg.tensor(a)).numpy(), function(True, a))
    np.testing.assert_array_equal((~tg.tensor(a)).numpy(), ~a)


def test_aliases_are_the_functions_themselves():
    for alias, name in {
        "absolute": "abs",
        "multiply": "mul",
        "subtract": "sub",
        "divide": "div",
        "true_divide": "div",
        "negative": "neg",
        "clip": "clamp",
        "arcsin": "asin",
        "arccos": "acos",
        "arctan": "atan",
        "arctan2": "atan2",
        "arcsinh": "asinh",
        "arccosh": "acosh",
        "arctanh": "atanh",
    }.items():
        assert getattr(tg, alias) is getattr(tg, name)
        x = tg.tensor([0.5])
        arguments = (1.0,) if name in ("mul", "sub", "div", "clamp", "atan2") else ()
        if name != "acosh":
            np.testing.assert_array_equal(
                getattr(x, alias)(*arguments).numpy(), getattr(x, name)(*arguments).numpy()
            )


def test_where_as_a_method():
    x = tg.tensor([-1.0, 2.0], requires_grad=True)
    assert x.where(x > 0, 9.0).tolist() == [9.0, 2.0]
