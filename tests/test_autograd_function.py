"""Operations of a user's own: recorded, differentiated to second order, and refused when they are wrong."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import Function


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(values, dtype=tg.float64, requires_grad=True)


class Exp(Function):
    @staticmethod
    def forward(ctx: Any, x: tg.Tensor) -> tg.Tensor:
        out = x.exp()
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: tg.Tensor) -> tg.Tensor:
        (out,) = ctx.saved_tensors
        return grad * out


class Power(Function):
    """x to a whole number n, times y: a constant that is no tensor, and an input that is used twice."""

    @staticmethod
    def forward(ctx: Any, x: tg.Tensor, n: int, y: tg.Tensor) -> tg.Tensor:
        ctx.save_for_backward(x, y)
        ctx.n = n
        return x**n * y

    @staticmethod
    def backward(ctx: Any, grad: tg.Tensor) -> tuple[Any, ...]:
        x, y = ctx.saved_tensors
        by_x = grad * ctx.n * x ** (ctx.n - 1) * y if ctx.needs_input_grad[0] else None
        return by_x, None, grad * x**ctx.n if ctx.needs_input_grad[2] else None


class Polar(Function):
    """Two results of two inputs, one of them saved, and a third result that has no gradient."""

    @staticmethod
    def forward(ctx: Any, r: tg.Tensor, angle: tg.Tensor) -> tuple[tg.Tensor, ...]:
        x, y = r * angle.cos(), (r * angle.sin()).sum()
        right = x > 0
        ctx.save_for_backward(r, angle, x)
        ctx.mark_non_differentiable(right)
        return x, y, right

    @staticmethod
    def backward(ctx: Any, gx: tg.Tensor, gy: tg.Tensor, gright: tg.Tensor) -> tuple[tg.Tensor, ...]:
        assert gright.dtype == tg.bool_
        assert not gright.any()
        r, angle, x = ctx.saved_tensors
        return gx * angle.cos() + gy * angle.sin(), gy * x - gx * r * angle.sin()


@pytest.mark.parametrize(
    ("call", "inputs"),
    [
        (Exp.apply, (leaf(0.5, -1.0),)),
        (lambda x, y: Power.apply(x, 3, y), (leaf(0.5, -1.0), leaf(2.0, 3.0))),
        (lambda x: Power.apply(x, 2, x), (leaf(0.5, -1.0),)),
        (lambda r, a: Polar.apply(r, a)[:2], (leaf(1.0, 2.0), leaf(0.3, -0.7))),
        (lambda r, a: Polar.apply(r, a)[1], (leaf(1.0, 2.0), leaf(0.3, -0.7))),
        (lambda x: Exp.apply(Exp.apply(x).sin()) * x, (leaf(0.5, -1.0),)),
    ],
    ids=["saved result", "constant", "input twice", "two results", "one of them", "chained"],
)
def test_first_and_second_derivatives_are_those_of_finite_differences(call: Any, inputs: Any) -> None:
    tg.manual_seed(0)
    assert tg.gradcheck(call, inputs)
    assert tg.gradgradcheck(call, inputs)


def test_gradcheck_catches_a_wrong_backward() -> None:
    class Wrong(Exp):
        @staticmethod
        def backward(ctx: Any, grad: tg.Tensor) -> tg.Tensor:
            return grad * ctx.saved_tensors[0] * 1.01

    with pytest.raises(tg.GradcheckError):
        tg.gradcheck(Wrong.apply, leaf(0.5))


def test_results_remember_who_made_them_unless_nothing_is_recorded() -> None:
    x = leaf(1.0)
    assert repr(Exp.apply(x).grad_fn) == "<Exp>"
    assert Exp.apply(x.detach()).grad_fn is None
    with tg.no_grad():
        assert Exp.apply(x).grad_fn is None


def test_integer_and_marked_results_have_no_gradient() -> None:
    x, y, right = Polar.apply(leaf(1.0, 2.0), leaf(0.3, 2.0))
    assert (x.requires_grad, y.requires_grad, right.requires_grad) == (True, True, False)
    assert right.tolist() == [True, False]


def test_backward_runs_once_for_all_inputs_and_records_nothing() -> None:
    calls = []

    class Product(Function):
        @staticmethod
        def forward(ctx: Any, a: tg.Tensor, b: tg.Tensor) -> tg.Tensor:
            assert not tg.is_grad_enabled()
            ctx.save_for_backward(a, b)
            return a * b

        @staticmethod
        def backward(ctx: Any, grad: tg.Tensor) -> tuple[tg.Tensor, tg.Tensor]:
            calls.append(tg.is_grad_enabled())
            a, b = ctx.saved_tensors
            return grad * b, grad * a

    a, b = leaf(2.0), leaf(3.0)
    out = Product.apply(a, b)
    out.backward(tg.ones(1, dtype=tg.float64), retain_graph=True)
    assert calls == [False]
    out.backward(tg.ones(1, dtype=tg.float64))
    assert (a.grad.tolist(), b.grad.tolist()) == ([6.0], [4.0])
    assert calls == [False, False]


def test_needs_input_grad_tells_which_gradients_are_wanted() -> None:
    seen = []

    class Spy(Power):
        @staticmethod
        def backward(ctx: Any, grad: tg.Tensor) -> tuple[Any, ...]:
            seen.append(ctx.needs_input_grad)
            return Power.backward(ctx, grad)

    y = leaf(2.0)
    Spy.apply(tg.ones(1, dtype=tg.float64), 2, y).backward()
    assert seen == [(False, False, True)]
    assert y.grad.tolist() == [1.0]


def test_a_gradient_that_is_given_twice_or_is_somebody_elses_is_not_added_to() -> None:
    class Sum(Function):
        @staticmethod
        def forward(ctx: Any, a: tg.Tensor, b: tg.Tensor) -> tg.Tensor:
            ctx.save_for_backward(a)
            return a + b

        @staticmethod
        def backward(ctx: Any, grad: tg.Tensor) -> tuple[tg.Tensor, tg.Tensor]:
            (a,) = ctx.saved_tensors
            return a, a

    a, b = leaf(1.0), leaf(2.0)
    (5 * a + 5 * b + Sum.apply(a, b)).sum().backward()
    assert (a.tolist(), a.grad.tolist(), b.grad.tolist()) == ([1.0], [6.0], [6.0])


@pytest.mark.parametrize("kind", ["bytes", "array", "view"])
def test_a_gradient_in_memory_of_the_users_is_copied(kind: str) -> None:
    """Else the second pass would add to the user's memory."""
    memory = bytearray(np.full(2, 3.0).tobytes())
    mine = np.full(2, 3.0)

    class Foreign(Exp):
        @staticmethod
        def backward(ctx: Any, grad: tg.Tensor) -> Any:
            given = {"bytes": lambda: np.frombuffer(memory), "array": lambda: mine, "view": lambda: mine[:]}[kind]()
            return tg.from_numpy(given)

    x = leaf(1.0, 2.0)
    for _ in range(3):
        Foreign.apply(x).sum().backward()
    assert x.grad.tolist() == [9.0, 9.0]
    assert np.frombuffer(memory).tolist() == mine.tolist() == [3.0, 3.0]


