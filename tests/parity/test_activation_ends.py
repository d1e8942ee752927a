"""Activation functions at infinity, at NaN, at their corners and far out: values and derivatives are PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.nn import functional as F

torch = pytest.importorskip("torch")

ENDS = [
    np.nan,
    np.inf,
    -np.inf,
    0.0,
    1.0,
    -1.0,
    3.0,
    -3.0,
    6.0,
    0.5,
    -0.5,
    2.0,
    -2.0,
    20.5,
    -9.0,
    1e2,
    -1e2,
    1e30,
    -1e30,
]
OTHERS: dict[str, tuple[Any, ...]] = {"leaky_relu": (-0.5,), "elu": (0.3,), "celu": (-2.0,), "softplus": (2.0, 3.0)}
NAMES = """
    celu elu gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu logsigmoid mish relu6 selu sigmoid silu
    softplus softshrink
""".split()
LEFT_OUT = {"hardshrink": 0, "softshrink": 0, "gelu": 1}
"""Where ours are others: the derivative at NaN is 1, not 0; gelu(inf) is inf, in PyTorch in float64 alone."""


def of(library: Any, function: Any, numbers: np.ndarray, arguments: tuple[Any, ...]) -> list[np.ndarray]:
    """Return values and derivatives."""
    x = library.tensor(numbers, requires_grad=True)
    out = function(x, *arguments)
    out.backward(library.ones_like(out))
    return [np.asarray(array.numpy())[: len(ENDS)] for array in (out.detach(), x.grad)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("copies", [1, 500])
@pytest.mark.parametrize(("name", "arguments"), [(n, ()) for n in NAMES] + list(OTHERS.items()))
def test_ends_are_those_of_pytorch(name: str, arguments: tuple[Any, ...], copies: int, dtype: Any) -> None:
    theirs = getattr(torch.nn.functional, name)
    ends = np.array(ENDS, dtype)
    with np.errstate(all="ignore"):
        found = of(tg, getattr(F, name), np.tile(ends, copies), arguments)
    for ours, one, many in zip(
        found, of(torch, theirs, ends, arguments), of(torch, theirs, np.tile(ends, 500), arguments), strict=True
    ):
        known = np.isclose(one, many, equal_nan=True)  # PyTorch's results for few and for many numbers may differ
        known[LEFT_OUT.get(name, [])] = False
        np.testing.assert_allclose(ours[known], many[known], rtol=2e-6, atol=1e-6)
