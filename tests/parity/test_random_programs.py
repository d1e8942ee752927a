"""Random programs of 5 to 15 operations: value, first and second derivatives are PyTorch's, in float64."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.parity.test_ops import assert_same, derivatives

torch = pytest.importorskip("torch")

MOST = 48  # numbers of a value

# Each is given a package and its functional module, one or two values of any shape but (), and a small number.
Operation = Callable[..., Any]
ELEMENTWISE: dict[str, Operation] = {
    "tanh": lambda m, F, x, k: m.tanh(x),
    "sin": lambda m, F, x, k: (x * k).sin(),
    "sigmoid": lambda m, F, x, k: x.sigmoid(),
    "softplus": lambda m, F, x, k: F.softplus(x),
    "gelu": lambda m, F, x, k: F.gelu(x),
    "silu": lambda m, F, x, k: F.silu(x),
    "elu": lambda m, F, x, k: F.elu(x, 0.5),
    "relu": lambda m, F, x, k: x.relu() + x,
    "exp": lambda m, F, x, k: x.sin().exp(),
    "log": lambda m, F, x, k: (x * x + 0.5).log(),
    "log1p": lambda m, F, x, k: (x * x).log1p(),
    "sqrt": lambda m, F, x, k: (x.square() + 0.1).sqrt(),
    "rsqrt": lambda m, F, x, k: (x * x + 0.1).rsqrt(),
    "reciprocal": lambda m, F, x, k: 1 / (x.cos() + 2),
    "pow": lambda m, F, x, k: x**k,
    "atan": lambda m, F, x, k: x.atan(),
    "erf": lambda m, F, x, k: m.erf(x),
    "abs": lambda m, F, x, k: x.abs() * x,
    "clamp": lambda m, F, x, k: x.clamp(-0.5, 0.3 * k),
    "where": lambda m, F, x, k: m.where(x > 0.1, x.sin(), x.square()),
    "masked_fill": lambda m, F, x, k: x.masked_fill(x > 0.2 * k, 0.5) * x,
}
ALONG: dict[str, Operation] = {
    "softmax": lambda m, F, x, k: x.softmax(k % x.ndim),
    "log_softmax": lambda m, F, x, k: x.log_softmax(-1),
    "logsumexp": lambda m, F, x, k: x.logsumexp(k % x.ndim, keepdim=True),
    "sum": lambda m, F, x, k: x.sum(k % x.ndim, keepdim=True) * x,
    "mean": lambda m, F, x, k: x - x.mean(k % x.ndim, keepdim=True),
    "var": lambda m, F, x, k: x * x.var(k % x.ndim, keepdim=True, correction=0),
    "std": lambda m, F, x, k: (m.stack([x, 2 - x])).std(0),
    "norm": lambda m, F, x, k: x / (1 + x.norm(dim=k % x.ndim, keepdim=True)),
    "cumsum": lambda m, F, x, k: x.cumsum(k % x.ndim),
    "cumprod": lambda m, F, x, k: x.sin().cumprod(k % x.ndim),
    "logcumsumexp": lambda m, F, x, k: x.logcumsumexp(k % x.ndim),
    "prod": lambda m, F, x, k: x.cos().prod(k % x.ndim, keepdim=True) * x,
    "amax": lambda m, F, x, k: x * x.amax(k % x.ndim, keepdim=True),
    "max": lambda m, F, x, k: x.max(k % x.ndim, keepdim=True)[0].sin() + x,
    "sort": lambda m, F, x, k: x.sort(k % x.ndim)[0] * x,
    "topk": lambda m, F, x, k: x.topk(1, k % x.ndim)[0] - x,
    "layer_norm": lambda m, F, x, k: F.layer_norm(x, x.shape[-1:], eps=0.1),
    "normalize": lambda m, F, x, k: F.normalize(x.square() + 0.1, dim=k % x.ndim),
}
SHAPES: dict[str, Operation] = {
    "flatten": lambda m, F, x, k: x.reshape(-1),
    "transpose": lambda m, F, x, k: x.transpose(0, -1),
    "reshape": lambda m, F, x, k: x.transpose(0, -1).reshape(-1, 1),
    "unsqueeze": lambda m, F, x, k: x.unsqueeze(k % x.ndim) if x.ndim < 4 else x.squeeze(0),
    "flip": lambda m, F, x, k: x.flip(k % x.ndim),
    "roll": lambda m, F, x, k: x.roll(k, -1),
    "narrow": lambda m, F, x, k: x[: max(1, len(x) - 1)],
    "step": lambda m, F, x, k: x[..., ::2],
    "row": lambda m, F, x, k: x[k % len(x)][None],
    "repeated rows": lambda m, F, x, k: x[m.tensor([0, k % len(x), 0])],
    "mask": lambda m, F, x, k: m.cat([x[x > 0.1], x.reshape(-1)[:2]]),
    "expand": lambda m, F, x, k: x.unsqueeze(0).expand(2, *x.shape) if x.ndim < 4 else x,
    "repeat_interleave": lambda m, F, x, k: x.repeat_interleave(2, k % x.ndim),
    "pad": lambda m, F, x, k: F.pad(x, (1, k), value=0.5),
    "halves": lambda m, F, x, k: x[..., : (x.shape[-1] + 1) // 2] * x[..., x.shape[-1] // 2 :],
    "gather": lambda m, F, x, k: x.reshape(-1).gather(0, m.tensor([0, 0, x.numel() - 1])),
    "tril": lambda m, F, x, k: x.reshape(x.shape[0], -1).tril() + 0.3,
    "detach": lambda m, F, x, k: x.detach() * x,
}
IMAGES: dict[str, Operation] = {
    "conv1d": lambda m, F, x, k: F.conv1d(x.reshape(1, 1, -1), x.reshape(-1)[:3].reshape(1, 1, -1), padding=2),
    "conv2d": lambda m, F, x, k: F.conv2d(
        x.reshape(1, 1, x.shape[0], -1), x.reshape(-1)[:1].sin().reshape(1, 1, 1, 1), padding=k % 2
    ),
    "max_pool": lambda m, F, x, k: F.max_pool1d(F.pad(x.reshape(1, -1), (1, 1)), 2, 1 + k % 2),
    "avg_pool": lambda m, F, x, k: F.avg_pool1d(F.pad(x.reshape(1, -1), (1, 1)), 3, 1),
    "gram": lambda m, F, x, k: x.reshape(x.shape[0], -1) @ x.reshape(x.shape[0], -1).T / x.shape[0],
    "einsum": lambda m, F, x, k: m.einsum("i,i,j->j", x.reshape(-1), x.reshape(-1), x.reshape(-1)) / x.numel(),
    "solve": lambda m, F, x, k: m.linalg.solve(2 * m.eye(3, dtype=x.dtype) + few(x), few(x).T),
    "cholesky": lambda m, F, x, k: m.linalg.cholesky(2 * m.eye(3, dtype=x.dtype) + few(x) @ few(x).T),
    "mse_loss": lambda m, F, x, k: F.mse_loss(x, x.cos()).reshape(1),
    "cross_entropy": lambda m, F, x, k: F.cross_entropy(few(x), m.tensor([0, 2, 1]), reduction="none"),
    "huber_loss": lambda m, F, x, k: F.huber_loss(x, x.square(), reduction="none", delta=0.4),
}
BINARY: dict[str, Operation] = {
    "add": lambda m, F, x, y, k: x + k * y.reshape(-1)[:1],
    "mul": lambda m, F, x, y, k: x * y.reshape(-1)[-1],
    "div": lambda m, F, x, y, k: x / (y.reshape(-1)[:1].square() + 1),
    "outer": lambda m, F, x, y, k: x.reshape(-1, 1)[:6] * y.reshape(-1)[:6],
    "matmul": lambda m, F, x, y, k: few(x) @ few(y),
    "cat": lambda m, F, x, y, k: m.cat([x.reshape(-1), y.reshape(-1)]),
    "stack": lambda m, F, x, y, k: m.stack([few(x), few(y)], k % 3),
    "maximum": lambda m, F, x, y, k: m.maximum(x, y.reshape(-1)[:1].sin()),
    "atan2": lambda m, F, x, y, k: m.atan2(x, y.reshape(-1)[:1] + 3),
    "lerp": lambda m, F, x, y, k: m.lerp(few(x), few(y), 0.1 * k),
    "linear": lambda m, F, x, y, k: F.linear(few(x), few(y), few(x)[0]),
    "index_add": lambda m, F, x, y, k: few(x).index_add(0, m.tensor([0, 2, 0]), few(y)),
    "where of two": lambda m, F, x, y, k: m.where(few(x) > few(y), few(x), few(y) * few(x)),
    "cosine_similarity": lambda m, F, x, y, k: F.cosine_similarity(few(x) + 2, few(y), dim=k % 2, eps=0.1),
}
UNARY = ELEMENTWISE | ALONG | SHAPES | IMAGES

step = st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, 3), st.integers(0, 3), st.integers(1, 3))


def few(x: Any) -> Any:
    """Return a matrix (3, 3) of a value's numbers, repeated if there are too few."""
    line = x.reshape(-1)
    return line.repeat(-(-9 // len(line)))[:9].reshape(3, 3)


def run(m: Any, leaves: list[Any], steps: list[tuple[str, int, int, int]]) -> Any:
    """Return the last values of a program as one vector. Large values and large numbers are brought back."""
    values = list(leaves)
    for name, a, b, k in steps:
        x, y = values[-1 - a % len(values)], values[-1 - b % len(values)]
        value = (
            UNARY[name](m, m.nn.functional, x, k) if name in UNARY else BINARY[name](m, m.nn.functional, x, y, k)
        )
        if value.numel() > MOST:
            value = value.reshape(-1)[:MOST].reshape(6, -1)
        if float(value.detach().abs().max()) > 4:
            value = (value / 4).tanh()
        values.append(value)
    return m.cat([value.reshape(-1) for value in values[-3:]])


@given(steps=st.lists(step, min_size=5, max_size=15), seed=st.integers(0, 99))
@settings(max_examples=10 * settings.default.max_examples)
def test_random_programs_agree_to_second_order(steps: list[tuple[str, int, int, int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrays = [rng.uniform(-1, 1, shape) for shape in [(3, 4), (5,)]]
    outcomes = []
    for m in (tg, torch):
        leaves = [m.tensor(array, requires_grad=True) for array in arrays]
        out = run(m, leaves, steps)
        outcomes.append([out, *derivatives(out, leaves, m.autograd.grad, m.tensor)])
    for ours, theirs in zip_longest(*outcomes):
        scale = 1 if theirs is None else max(1, float(theirs.detach().abs().max()))
        assert_same(None if ours is None else ours / scale, None if theirs is None else theirs / scale)


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_each_operation_runs_in_a_program(name: str) -> None:
    """So no operation is left out of the programs by an error of its own in both packages."""
    for k in (1, 2, 3):
        for first in ("tanh", "flatten", "unsqueeze"):
            for m in (tg, torch):
                leaves = [m.tensor(np.random.default_rng(k).uniform(-1, 1, (3, 4)), requires_grad=True)]
                assert run(m, leaves, [(first, 0, 0, k), (name, 0, 1, k)]).requires_grad