def test_none_is_no_gradient() -> None:
    class Constant(Exp):
        @staticmethod
        def backward(ctx: Any, grad: tg.Tensor) -> Any:
            return None

    x = leaf(1.0, 2.0)
    Constant.apply(x).sum().backward()
    assert x.grad is None
    (Constant.apply(x) + x).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_memory_falls_with_the_last_name() -> None:
    x = leaf(1.0)
    out = Polar.apply(Exp.apply(x), x)[0]
    kept = weakref.ref(out.grad_fn)
    gc.disable()
    try:
        del out
        assert kept() is None
    finally:
        gc.enable()


def test_a_saved_tensor_that_was_written_to_is_noticed() -> None:
    x = leaf(1.0)
    for name, spoil in [
        ("Power", lambda x, out: x.fill_(2.0)),
        ("Exp", lambda x, out: out.fill_(2.0)),
    ]:
        out = Power.apply(x, 2, x) if name == "Power" else Exp.apply(x)
        with tg.no_grad():
            spoil(x, out)
        with pytest.raises(RuntimeError, match=f"{name} needs a value that fill_ has since overwritten"):
            out.backward()
    out = Power.apply(x, 2, x)
    x.data = tg.zeros(1, dtype=tg.float64)
    with pytest.raises(RuntimeError, match=r"\.data of a saved tensor was assigned"):
        out.backward()


