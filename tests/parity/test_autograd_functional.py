"""Functions of functions, and a Function of a user's own, give what PyTorch's give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")
x, y = (np.random.default_rng(seed).uniform(0.5, 2, (2, 3)) for seed in (0, 1))
CALLS = {
    "vjp": lambda f, t: f.vjp(lambda x, y: (x * y.exp(), x.sum()), (t(x), t(y)), (t(y), t(2.0))),
    "jvp": lambda f, t: f.jvp(lambda x, y: (x * y.exp(), x.sum()), (t(x), t(y)), (t(y), t(x))),
    "jacobian": lambda f, t: f.jacobian(lambda x, y: (x * y.exp(), x.sum()), (t(x), t(y))),
    "hessian": lambda f, t: f.hessian(lambda x, y: (x**3 * y.exp()).sum(), (t(x), t(y))),
    "hvp": lambda f, t: f.hvp(lambda x, y: (x**3 * y.exp()).sum(), (t(x), t(y)), (t(y), t(x))),
    "vhp": lambda f, t: f.vhp(lambda x: (x**3).sum(), t(x), t(y)),
}


def flat(results: Any) -> list[Any]:
    return [a for r in results for a in flat(r)] if isinstance(results, tuple) else [results.numpy()]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_same_numbers_in_the_same_form(call: Any) -> None:
    ours = flat(call(tg.autograd.functional, lambda a: tg.tensor(a, dtype=tg.float64)))
    theirs = flat(call(torch.autograd.functional, lambda a: torch.tensor(a, dtype=torch.float64)))
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-10)


@pytest.mark.parametrize("package", [tg, torch], ids=["ours", "theirs"])
def test_one_class_text_serves_both(package: Any) -> None:
    class Square(package.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, scale: float) -> Any:
            ctx.save_for_backward(x)
            ctx.scale = scale
            return scale * x * x, x > 1

        @staticmethod
        def backward(ctx: Any, grad: Any, _: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * ctx.scale * grad * x, None

    t = package.tensor([1.0, 2.0], dtype=package.float64, requires_grad=True)
    assert package.autograd.gradcheck(lambda t: Square.apply(t, 3.0)[0], (t,)) if package is torch else True
    (slope,) = package.autograd.grad(Square.apply(t, 3.0)[0].sum(), t, create_graph=True)
    (curve,) = package.autograd.grad(slope.sum(), t)
    assert (slope.tolist(), curve.tolist()) == ([6.0, 12.0], [6.0, 6.0])
