"""NumPy's names of arguments, ``size=``, ``out=`` and tensors as integers, wherever PyTorch takes them."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")

TAKEN = """
x.sum(axis=0, keepdims=True)
x.sum(dim=torch.tensor(0))
x.sum(torch.tensor(0))
x.sum(dim=(torch.tensor(0),))
x.sum(dim=torch.tensor([0]))
x.max(axis=1).indices
x.argmax(axis=1)
x.std(axis=0)
x.mean(axis=(0, 1))
x.softmax(axis=1)
x.log_softmax(axis=-1)
x.cumsum(axis=1)
x.cumsum(torch.tensor(0))
x.squeeze(axis=0)
x.unsqueeze(axis=0)
x.unsqueeze(torch.tensor(0))
x.transpose(torch.tensor(0), torch.tensor(1))
x.narrow(axis=0, start=0, length=1)
x.narrow(0, torch.tensor(0), 1)
x.index_select(axis=0, index=torch.tensor([0]))
x.repeat(torch.tensor(2), 1)
x.view(torch.tensor(3), 2)
x.reshape(shape=(3, 2))
x.expand(size=(2, 3))
x.roll(torch.tensor(1), 0)
x.split(torch.tensor(1))[0]
x.chunk(torch.tensor(2))[1]
x.flatten(torch.tensor(0))
x.topk(torch.tensor(1)).values
x.add(x2=x)
x.new_zeros(size=(2,), device="cpu", requires_grad=True)
x.new_full((2,), 3, device="cpu")
torch.sum(a=x)
torch.sum(x=x, axis=1)
torch.exp(x=x)
torch.mul(x1=x, x2=x)
torch.matmul(x1=x, x2=x.T)
torch.where(x > 0, x, other=x)
torch.cat((x, x), axis=1)
torch.cat([x, x], torch.tensor(0))
torch.stack((x, x), axis=1)
torch.unbind(x, axis=0)[0]
torch.gather(x, axis=1, index=torch.tensor([[0]]))
torch.take_along_dim(x, torch.tensor([[0]]), axis=1)
torch.count_nonzero(x, axis=0)
torch.logsumexp(x, axis=1)
torch.var_mean(x, axis=0)[0]
torch.amax(x, axis=0)
torch.linalg.norm(x, axis=0, keepdims=True)
torch.zeros(size=(2,))
torch.zeros(torch.tensor(3))
torch.zeros((torch.tensor(3), 2))
torch.full(size=(2,), fill_value=1.0)
torch.empty(size=(2, 2)).shape[0]
torch.rand(size=(2,)).shape[0]
torch.randn(size=(2,)).shape[0]
torch.randint(high=1, size=(2,))
torch.randint(low=1, high=2, size=(2,))
torch.randint(1, size=(2,))
torch.randperm(torch.tensor(1))
torch.randperm(1, dtype=torch.float32, requires_grad=True)
torch.normal(0.0, 0.0, (2,), dtype=torch.float64, requires_grad=True)
torch.normal(mean=0.0, std=0.0, size=(2,))
torch.eye(torch.tensor(2))
torch.linspace(0, 1, torch.tensor(3))
torch.arange(torch.tensor(3))
torch.arange(end=3)
torch.nn.functional.one_hot(torch.tensor([1]), torch.tensor(3))
torch.nn.functional.max_pool2d(x[None], torch.tensor(2))
torch.add(x, 1, out=torch.zeros(2, 3))
torch.add(x, 1, out=torch.zeros(2, 3, dtype=torch.float64))
torch.add(x, 1, out=torch.zeros(0))
torch.sum(x, axis=0, out=torch.zeros(3))
torch.eq(x, 1, out=torch.zeros(2, 3))
torch.max(x, 0, out=(torch.zeros(3), torch.zeros(3).long())).values
torch.arange(3, out=torch.zeros(3))
torch.zeros(2, out=torch.ones(2).long())
torch.linalg.inv(torch.eye(2), out=torch.zeros(2, 2))
""".strip().splitlines()

REFUSED = """
x.sum(dim=True)
x.sum(dim=0.0)
x.sum(out=torch.zeros(()))
x.sum(axes=0)
x.sum(0, axis=0)
torch.reshape(x, axis=0)
torch.add(x, 1, out=torch.zeros(2, 3).long())
torch.add(x, 1, out=3)
torch.max(x, 0, out=torch.zeros(3))
torch.add(x.requires_grad_(), 1, out=torch.zeros(2, 3))
torch.add(x, 1, out=torch.zeros(2, 3, requires_grad=True))
torch.randint(size=(2,))
""".strip().splitlines()


def outcome(code: str, package: Any) -> Any:
    x = package.tensor([[1.0, 4.0, 2.0], [3.0, 0.5, 1.0]])
    return eval(code, {"torch": package, "x": x})


@pytest.mark.parametrize("code", TAKEN)
def test_arguments_are_taken_as_pytorch_takes_them(code: str) -> None:
    ours, theirs = outcome(code, tg), outcome(code, torch)
    if not isinstance(theirs, torch.Tensor):
        assert ours == theirs
        return
    assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
    assert ours.requires_grad == theirs.requires_grad
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize("code", REFUSED)
def test_arguments_are_refused_as_pytorch_refuses_them(code: str) -> None:
    for package in (tg, torch):
        with pytest.raises((TypeError, RuntimeError, ValueError)):
            outcome(code, package)


def test_out_of_another_shape_is_refused_and_not_changed() -> None:
    """PyTorch resizes it, with a warning that it will not in future."""
    out = tg.zeros(3)
    with pytest.raises(RuntimeError, match=r"add: out has shape \(3,\), the result \(2,\)"):
        tg.add(tg.ones(2), 1, out=out)
    assert out.tolist() == [0, 0, 0]


def test_out_is_the_tensor_itself_and_counts_as_written() -> None:
    x = tg.ones(2, requires_grad=True)
    factor = tg.full((2,), 3.0)
    y = x * factor
    assert tg.zeros(2, out=factor) is factor
    with pytest.raises(RuntimeError, match="mul"):
        y.sum().backward()


def test_every_function_and_method_with_a_dim_takes_axis() -> None:
    """One mechanism serves all: what a wrapper wraps has the parameter, so it takes the name."""
    lacking = [
        name
        for place in (tg, *tg.Tensor.__mro__, tg.linalg)
        for name, value in vars(place).items()
        if inspect.isfunction(value) and "dim" in inspect.signature(value).parameters and name[0] != "_"
        if not hasattr(value, "__wrapped__") and name in getattr(place, "__all__", [name])
    ]
    assert lacking == ["size", "stride"]  # as in PyTorch
