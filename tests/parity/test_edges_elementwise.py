"""Elementwise functions where they are special: corners, NaN, infinities, large numbers, integers; as PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F

torch = pytest.importorskip("torch")
inf, nan = np.inf, np.nan


def both(name: str) -> tuple[Any, Any]:
    """Our function and PyTorch's of a name, of the package or of nn.functional."""
    theirs = getattr(torch.nn.functional, name, None)
    return getattr(tg, name, None) or getattr(F, name), getattr(torch, name, None) or theirs


def value_and_gradient(function: Any, x: Any, *rest: Any, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    out = function(x, *rest, **options)
    out.sum().backward()
    return out.detach().numpy(), x.grad.numpy()


def assert_same(name: str, values: Any, *rest: Any, dtype: Any = np.float64, tolerance: float = 1e-12) -> None:
    """The same value and gradient as PyTorch's."""
    array = np.array(values, dtype)
    ours, theirs = both(name)
    found = value_and_gradient(ours, tg.tensor(array, requires_grad=True), *rest)
    wanted = value_and_gradient(theirs, torch.tensor(array, requires_grad=True), *rest)
    for mine, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize(
    ("name", "corners", "arguments"),
    [
        ("abs", [0.0], ()),
        ("celu", [0.0], (0.5,)),
        ("clamp", [0.0, 1.0], (0.0, 1.0)),
        ("elu", [0.0], ()),
        ("frac", [2.0, -2.0, 0.0], ()),
        ("floor", [2.0, -2.0], ()),
        ("fmod", [4.0, -4.0, 0.0], (2.0,)),
        ("hardshrink", [-0.5, 0.5, 0.0], ()),
        ("hardswish", [-3.0, 3.0, 0.0], ()),
        ("hardtanh", [-1.0, 1.0], ()),
        ("leaky_relu", [0.0, -0.0], ()),
        ("logit", [0.1, 0.9, 0.05], (0.1,)),
        ("relu", [0.0], ()),
        ("relu6", [0.0, 6.0], ()),
        ("remainder", [4.0, -4.0, 0.0], (2.0,)),
        ("round", [0.5, 1.5, 2.5, -0.5], ()),
        ("selu", [0.0], ()),
        ("sign", [0.0], ()),
        ("sinc", [0.0], ()),
        ("softplus", [20.0], ()),
        ("softshrink", [-0.5, 0.5, 0.0], ()),
        ("softsign", [0.0], ()),
        ("threshold", [1.0], (1.0, 7.0)),
    ],
)
def test_corners_have_the_derivative_that_pytorch_gives_them(name, corners, arguments):
    assert_same(name, corners, *arguments)


def test_hardsigmoid_is_flat_on_its_corners():
    x = tg.tensor([-3.0, 3.0], requires_grad=True)
    np.testing.assert_array_equal(value_and_gradient(F.hardsigmoid, x)[1], [0, 0])


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("atan2", [(0.0, 0.0), (0.0, -1.0), (-0.0, -1.0), (1.0, 0.0)]),
        ("copysign", [(0.0, -1.0), (2.0, -0.0), (-3.0, 0.0)]),
        ("xlogy", [(0.0, 0.0), (0.0, 2.0), (2.0, inf)]),
        ("logaddexp", [(-inf, 0.0), (1e300, -1e300), (800.0, 800.0)]),
        ("maximum", [(1.0, 1.0), (inf, 2.0)]),
        ("lerp", [(0.1, 1.0)]),
    ],
)
def test_pairs_on_the_edge(name, pairs):
    """Value, and gradient of the first; of xlogy's second at (0, 0) PyTorch's is NaN and this one 0."""
    first, second = np.array(pairs).T
    ours, theirs = both(name)
    weight = (1.0,) if name == "lerp" else ()
    found = value_and_gradient(ours, tg.tensor(first, requires_grad=True), tg.tensor(second), *weight)
    wanted = value_and_gradient(theirs, torch.tensor(first, requires_grad=True), torch.tensor(second), *weight)
    np.testing.assert_array_equal(found[0], wanted[0])
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-12)


