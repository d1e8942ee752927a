"""Views that somebody keeps hold their numbers, whatever is computed later: no memory is used again too early."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import tinygrad_cnn as tg
from tinygrad_cnn.kernels.thresholds import COMPILED_FROM, POOLED_FROM_BYTES
from tinygrad_cnn.nn import functional as F

STEPS, KEPT = 1000, 40
BATCH, CHANNELS, SIDE = 16, 4, 16
assert 4 * BATCH * CHANNELS * SIDE * SIDE >= POOLED_FROM_BYTES
assert BATCH * CHANNELS * SIDE * SIDE >= COMPILED_FROM

# Each takes a tensor of two or more dimensions, and returns a tensor, array or buffer that shares its memory.
VIEWS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda x: x,
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data,
    "rows": lambda x: x[1:],
    "a row": lambda x: x[-1],
    "every other": lambda x: x[..., ::2],
    "a column": lambda x: x[..., 3],
    "an ellipsis": lambda x: x[...],
    "a new dimension": lambda x: x[None],
    "T": lambda x: x.flatten(1).T,
    "mT": lambda x: x.mT,
    "transpose": lambda x: x.transpose(0, -1),
    "permute": lambda x: x.permute(*range(x.ndim)[::-1]),
    "movedim": lambda x: x.movedim(0, -1),
    "reshape": lambda x: x.reshape(-1),
    "flatten": lambda x: x.flatten(),
    "unflatten": lambda x: x.unflatten(0, (2, -1)),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "squeeze": lambda x: x.unsqueeze(0).squeeze(0),
    "narrow": lambda x: x.narrow(0, 1, 2),
    "select": lambda x: x.select(0, 1),
    "split": lambda x: x.split(3)[1],
    "chunk": lambda x: x.chunk(2, -1)[1],
    "unbind": lambda x: x.unbind(0)[2],
    "an iterator's": lambda x: next(iter(x)),
    "expand": lambda x: x.unsqueeze(0).expand(2, *x.shape),
    "diagonal": lambda x: x.diagonal(0, 0, -1),
    "numpy": lambda x: x.detach().numpy(),
    "array": lambda x: x.array,
    "a part of the array": lambda x: x.array[1:, ::2],
    "the array backward": lambda x: x.array[::-1],
    "raveled": lambda x: x.array.ravel("K"),
    "its bits": lambda x: x.array.view(np.int32),
    "windows": lambda x: sliding_window_view(x.array, 3, -1),
    "a buffer": lambda x: memoryview(x.array),
    "from_numpy": lambda x: tg.from_numpy(x.detach().numpy()),
    "DLPack": lambda x: np.from_dlpack(x.array),
    "an array's base": lambda x: x.array.base if isinstance(x.array.base, np.ndarray) else x.array,
}


def numbers(view: Any) -> np.ndarray:
    return view.array if isinstance(view, tg.Tensor) else np.asarray(view)


def results(rng: np.random.Generator, leaf: tg.Tensor, weights: list[tg.Tensor]) -> list[tg.Tensor]:
    """Return what one training step computes on the way: results, gradients on the way, and gradients of leaves."""
    found = []
    image = tg.from_numpy(rng.standard_normal((BATCH, CHANNELS, SIDE, SIDE)).astype(np.float32))
    hidden = F.conv2d(image + leaf, weights[0], weights[1], padding=2)
    active = hidden.relu()
    pooled = F.max_pool2d(active, 2)
    scores = F.linear(pooled.flatten(1), weights[2])
    products = scores.T @ scores * 0.01
    for tensor in (hidden, active, pooled, scores, products):
        tensor.register_hook(found.append)
    found += [image, hidden, active, pooled, scores, products, hidden + active, products.softmax(0)]
    for weight in weights:
        weight.grad = None
    (products.tanh().mean() + scores.square().mean() + active.mean()).backward()
    found += [weight.grad for weight in weights]
    with tg.no_grad():
        found += [
            active * 2,
            F.conv2d(active, weights[0], padding=2),
            hidden.sum(0),
            active.transpose(0, 1).contiguous(),
        ]
    return [tensor for tensor in found if tensor.ndim > 1]


@pytest.mark.parametrize("kernels", ["numpy", "compiled"])
def test_no_view_changes_in_a_thousand_steps(kernels: str) -> None:
    if kernels == "compiled" and find_spec("numba") is None:
        pytest.skip("compiled kernels need Numba")
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> tg.Tensor:
        return tg.from_numpy(rng.standard_normal(shape).astype(np.float32) * 0.1).requires_grad_()

    leaf, weights = draw(BATCH, CHANNELS, SIDE, SIDE), [draw(4, CHANNELS, 5, 5), draw(4), draw(128, 256)]
    weights.append(leaf)
    kept: list[tuple[str, Any, np.ndarray]] = []
    with tg.use_kernels(kernels):
        for _ in range(STEPS):
            step = results(rng, leaf, weights)
            for name in rng.choice([*VIEWS], 3):
                view = VIEWS[name](step[rng.integers(len(step))])
                kept.append((name, view, numbers(view).copy()))
            del step, view
            while len(kept) > KEPT:
                name, view, before = kept.pop(rng.integers(len(kept)))
                np.testing.assert_array_equal(numbers(view), before, name)
    for name, view, before in kept:
        np.testing.assert_array_equal(numbers(view), before, name)
