"""The checker of derivatives refuses what is wrong or changes between passes, and leaves inputs as they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import Function


class Square(Function):
    """x^2, whose derivative is wrong by a share, and by some more with each backward pass."""

    share, drift, passes = 0.0, 0.0, 0

    @staticmethod
    def forward(ctx: Any, x: tg.Tensor) -> tg.Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: tg.Tensor) -> tg.Tensor:
        Square.passes += 1
        (x,) = ctx.saved_tensors
        return 2 * x * grad * (1 + Square.share + Square.drift * Square.passes)


def check(**options: Any) -> bool:
    x = tg.tensor([0.1, -0.2], dtype=tg.float64, requires_grad=True)
    return tg.gradcheck(Square.apply, x, **options)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_a_derivative_that_is_wrong_by_a_hundredth_is_refused(
    monkeypatch: pytest.MonkeyPatch, fast_mode: bool
) -> None:
    assert check(fast_mode=fast_mode)
    monkeypatch.setattr(Square, "share", 0.01)
    with pytest.raises(tg.GradcheckError):
        check(fast_mode=fast_mode)
    assert not check(fast_mode=fast_mode, raise_exception=False)


def test_a_derivative_that_changes_from_pass_to_pass_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Square, "drift", 1e-7)
    with pytest.raises(tg.GradcheckError, match="differ"):
        check()
    assert check(nondet_tol=1e-3)


def test_the_inputs_are_afterwards_as_they_were() -> None:
    values = np.random.default_rng(0).standard_normal(5)
    x = tg.tensor(values, requires_grad=True)
    tg.gradcheck(Square.apply, x)
    tg.gradgradcheck(Square.apply, x)
    np.testing.assert_array_equal(x.detach().numpy(), values)


def test_inputs_may_be_results() -> None:
    x = tg.ones(2, dtype=tg.float64, requires_grad=True).clone()
    assert tg.autograd.gradcheck(lambda t: t**3, x)
    assert tg.autograd.gradgradcheck(lambda t: t**3, x)
    assert x.tolist() == [1, 1]