SMOOTH = """elu gelu hardsigmoid hardswish logsigmoid mish selu sigmoid silu softplus softsign tanh tanhshrink erf
erfc"""


@pytest.mark.parametrize("name", SMOOTH.split())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_numbers_neither_overflow_nor_lose_the_gradient(name, dtype):
    assert_same(name, [-1e4, -90.0, -30.0, 30.0, 90.0, 1e4], dtype=dtype, tolerance=1e-6)


def test_gelu_by_tanh_does_not_overflow():
    x = np.array([-1e4, -30.0, 30.0, 1e4], np.float32)
    value, gradient = value_and_gradient(F.gelu, tg.tensor(x, requires_grad=True), approximate="tanh")
    np.testing.assert_array_equal(value, [0, 0, 30, 1e4])
    np.testing.assert_array_equal(gradient, [0, 0, 1, 1])


@pytest.mark.parametrize("name", ["expm1", "log1p", "logsigmoid", "softplus", "silu", "mish", "gelu", "elu"])
def test_float32_is_exact_relative_to_float64(name):
    """Each value is right to a few units in its own last place, be it small or large; gradients likewise."""
    x = np.concatenate([np.geomspace(1e-6, 30, 60), -np.geomspace(1e-6, 12 if name != "log1p" else 0.9, 60)])
    if name == "gelu":
        x = np.clip(x, -5, None)  # below, PyTorch's own float64 loses its digits
    x = x.astype(np.float32)
    ours, theirs = both(name)
    found = value_and_gradient(ours, tg.tensor(x, requires_grad=True))
    wanted = value_and_gradient(theirs, torch.tensor(x.astype(np.float64), requires_grad=True))
    assert found[0].dtype == found[1].dtype == np.float32
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-5 if name == "gelu" else 2e-6)
    crosses_zero = name in ("silu", "mish", "gelu")  # the gradient does, and there no digits are left
    np.testing.assert_allclose(found[1], wanted[1], rtol=2e-6, atol=5e-7 if crosses_zero else 0)


def test_logaddexp_of_large_float32():
    a = np.array([1e4, -1e4, 1e4, 0.0], np.float32)
    b = np.array([1e4, -1e4, -1e4, 1e4], np.float32)
    x = tg.tensor(a, requires_grad=True)
    value, gradient = value_and_gradient(tg.logaddexp, x, tg.tensor(b))
    np.testing.assert_allclose(value, np.logaddexp(a.astype(float), b.astype(float)), rtol=1e-7)
    np.testing.assert_array_equal(gradient, [0.5, 0.5, 1, 0])


def test_log1p_and_expm1_of_large_float32():
    assert_same("log1p", [1e4, 1e30], dtype=np.float32, tolerance=1e-7)
    with np.errstate(over="ignore"):
        assert_same("expm1", [-1e4, 1e4], dtype=np.float32, tolerance=1e-7)


SINGLE = """abs acos acosh asin asinh atan atanh ceil celu cos cosh elu erf erfc exp exp2 expm1 floor frac gelu
hardshrink hardtanh isfinite isinf isnan leaky_relu log log10 log1p log2 logical_not logit logsigmoid mish
nan_to_num neg reciprocal relu relu6 round rsqrt selu sigmoid silu sin sinh softplus softshrink softsign sqrt square
tan tanh tanhshrink trunc"""


@pytest.mark.parametrize("name", SINGLE.split())
def test_nan_and_infinities_give_what_pytorch_gives(name):
    ours, theirs = both(name)
    values = np.array([nan, inf, -inf, 0.0, -0.0, -1.0, 1.0])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(ours(tg.tensor(values)).numpy(), theirs(torch.tensor(values)).numpy(), rtol=1e-9)


PAIRED = ("atan2", "copysign", "floor_divide", "fmod", "hypot", "logaddexp", "pow", "remainder", "xlogy")