def test_the_gradient_that_comes_in_cannot_be_written_to() -> None:
    class Careless(Exp):
        @staticmethod
        def backward(ctx: Any, grad: tg.Tensor) -> tg.Tensor:
            return grad.mul_(2.0)

    with pytest.raises(ValueError, match=r"mul_: .*read-only"):
        Careless.apply(leaf(1.0)).backward()


def returning(gradients: Any) -> type[Function]:
    class Returning(Power):
        @staticmethod
        def backward(ctx: Any, grad: tg.Tensor) -> Any:
            return gradients(grad)

    return Returning


@pytest.mark.parametrize(
    ("gradients", "message"),
    [
        (lambda g: g, "Returning: backward returned 1 gradients; wanted 3, one for each argument"),
        (lambda g: (g, None, g, g), "backward returned 4 gradients; wanted 3"),
        (
            lambda g: (g, g, g),
            "backward returned Tensor for argument 1 of forward; wanted None, because it is not a tensor",
        ),
        (lambda g: (2.0, None, g), "backward returned float for argument 0 of forward; wanted a tensor or None"),
        (lambda g: (g, None, g[0]), r"a gradient of shape \(\) and type float64 for argument 2 .* wanted \(2,\)"),
        (lambda g: (g.long(), None, g), "of shape .* and type int64 for argument 0 .* and float64"),
    ],
)
def test_wrong_gradients_are_refused(gradients: Any, message: str) -> None:
    out = returning(gradients).apply(leaf(1.0, 2.0), 2, leaf(1.0, 2.0))
    with pytest.raises(RuntimeError, match=message):
        out.sum().backward()


def test_surplus_gradients_that_are_none_are_ignored() -> None:
    x = leaf(1.0)
    returning(lambda g: (g, None, g, None, None)).apply(x, 2, leaf(1.0)).backward()
    assert x.grad.tolist() == [1.0]


def test_forward_must_return_tensors_and_save_tensors() -> None:
    class Number(Exp):
        @staticmethod
        def forward(ctx: Any, x: tg.Tensor) -> Any:
            return 1.0

    class Saves(Exp):
        @staticmethod
        def forward(ctx: Any, x: tg.Tensor) -> Any:
            ctx.save_for_backward(x, 2)
            return x

    with pytest.raises(TypeError, match=r"Number: forward returned \(float\); wanted a tensor or a tuple"):
        Number.apply(leaf(1.0))
    with pytest.raises(TypeError, match="save_for_backward: wanted tensors, got int; set an attribute"):
        Saves.apply(leaf(1.0))
    with pytest.raises(NotImplementedError, match=r"forward\(ctx, ...\)"):
        Function.apply(leaf(1.0))


def test_an_input_may_be_the_result() -> None:
    class Same(Function):
        @staticmethod
        def forward(ctx: Any, x: tg.Tensor) -> tg.Tensor:
            ctx.save_for_backward(x)
            return x

        @staticmethod
        def backward(ctx: Any, grad: tg.Tensor) -> tg.Tensor:
            return 2 * grad

    x = leaf(1.0)
    out = Same.apply(x)
    assert out is not x
    out.backward()
    assert x.grad.tolist() == [2.0]
    np.testing.assert_array_equal(x.array, [1.0])


def test_a_gradient_that_was_not_asked_for_is_not_kept_for_the_next_pass() -> None:
    class Product(Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a * b

        @staticmethod
        def backward(ctx, grad):
            a, b = ctx.saved_tensors
            return grad * b, grad * a

    a, b = tg.tensor(2.0, requires_grad=True), tg.tensor(5.0, requires_grad=True)
    product = Product.apply(a, b)
    assert tg.autograd.grad(product, a, retain_graph=True)[0].item() == 5
    assert tg.autograd.grad(product, b, tg.tensor(3.0))[0].item() == 6
