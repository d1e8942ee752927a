"""PyTorch's own samples of optimizers: each takes the same six steps, and is printed in the same words."""

from __future__ import annotations

import sys
import unittest
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")

ABSENT = {"SparseAdam"}


def samples() -> list[Any]:
    """Return (name, description, options) of all samples."""
    sys.modules.setdefault("expecttest", stand_in := ModuleType("expecttest"))
    stand_in.TestCase = unittest.TestCase  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_optimizers import optim_db
    return [
        pytest.param(info.optim_cls.__name__, given.kwargs, id=f"{info.optim_cls.__name__}: {given.desc}")
        for info in optim_db
        for given in info.optim_inputs_func(device="cpu")
    ]


def ours_of(value: Any) -> Any:
    return tg.tensor(value.numpy()) if isinstance(value, torch.Tensor) else value


def run(library: Any, name: str, options: dict[str, Any]) -> tuple[list[float], list[np.ndarray], Any]:
    """Return the losses of six steps of a small network, its parameters, and the optimizer."""
    rng = np.random.default_rng(0)
    x = library.tensor(rng.standard_normal((6, 4)))
    params = [library.nn.Parameter(library.tensor(rng.standard_normal(shape))) for shape in ((5, 4), (3, 5))]
    optimizer = getattr(library.optim, name)(params, **options)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = ((x @ params[0].T).tanh() @ params[1].T).square().mean()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(6)]
    return losses, [p.detach().numpy() for p in params], optimizer


@pytest.fixture(autouse=True)
def in_float64(monkeypatch: pytest.MonkeyPatch) -> Any:
    """PyTorch's optimizers keep counts in the default type, and its Muon iterates in bfloat16."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor.clone())
    for library in (tg, torch):
        library.set_default_dtype(library.float64)
    yield
    for library in (tg, torch):
        library.set_default_dtype(library.float32)


@pytest.mark.parametrize(("name", "options"), samples())
def test_a_sample_takes_pytorchs_steps(name: str, options: dict[str, Any]) -> None:
    if name in ABSENT:
        assert not hasattr(tg.optim, name)
        return
    losses, params, ours = run(tg, name, {key: ours_of(value) for key, value in options.items()})
    wanted_losses, wanted_params, theirs = run(torch, name, options)
    exact = not any(isinstance(value, torch.Tensor) for value in options.values())  # samples of rates are float32
    np.testing.assert_allclose(losses, wanted_losses, rtol=1e-9 if exact else 1e-6)
    for p, wanted in zip(params, wanted_params, strict=True):
        np.testing.assert_allclose(p, wanted, rtol=1e-8 if exact else 1e-5, atol=1e-10)
    assert repr(ours) == repr(theirs)
    state, wanted_state = ours.state_dict(), theirs.state_dict()
    assert [group.keys() for group in state["param_groups"]] == [g.keys() for g in wanted_state["param_groups"]]
    kept = {i: values.keys() - {"al"} for i, values in wanted_state["state"].items()}  # al: a scratch list of LBFGS
    assert {i: values.keys() for i, values in state["state"].items()} == kept