@pytest.mark.parametrize("name", PAIRED)
def test_nan_and_infinities_of_two_give_what_pytorch_gives(name):
    ours, theirs = both(name)
    values = np.array([nan, inf, -inf, 0.0, -1.5, 2.0])
    a, b = values[:, None], values[None]
    if name == "floor_divide":  # of infinities, PyTorch's is NaN, or -inf, or -1; Python's and NumPy's, NaN or -1
        a, b = np.array([-3.0, nan, 7.5])[:, None], values[3:][None]
    with np.errstate(all="ignore"):
        found, wanted = ours(tg.tensor(a), tg.tensor(b)).numpy(), theirs(torch.tensor(a), torch.tensor(b)).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


MEETINGS = [([5, -5], 3), ([5, -5], 2.5), ([5.5, -5.5], 3), ([5, -5], [3, -2]), ([5.0, -5.0], [3, 2])]


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod", "add", "sub", "mul", "div"])
@pytest.mark.parametrize(("a", "b"), MEETINGS)
def test_types_of_results_are_pytorchs(name, a, b):
    ours, theirs = both(name)
    found = ours(tg.tensor(a), tg.tensor(b) if isinstance(b, list) else b).numpy()
    wanted = theirs(torch.tensor(a), torch.tensor(b) if isinstance(b, list) else b).numpy()
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("name", ["exp", "sqrt", "sin", "erf", "sigmoid", "log2", "rsqrt", "reciprocal", "atan"])
def test_functions_of_integers_are_float32(name):
    ours, theirs = both(name)
    found, wanted = ours(tg.tensor([1, 4])).numpy(), theirs(torch.tensor([1, 4])).numpy()
    assert found.dtype == wanted.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round", "abs", "sign", "neg", "square"])
def test_functions_of_integers_that_stay_integers(name):
    assert both(name)[0](tg.tensor([1, -4])).dtype == tg.int64


def test_logit_of_booleans_and_small_integers():
    for values in ([True, False], np.array([0, 1], np.uint8)):
        with np.errstate(divide="ignore"):
            found, wanted = tg.logit(tg.tensor(values)).numpy(), torch.logit(torch.tensor(values)).numpy()
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


def test_powers_of_0_have_the_derivative_that_pytorch_gives_them():
    exponents, gradients = [-1.0, 0.0, 2.0], []
    for package in (tg, torch):
        x = package.tensor(exponents, requires_grad=True)
        with np.errstate(divide="ignore"):
            for base in (0.0, package.zeros(3)):
                (base**x).sum().backward()
        gradients.append(x.grad.numpy())
    np.testing.assert_array_equal(*gradients)


def test_clamp_of_integers():
    for bounds in [{"min": 2}, {"max": 2.5}, {"min": 0, "max": 3}]:
        found, wanted = tg.tensor([1, 5]).clamp(**bounds).numpy(), torch.tensor([1, 5]).clamp(**bounds).numpy()
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_softmax_converts_first(name):
    ours, theirs = getattr(F, name), getattr(torch.nn.functional, name)
    found = ours(tg.tensor([1, 2]), 0, dtype=tg.float64).numpy()
    wanted = theirs(torch.tensor([1.0, 2.0]), 0, dtype=torch.float64).numpy()
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("write", ["abs_", "clamp_", "exp_", "floor_", "neg_", "pow_", "round_", "sqrt_"])
def test_writing_in_place_gives_what_pytorch_gives(write):
    values = np.array([0.3, 1.6], np.float32)
    arguments = {"clamp_": (0.5, 1.0), "pow_": (3,)}.get(write, ())
    ours = tg.tensor(values, requires_grad=True)
    with tg.no_grad():
        assert getattr(ours, write)(*arguments) is ours
    np.testing.assert_allclose(ours.detach().numpy(), getattr(torch.tensor(values), write)(*arguments), rtol=1e-6)
    assert ours.is_leaf
    with pytest.raises(RuntimeError, match=f"{write}: a leaf that requires a gradient is written in place"):
        getattr(ours, write)(*arguments)


def test_writing_in_place_what_requires_a_gradient_is_recorded():
    bound = tg.tensor([1.0], requires_grad=True)
    written = tg.tensor([1.5]).clamp_(max=bound)
    (gradient,) = tg.autograd.grad(written.sum(), bound)
    assert gradient.item() == 1.0
