"""Sums of float16, and of many float32, are as PyTorch has them, or nearer to the true value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")
rng = np.random.default_rng(0)

# Each is given a package, its functional module and a tensor (500, 12).
CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "sum": lambda m, F, x: x.sum(0),
    "mean": lambda m, F, x: x.mean((0, 1)),
    "var": lambda m, F, x: x.var(0),
    "std": lambda m, F, x: x.std(1),
    "norm": lambda m, F, x: x.norm(dim=0),
    "norm of order 3": lambda m, F, x: x.norm(3, dim=0),
    "nansum": lambda m, F, x: x.nansum(0),
    "cumsum": lambda m, F, x: x.cumsum(0),
    "cumprod": lambda m, F, x: (x / 4).cumprod(1),
    "prod": lambda m, F, x: (x / 4).prod(1),
    "softmax": lambda m, F, x: x.softmax(0),
    "log_softmax": lambda m, F, x: x.log_softmax(0),
    "logsumexp": lambda m, F, x: x.logsumexp(0),
    "logcumsumexp": lambda m, F, x: x.logcumsumexp(0),
    "layer_norm": lambda m, F, x: F.layer_norm(x, (12,)),
    "batch_norm": lambda m, F, x: F.batch_norm(x, None, None, training=True),
    "group_norm": lambda m, F, x: F.group_norm(x, 3),
    "rms_norm": lambda m, F, x: F.rms_norm(x, (12,)),
    "normalize": lambda m, F, x: F.normalize(x, dim=0),
    "avg_pool1d": lambda m, F, x: F.avg_pool1d(x[None], 5),
    "adaptive_avg_pool2d": lambda m, F, x: F.adaptive_avg_pool2d(x[None], (7, 5)),
    "mse_loss": lambda m, F, x: F.mse_loss(x, x * 0),
    "cosine_similarity": lambda m, F, x: F.cosine_similarity(x, x * x + 1, 0),
    "matmul": lambda m, F, x: x.T @ x,
    "einsum": lambda m, F, x: m.einsum("ij,ij->j", x, x),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_and_gradients_of_float16(name: str) -> None:
    """Either may round some intermediate results to float16: a few steps of it are allowed."""
    values = rng.integers(1, 9, (500, 12)).astype(np.float16)
    call, seed = CALLS[name], None
    found = []
    for module in (tg, torch):
        x = module.tensor(values, requires_grad=True)
        out = call(module, module.nn.functional, x)
        seed = rng.integers(0, 3, tuple(out.shape)).astype(np.float16) / 256 if seed is None else seed
        out.backward(module.tensor(seed))
        found.append([array.detach().numpy().astype(np.float64) for array in (out, x.grad)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=4e-3, atol=4e-3 * np.abs(theirs).max())


@pytest.mark.parametrize("name", ["sum", "mean", "var", "std", "norm", "cumsum", "cumprod", "prod", "matmul"])
def test_sums_of_float32_are_no_further_from_the_truth(name: str) -> None:
    values = rng.random((200_000, 12), np.float32)
    true = CALLS[name](torch, torch.nn.functional, torch.tensor(values, dtype=torch.float64)).numpy()
    errors = []
    for module in (tg, torch):
        found = CALLS[name](module, module.nn.functional, module.tensor(values)).numpy()
        errors.append(np.max(np.abs(found - true) / np.maximum(np.abs(true), 1e-30)))
    assert errors[0] <= max(errors[1], 4 * np.finfo(np.float32).eps)
