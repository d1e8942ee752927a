"""Sums of float16, and of many float32, are as PyTorch has them, or nearer to the true value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    assert_as_near(lambda m, F, x: CALLS[name](m, F, x), values, 4, factor=1)


# --- at the sizes of training: at most 4,096 numbers, which are few enough to be added one by one ---

Call = Callable[[Any, Any, Any], Any]


def gradient(function: Call, of: Callable[[Any], Any], tolerance: float = 8) -> tuple[Call, float]:
    """Make a call that returns the gradient of one of its inputs."""

    def call(m: Any, F: Any, x: Any) -> Any:
        leaf = of(x).detach().clone().requires_grad_()
        out = function(m, F, (leaf, x))
        seed = np.random.default_rng(1).integers(1, 200, tuple(out.shape)) / 256
        out.backward(m.tensor(seed, dtype=x.dtype))
        return leaf.grad

    return call, tolerance


def image(x: Any) -> Any:
    return x.T.reshape(1, 12, -1, 1)


def square(x: Any) -> Any:
    return x.reshape(-1)[:144].reshape(12, 12)


# name: the call, and by how many units in the last place its error may exceed twice PyTorch's.
TRAINING: dict[str, tuple[Call, float]] = {
    **{name: (call, 8) for name, call in CALLS.items()},
    "sum of all": (lambda m, F, x: x.sum(), 20),
    "std of all": (lambda m, F, x: x.std(), 8),
    "nanmean": (lambda m, F, x: x.nanmean(0), 8),
    "softmax over many classes": (lambda m, F, x: x.T.softmax(1), 8),
    "cross_entropy of many classes": (lambda m, F, x: F.cross_entropy(x.T, m.arange(12)), 8),
    "cross_entropy of many samples": (lambda m, F, x: F.cross_entropy(x, m.arange(len(x)) % 12), 8),
    "huber_loss": (lambda m, F, x: F.huber_loss(x, x * 0), 8),
    "binary_cross_entropy": (lambda m, F, x: F.binary_cross_entropy_with_logits(x, x * 0), 8),
    "product of a batch": (lambda m, F, x: m.stack([x.T, x.T]) @ m.stack([x, x]), 20),
    "matrix and vector": (lambda m, F, x: x.T @ x[:, 0], 20),
    "conv2d of many channels": (lambda m, F, x: F.conv2d(x.T[:, :, None, None], x.T[:4, :, None, None]), 20),
    "instance_norm": (lambda m, F, x: F.instance_norm(x.T[None]), 8),
    "index_add": (lambda m, F, x: (x[:2] * 0).index_add(0, m.arange(len(x)) % 2, x), 8),
    "unbroadcast": gradient(lambda m, F, p: p[0] + p[1], lambda x: x[:1]),
    "expand": gradient(lambda m, F, p: p[0].expand(len(p[1]), 12) * p[1], lambda x: x[0]),
    "bias of linear": gradient(lambda m, F, p: F.linear(p[1], square(p[1]), p[0]), lambda x: x[0]),
    "weight of linear": gradient(lambda m, F, p: F.linear(p[1], p[0]), lambda x: x[:3], 20),
    "bias of conv2d": gradient(
        lambda m, F, p: F.conv2d(image(p[1]), square(p[1])[:, :, None, None], p[0]), lambda x: x[0]
    ),
    "weight of conv2d": gradient(
        lambda m, F, p: F.conv2d(image(p[1]), p[0]), lambda x: square(x)[:, :, None, None], 20
    ),
    "weight of batch_norm": gradient(
        lambda m, F, p: F.batch_norm(p[1], p[1][0] * 0, p[1][0] * 0 + 1, p[0]), lambda x: x[0]
    ),
    "cumsum, back": gradient(lambda m, F, p: p[0].cumsum(0), lambda x: x),
    "index, back": gradient(lambda m, F, p: p[0][m.arange(len(p[1])) % 2] * p[1], lambda x: x[:2]),
    "accumulation": gradient(lambda m, F, p: sum(p[0] * row for row in p[1][:300]), lambda x: x[0]),
}


@pytest.mark.parametrize("name", TRAINING)
@given(
    seed=st.integers(0, 999),
    rows=st.sampled_from([12, 60, 64, 65, 100, 128, 129, 256, 500, 784, 1000, 4096]),
    kind=st.sampled_from(["positive", "of either sign"]),
)
def test_errors_at_the_sizes_of_training_are_about_those_of_pytorch(
    name: str, seed: int, rows: int, kind: str
) -> None:
    drawn = np.random.default_rng(seed)
    values = drawn.random((rows, 12)) + 0.01 if kind == "positive" else drawn.standard_normal((rows, 12))
    call, tolerance = TRAINING[name]
    assert_as_near(call, values.astype(np.float32), tolerance)


# Of equal numbers these divide a rounding error by nearly nothing.
DIVIDING = ["layer_norm", "group_norm", "instance_norm", "batch_norm", "weight of batch_norm"]


@pytest.mark.parametrize("name", [name for name in TRAINING if name not in DIVIDING])
@pytest.mark.parametrize("rows", [12, 64, 100, 1000, 4096])
def test_many_equal_numbers_whose_rounding_errors_have_one_sign(name: str, rows: int) -> None:
    call, tolerance = TRAINING[name]
    assert_as_near(call, np.full((rows, 12), 0.1, np.float32), tolerance)


def assert_as_near(call: Call, values: Any, tolerance: float, factor: float = 2) -> None:
    """Compare the largest errors of both packages, in units in the last place of the largest input or result."""
    if call is CALLS["cumprod"] or call is CALLS["prod"]:
        values = values[:100]  # of more, the product is 0 in float32
    true = call(torch, torch.nn.functional, torch.tensor(values, dtype=torch.float64)).detach().numpy()
    unit = np.finfo(np.float32).eps * max(np.abs(true).max(), np.abs(values).max())
    ours, theirs = (
        float(np.abs(call(m, m.nn.functional, m.tensor(values)).detach().numpy() - true).max() / unit)
        for m in (tg, torch)
    )
    assert ours <= factor * theirs + tolerance
