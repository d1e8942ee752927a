"""NumPy's functions of a tensor: NumPy's values, recorded wherever there is a derivative."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.methods.numpy_protocol import FUNCTIONS

A = np.random.default_rng(0).permutation(12).reshape(3, 4) - 5.5
ORDER = np.argsort(A, axis=1)

CALLS: dict[Any, list[Any]] = {
    np.all: [lambda f, a: f(a, axis=0)],
    np.amax: [lambda f, a: f(a, axis=(0, 1))],
    np.amin: [lambda f, a: f(a, axis=-1, keepdims=True)],
    np.any: [lambda f, a: f(a)],
    np.append: [lambda f, a: f(a, a[0]), lambda f, a: f(a, a, axis=1)],
    np.argmax: [lambda f, a: f(a), lambda f, a: f(a, axis=1)],
    np.argmin: [lambda f, a: f(a), lambda f, a: f(a, axis=0, keepdims=True)],
    np.argsort: [lambda f, a: f(a), lambda f, a: f(a, axis=None)],
    np.array_split: [lambda f, a: f(a, 2), lambda f, a: f(a, [1, 3], axis=1)],
    np.atleast_1d: [lambda f, a: f(a[0, 0]), lambda f, a: f(a, a[0])],
    np.atleast_2d: [lambda f, a: f(a[0])],
    np.atleast_3d: [lambda f, a: f(a), lambda f, a: f(a[0])],
    np.broadcast_to: [lambda f, a: f(a, (2, 3, 4))],
    np.clip: [lambda f, a: f(a, -1.0, 2.0)],
    np.column_stack: [lambda f, a: f([a[:, 0], a])],
    np.concatenate: [lambda f, a: f([a, a], axis=1)],
    np.corrcoef: [lambda f, a: f(a)],
    np.count_nonzero: [lambda f, a: f(a), lambda f, a: f(a, axis=0)],
    np.cov: [lambda f, a: f(a), lambda f, a: f(a, ddof=0)],
    np.cumprod: [lambda f, a: f(a), lambda f, a: f(a, axis=0)],
    np.cumsum: [lambda f, a: f(a), lambda f, a: f(a, axis=-1)],
    np.diag: [lambda f, a: f(a, 1), lambda f, a: f(a[0], k=-1)],
    np.diagonal: [lambda f, a: f(a), lambda f, a: f(a, offset=-1)],
    np.diff: [lambda f, a: f(a), lambda f, a: f(a, 2, axis=0)],
    np.dsplit: [lambda f, a: f(a[None], 2)],
    np.dstack: [lambda f, a: f([a, a])],
    np.expand_dims: [lambda f, a: f(a, 1)],
    np.flip: [lambda f, a: f(a), lambda f, a: f(a, axis=0), lambda f, a: f(a, axis=(0, 1))],
    np.fliplr: [lambda f, a: f(a)],
    np.flipud: [lambda f, a: f(a)],
    np.hsplit: [lambda f, a: f(a, 2), lambda f, a: f(a[0], [1, 2])],
    np.hstack: [lambda f, a: f([a, a]), lambda f, a: f([a[0], a[1]])],
    np.linalg.norm: [
        lambda f, a: f(a),
        lambda f, a: f(a, axis=0),
        lambda f, a: f(a[0], 1),
        lambda f, a: f(a, "fro"),
    ],
    np.max: [lambda f, a: f(a), lambda f, a: f(a, axis=1)],
    np.mean: [lambda f, a: f(a), lambda f, a: f(a, axis=0)],
    np.median: [
        lambda f, a: f(a),
        lambda f, a: f(a, axis=0),
        lambda f, a: f(a, axis=1, keepdims=True),
        lambda f, a: f(a, keepdims=True),
        lambda f, a: f(np.where(A > 5, np.nan, a), axis=1),
    ],
    np.meshgrid: [lambda f, a: f(a[0], a[:, 0]), lambda f, a: f(a[0], a[:, 0], indexing="ij")],
    np.min: [lambda f, a: f(a), lambda f, a: f(a, axis=1)],
    np.moveaxis: [lambda f, a: f(a, 0, -1)],
    np.nanmean: [lambda f, a: f(np.where(A > 5, np.nan, a)), lambda f, a: f(a, axis=0)],
    np.nanquantile: [lambda f, a: f(np.where(A > 5, np.nan, a), 0.5, axis=1)],
    np.nansum: [lambda f, a: f(np.where(A > 0, np.nan, a)), lambda f, a: f(a, axis=0)],
    np.ndim: [lambda f, a: f(a)],
    np.nonzero: [lambda f, a: f(a)],
    np.partition: [lambda f, a: np.max(f(a, 1)[:, :2], axis=1), lambda f, a: f(a, 3, axis=None)[3]],
    np.prod: [lambda f, a: f(a), lambda f, a: f(a, axis=1, keepdims=True)],
    np.ptp: [lambda f, a: f(a), lambda f, a: f(a, axis=0, keepdims=True)],
    np.quantile: [lambda f, a: f(a, 0.3), lambda f, a: f(a, [0.1, 0.5], axis=0)],
    np.ravel: [lambda f, a: f(a)],
    np.real: [lambda f, a: f(a)],
    np.repeat: [lambda f, a: f(a, 2), lambda f, a: f(a, [0, 1, 2], axis=0)],
    np.reshape: [lambda f, a: f(a, (2, -1))],
    np.roll: [lambda f, a: f(a, 1), lambda f, a: f(a, (1, 2), axis=(0, 1))],
    np.rollaxis: [lambda f, a: f(a[None], 2), lambda f, a: f(a[None], 0, 2), lambda f, a: f(a[None], 1, -1)],
    np.rot90: [lambda f, a: f(a), lambda f, a: f(a, 2), lambda f, a: f(a, k=3, axes=(1, 0))],
    np.shape: [lambda f, a: f(a)],
    np.size: [lambda f, a: f(a)],
    np.sort: [lambda f, a: f(a), lambda f, a: f(a, axis=0), lambda f, a: f(a, axis=None)],
    np.split: [lambda f, a: f(a, 3), lambda f, a: f(a, [1, 2], axis=1)],
    np.squeeze: [lambda f, a: f(a[None]), lambda f, a: f(a[:, None], axis=1)],
    np.stack: [lambda f, a: f([a, a], axis=1)],
    np.std: [lambda f, a: f(a), lambda f, a: f(a, axis=0, ddof=1)],
    np.sum: [lambda f, a: f(a), lambda f, a: f(a, axis=(0, 1)), lambda f, a: f(a, axis=0, keepdims=True)],
    np.swapaxes: [lambda f, a: f(a, 0, 1)],
    np.take: [lambda f, a: f(a, [3, -1]), lambda f, a: f(a, [0, 2, 0], axis=1), lambda f, a: f(a, 1, axis=0)],
    np.take_along_axis: [lambda f, a: f(a, ORDER, axis=1), lambda f, a: f(a, ORDER.ravel(), axis=None)],
    np.tile: [lambda f, a: f(a, 2), lambda f, a: f(a, (2, 1, 3))],
    np.transpose: [lambda f, a: f(a), lambda f, a: f(a, (1, 0))],
    np.trapezoid: [lambda f, a: f(a), lambda f, a: f(a, dx=0.5, axis=0), lambda f, a: f(a, a[0])],
    np.tril: [lambda f, a: f(a), lambda f, a: f(a, k=-1)],
    np.triu: [lambda f, a: f(a), lambda f, a: f(a, 1)],
    np.unique: [lambda f, a: f(a), lambda f, a: f(a, return_counts=True)],
    np.var: [lambda f, a: f(a), lambda f, a: f(a, axis=0, ddof=1, keepdims=True)],
    np.vsplit: [lambda f, a: f(a, 3), lambda f, a: f(a, [1])],
    np.vstack: [lambda f, a: f([a[0], a])],
    np.where: [lambda f, a: f(A > 0, a, 0.0)],
}
WITHOUT_DERIVATIVE = {
    *(np.all, np.any, np.argmax, np.argmin, np.argsort, np.count_nonzero, np.ndim, np.nonzero, np.shape, np.size),
    np.unique,
}
OTHER_NAMES = {"y": "other"}  # of an argument of NumPy's behind the second
every_call = pytest.mark.parametrize(
    ("function", "call"),
    [pytest.param(f, c, id=f"{f.__name__}-{i}") for f, calls in CALLS.items() for i, c in enumerate(calls)],
)


@every_call
def test_the_values_are_numpys_and_recorded(function: Any, call: Any) -> None:
    found, wanted = call(function, tg.tensor(A, requires_grad=True)), call(function, A)
    several = isinstance(wanted, (tuple, list)) and isinstance(wanted[0], np.ndarray)
    for result, expected in zip(found, wanted, strict=True) if several else [(found, wanted)]:
        np.testing.assert_allclose(getattr(result, "array", result), expected, rtol=1e-12)
        assert np.shape(getattr(result, "array", result)) == np.shape(expected)
        if function not in WITHOUT_DERIVATIVE:
            assert isinstance(result, tg.Tensor)
            assert result.requires_grad


def test_every_function_that_is_recorded_is_called_in_some_test() -> None:
    """Linear algebra and rounding have test files of their own."""
    tests = "".join(p.read_text(encoding="utf-8") for p in Path(__file__).parent.glob("test_numpy_*.py"))
    named = {f for f in FUNCTIONS if re.search(rf"np\.(linalg\.)?{f.__name__}\b", tests)}
    assert set(FUNCTIONS) == named


def test_what_does_not_divide_is_not_split() -> None:
    with pytest.raises(ValueError, match=r"np\.split: 2 sections do not divide the length 3"):
        np.split(tg.tensor(A), 2)


@pytest.mark.parametrize("options", [{"dtype": np.float64}, {"out": np.zeros(())}, {"where": A > 0}], ids=str)
def test_what_would_be_ignored_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=rf"^np\.sum: there is no argument '{next(iter(options))}'"):
        np.sum(tg.tensor(A), **options)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_arguments_without_a_name_mean_what_they_mean_in_numpy(function: Any) -> None:
    """Behind the operands, an argument at the same place has the same name."""
    places = list(inspect.signature(function).parameters)
    recorded = getattr(FUNCTIONS[function], "forward", FUNCTIONS[function])
    for place, p in enumerate(inspect.signature(recorded).parameters.values()):
        if p.kind is not p.KEYWORD_ONLY and (place > 1 or p.name in places):
            assert p.name in (places[place], OTHER_NAMES.get(places[place]))


def test_an_argument_that_is_not_taken_is_refused_by_name() -> None:
    x = tg.tensor(A)
    for call, name in ((lambda: np.sum(x, 0, np.float32), "np.sum"), (lambda: np.cov(x, x), "np.cov")):
        with pytest.raises(TypeError, match=rf"^{name}: got \d arguments without a name, 1 more than it takes"):
            call()
