"""Functions of functions: what they give is what calculus says, and has the form of what it is of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import functional

hessian, hvp, jacobian = functional.hessian, functional.hvp, functional.jacobian
jvp, vhp, vjp = functional.jvp, functional.vhp, functional.vjp
close = {"rtol": 1e-10, "atol": 1e-12}


def draw(seed: int, *shape: int) -> tg.Tensor:
    return tg.tensor(np.random.default_rng(seed).uniform(0.5, 2, shape))


def two(x: tg.Tensor, y: tg.Tensor) -> tuple[tg.Tensor, tg.Tensor]:
    """Two results, of shapes (2, 3) and (), of inputs of shapes (2, 1) and (3,)."""
    return x * y.exp(), (x * x).sum() * y[0]


def energy(x: tg.Tensor, y: tg.Tensor) -> tg.Tensor:
    return (x * x * y).sum() + (x.sin() * y**3).sum()


seeds = st.integers(0, 2**20)


@given(seeds)
def test_the_products_are_those_of_the_jacobian(seed: int) -> None:
    inputs = draw(seed, 2, 1), draw(seed + 1, 3)
    outputs = two(*inputs)
    rows = jacobian(two, inputs)
    u = tuple(draw(seed + 2 + i, *o.shape) for i, o in enumerate(outputs))
    v = tuple(draw(seed + 4 + i, *x.shape) for i, x in enumerate(inputs))
    value, back = vjp(two, inputs, u)
    for found, expected in zip(value, outputs, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
    for i, found in enumerate(back):
        expected = sum(np.tensordot(u[o].numpy(), rows[o][i].numpy(), outputs[o].ndim) for o in range(len(outputs)))
        np.testing.assert_allclose(found.numpy(), expected, **close)
    for o, found in enumerate(jvp(two, inputs, v)[1]):
        expected = sum(np.tensordot(rows[o][i].numpy(), v[i].numpy(), inputs[i].ndim) for i in range(len(inputs)))
        np.testing.assert_allclose(found.numpy(), expected, **close)


def test_a_jacobian_that_is_known() -> None:
    x, y = draw(0, 2, 1), draw(1, 3)
    (by_x, by_y), (sum_by_x, sum_by_y) = jacobian(two, (x, y))
    assert [t.shape for t in (by_x, by_y, sum_by_x, sum_by_y)] == [(2, 3, 2, 1), (2, 3, 3), (2, 1), (3,)]
    exp, a = np.exp(y.numpy()), x.numpy()[:, 0]
    np.testing.assert_allclose(by_x.numpy()[..., 0], np.einsum("j,ik->ijk", exp, np.eye(2)), **close)
    np.testing.assert_allclose(by_y.numpy(), np.einsum("i,j,jk->ijk", a, exp, np.eye(3)), **close)
    np.testing.assert_allclose(sum_by_x.numpy()[:, 0], 2 * a * y.numpy()[0], **close)
    np.testing.assert_allclose(sum_by_y.numpy(), [np.sum(a * a), 0, 0], **close)


@given(seeds)
def test_a_hessian_is_symmetric_and_known_and_its_products_are_its_products(seed: int) -> None:
    x, y, u, v = (draw(seed + i, 2) for i in range(4))
    (xx, xy), (yx, yy) = ((t.numpy() for t in row) for row in hessian(energy, (x, y)))
    a, b = x.numpy(), y.numpy()
    np.testing.assert_allclose(xx, np.diag(2 * b - np.sin(a) * b**3), **close)
    np.testing.assert_allclose(xy, np.diag(2 * a + np.cos(a) * 3 * b**2), **close)
    np.testing.assert_allclose(yx, xy.T, **close)
    np.testing.assert_allclose(yy, np.diag(np.sin(a) * 6 * b), **close)
    for product in (hvp, vhp):
        value, (by_x, by_y) = product(energy, (x, y), (u, v))
        assert value.item() == energy(x, y).item()
        np.testing.assert_allclose(by_x.numpy(), xx @ u.numpy() + xy @ v.numpy(), **close)
        np.testing.assert_allclose(by_y.numpy(), yx @ u.numpy() + yy @ v.numpy(), **close)


def test_one_tensor_in_one_tensor_out() -> None:
    x = tg.tensor([1.0, 2.0])
    assert jacobian(tg.exp, x).shape == (2, 2)
    assert vjp(tg.exp, x, tg.ones(2))[1].shape == jvp(tg.exp, x, tg.ones(2))[1].shape == (2,)
    assert hessian(lambda x: x.exp().sum(0, keepdim=True), x).shape == (2, 2)
    assert jacobian(tg.exp, (x,))[0].shape == (2, 2)


def test_v_may_be_left_out_for_one_element() -> None:
    x = tg.tensor([3.0])
    assert vjp(lambda x: (x * x).sum(), x)[1].tolist() == [6.0]
    assert jvp(lambda x: x * tg.tensor([1.0, 2.0]), x)[1].tolist() == [1.0, 2.0]
    assert hvp(lambda x: (x**3).sum(), x)[1].tolist() == [18.0]


def test_what_does_not_depend_has_derivative_0_or_strictly_an_error() -> None:
    x, y = tg.ones(2), tg.ones(3)
    first = lambda x, y: x * 2  # noqa: E731
    constant = lambda x, y: tg.ones(2)  # noqa: E731
    for function in (first, constant):
        assert jacobian(function, (x, y))[1].tolist() == np.zeros((2, 3)).tolist()
        assert vjp(function, (x, y), x)[1][1].tolist() == [0.0] * 3
        with pytest.raises(RuntimeError, match=r"jacobian: a result .* independent .*strict forbids"):
            jacobian(function, (x, y), strict=True)
    with pytest.raises(RuntimeError, match="vjp: a result of func is independent"):
        vjp(lambda x: (x * 2, tg.ones(1)), x, (x, tg.ones(1)), strict=True)
    assert jvp(constant, (x, y), (x, y))[1].tolist() == [0.0, 0.0]
    assert hessian(lambda x: (x * 3).sum(), x).tolist() == [[0.0, 0.0]] * 2
    with pytest.raises(RuntimeError, match="vhp: a derivative is independent of input 0"):
        vhp(lambda x: (x * 3).sum(), x, x, strict=True)


def test_results_are_recorded_only_for_create_graph() -> None:
    x = draw(0, 2).requires_grad_()
    calls: list[Any] = [
        lambda **kw: vjp(tg.exp, x, draw(1, 2), **kw),
        lambda **kw: jvp(tg.exp, x, draw(1, 2), **kw),
        lambda **kw: (jacobian(tg.exp, x, **kw),),
        lambda **kw: (hessian(lambda x: x.exp().sum(), x, **kw),),
        lambda **kw: vhp(lambda x: x.exp().sum(), x, draw(1, 2), **kw),
    ]
    for call in calls:
        assert not any(t.requires_grad for t in call())
        tg.gradcheck(lambda x, call=call: call(create_graph=True), x)
    assert x.grad is None


def test_functions_of_functions_work_under_no_grad() -> None:
    with tg.no_grad():
        assert jacobian(tg.exp, tg.zeros(1)).tolist() == [[1.0]]
        assert hessian(lambda x: x.exp().sum(), tg.zeros(1)).tolist() == [[1.0]]


def test_empty_results_have_empty_jacobians() -> None:
    assert jacobian(lambda x: x[:0], tg.ones(2)).shape == (0, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: vjp(tg.exp, tg.ones(2)),
            RuntimeError,
            "vjp: v is optional only if the outputs",
        ),
        (lambda: jvp(tg.exp, tg.ones(2), tg.ones(3)), RuntimeError, r"jvp: v has the shapes \[\(3,\)\]; wanted"),
        (lambda: jacobian(tg.exp, 2.0), TypeError, "jacobian: wanted a tensor or a tuple .* as inputs, got float"),
        (lambda: jacobian(lambda x: 2.0, tg.ones(2)), TypeError, "as result of func, got float"),
        (lambda: hessian(tg.exp, tg.ones(2)), RuntimeError, r"hessian: wanted a tensor of one .* shape \(2,\)"),
    ],
)
def test_bad_calls_say_what_is_wrong(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
