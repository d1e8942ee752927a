"""Creation and conversion give PyTorch's values and types, and memory is shared with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")

CALLS = [
    "p.arange(5)",
    "p.arange(0, 1, 0.1)",
    "p.arange(start=1, end=7, step=2)",
    "p.arange(2.0)",
    "p.arange(5, 0, -2)",
    "p.arange(0, 3.1, dtype=p.int64)",
    "p.linspace(-3, 5, 7)",
    "p.linspace(4.3, -3, 5, dtype=p.int64)",
    "p.linspace(0, 10, 5, dtype=p.int64)",
    "p.logspace(-2, 2, 5)",
    "p.logspace(0, 1.9, 2, dtype=p.int64)",
    "p.logspace(0, 4, 3, base=2.0, dtype=p.float64)",
    "p.full((2, 3), 4)",
    "p.full((2,), True)",
    "p.full((), 2.5)",
    "p.eye(3, 2)",
    "p.tril_indices(3, 4, -1)",
    "p.tril_indices(2, 2, dtype=p.int32)",
    "p.triu_indices(3, 2, offset=1)",
    "p.full_like(p.ones(2, dtype=p.float64), 3)",
    "p.ones(2, dtype=p.int64).new_ones(3)",
    "p.ones(2).new_tensor([1, 2])",
    "p.ones(2).new_full((2,), 3)",
    "p.tensor([1.7, -1.7]).int()",
    "p.tensor([3, 0]).half()",
    "p.tensor([1, 0]).bool()",
    "p.tensor([1.5]).to(p.tensor([1]))",
]


@pytest.mark.parametrize("call", CALLS)
def test_the_same_values_and_types(call: str) -> None:
    ours, theirs = (eval(call, {"p": package}) for package in (tg, torch))
    assert ours.numpy().dtype == theirs.numpy().dtype
    assert ours.shape == tuple(theirs.shape)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_dlpack_shares_memory_with_torch_both_ways(dtype: str) -> None:
    theirs = torch.zeros(2, 3, dtype=getattr(torch, dtype)).T
    ours = tg.from_dlpack(theirs)
    assert (ours.shape, ours.dtype) == ((3, 2), getattr(tg, dtype))
    theirs[2, 1] = 5
    assert ours[2, 1].item() == 5
    mine = tg.zeros(2, 3, dtype=getattr(tg, dtype))
    peer = torch.from_dlpack(mine)
    mine.fill_(7)
    assert peer.tolist() == [[7] * 3] * 2


def test_what_requires_a_gradient_is_not_shared() -> None:
    for make, take in [(tg, torch), (torch, tg)]:
        with pytest.raises((BufferError, RuntimeError), match="gradient"):
            take.from_dlpack(make.ones(2, requires_grad=True))


def test_multinomial_and_bernoulli_refuse_and_shape_alike() -> None:
    weights: Any = [[0.1, 0.9], [0.5, 0.5]]
    for package in (tg, torch):
        assert tuple(package.multinomial(package.tensor(weights), 2).shape) == (2, 2)
        assert package.bernoulli(package.tensor(weights)).dtype == package.float32
        assert package.randint(3, (2,)).dtype == package.int64
        assert tuple(package.normal(0.0, 1.0, (2, 3)).shape) == (2, 3)
        with pytest.raises((RuntimeError, ValueError)):
            package.multinomial(package.tensor(weights), 3)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_dlpack_with_jax_and_numpy(dtype: Any) -> None:
    jax = pytest.importorskip("jax")
    array = np.arange(6, dtype=dtype).reshape(2, 3)
    theirs = tg.from_dlpack(jax.numpy.asarray(array))
    assert theirs.dtype == dtype
    np.testing.assert_array_equal(theirs.numpy(), array)
    np.testing.assert_array_equal(np.asarray(jax.dlpack.from_dlpack(tg.tensor(array))), array)
    assert np.shares_memory(tg.from_dlpack(array).array, array)
    mine = tg.tensor(array)
    assert np.shares_memory(np.from_dlpack(mine), mine.array)


NESTED = [1.5, True, [1, 2.5], [[True], [False]], [np.float32(1.5), 2], np.int16(3), [], [[]]]


@pytest.mark.parametrize("data", NESTED, ids=repr)
def test_tensor_infers_the_type(data: Any) -> None:
    ours, theirs = tg.tensor(data), torch.tensor(data)
    assert str(theirs.dtype).removeprefix("torch.") == str(ours.dtype)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
