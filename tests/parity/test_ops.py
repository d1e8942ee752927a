"""Every case of the registry that PyTorch has too: the same value, gradient and second derivative, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import zip_longest
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.cases import CASES, OpCase, Sample

torch = pytest.importorskip("torch")
every_case = pytest.mark.parametrize("case", [c for c in CASES if c.torch is not None], ids=lambda c: c.name)


def theirs(case: OpCase, sample: Sample, tensors: Sequence[Any]) -> Any:
    """Call PyTorch's function as the case calls ours."""
    arguments = {
        name: torch.tensor(value) if isinstance(value, np.ndarray) else value
        for name, value in sample.arguments.items()
    }
    if callable(case.torch):
        return case.torch(torch, *tensors, **arguments)
    return reduce(getattr, case.torch.split("."), torch)(*tensors, **arguments)


def derivatives(
    out: Any, sources: Sequence[Any], grad: Callable[..., Any], tensor: Callable[..., Any]
) -> list[Any]:
    """Return the gradients of a random projection of a result, and the gradients of a projection of those."""
    rng = np.random.default_rng(0)
    if not out.requires_grad:
        return []
    seed = tensor(rng.standard_normal(tuple(out.shape)))
    first = grad(out, sources, seed, create_graph=True, allow_unused=True)
    projected = sum((g * tensor(rng.standard_normal(tuple(g.shape)))).sum() for g in first if g is not None)
    if not projected.requires_grad:
        return [*first]
    return [*first, *grad(projected, sources, allow_unused=True)]


def assert_same(ours: Any, theirs: Any) -> None:
    """Equal to float64 rounding; no gradient is as good as zeros."""
    a = np.zeros(1) if ours is None else ours.detach().numpy()
    b = np.zeros(1) if theirs is None else theirs.numpy(force=True)
    assert ours is None or theirs is None or a.shape == b.shape
    np.testing.assert_allclose(*np.broadcast_arrays(a, b), rtol=1e-8, atol=1e-9)


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")  # PyTorch's, of its own speed
@every_case
@given(data=st.data())
def test_same_value_and_derivatives(case: OpCase, data: st.DataObject) -> None:
    sample = data.draw(case.samples)
    ours = [tg.tensor(a, requires_grad=case.differentiable) for a in sample.inputs]
    peers = [torch.tensor(a, requires_grad=case.differentiable) for a in sample.inputs]
    out, expected = case.function(*ours, **sample.arguments), theirs(case, sample, peers)
    assert_same(out, expected)
    if case.differentiable:
        found = derivatives(out, ours, tg.autograd.grad, tg.tensor)
        wanted = derivatives(expected, peers, torch.autograd.grad, torch.tensor)
        for mine, other in zip_longest(found, wanted):  # a derivative that one of the two lacks is one of zeros
            assert_same(mine, other)


def shares(package: Any, result: Any, given: Any) -> bool:
    """Whether a result, or one of several, shows the memory of an input."""
    if isinstance(result, (tuple, list)):
        return any(shares(package, part, given) for part in result)
    if not isinstance(result, package.Tensor) or not given.numel() or not result.numel():
        return False
    if package is tg:
        return np.shares_memory(result.array, given.array)
    return result.untyped_storage().data_ptr() == given.untyped_storage().data_ptr()


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@every_case
@given(data=st.data())
def test_same_memory_is_shared(case: OpCase, data: st.DataObject) -> None:
    """What is a view in PyTorch is a view here, and what is a copy there is a copy here."""
    sample = data.draw(case.samples)
    ours, peers = ([p.tensor(a.copy()) for a in sample.inputs] for p in (tg, torch))
    out, expected = case.function(*ours, **sample.arguments), theirs(case, sample, peers)
    for mine, other in zip(ours, peers, strict=True):
        assert shares(tg, out, mine) == shares(torch, expected, other)
