"""Activation functions, away from their corners, against their definitions."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import special, stats

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F
from tests.support.registry import Sample, calls, case, dim_of, refuse, zeros
from tests.support.strategies import Draw, anywhere, generators, off_zero, shapes
from tinygrad_cnn.ops import activation
from tinygrad_cnn.ops.choices import where_between


def wide(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """From -8 to 8, at least 0.05 from every multiple of 0.5, where the corners are."""
    return np.asarray(rng.integers(-16, 16, shape) * 0.5 + rng.uniform(0.05, 0.45, shape))


def some(*choices: dict[str, Any]) -> st.SearchStrategy[Sample]:
    return calls(wide, arguments=lambda draw, shape: draw(st.sampled_from([{}, *choices])))


def elu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))


def hardtanh(x: np.ndarray, min_val: float = -1.0, max_val: float = 1.0) -> np.ndarray:
    return np.clip(x, min_val, max_val)


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def softplus(x: np.ndarray, beta: float = 1.0, threshold: float = 20.0) -> np.ndarray:
    return np.where(x * beta > threshold, x, np.log(1 + np.exp(x * beta)) / beta)


for name, oracle, records, choices in [
    ("leaky_relu", lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x), "leaky", [0.3]),
    ("elu", elu, "exponential_below_zero", [0.3, 2.0]),
    ("selu", lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772), "exponential_below_zero", []),
    ("celu", lambda x, alpha=1.0: elu(x / alpha) * alpha, "exponential_below_zero", [0.5]),
    ("gelu", lambda x: x * stats.norm.cdf(x), "gelu", []),
    ("silu", lambda x: x / (1 + np.exp(-x)), "sigmoid mul", []),
    ("mish", lambda x: x * np.tanh(np.log1p(np.exp(x))), "tanh softplus", []),
    ("softplus", softplus, "softplus", [2.0, (0.5, 1.25)]),
    ("softsign", lambda x: x / (1 + np.abs(x)), "div abs", []),
    ("hardtanh", hardtanh, "clamp", [(-2.5, 0.5)]),
    ("hardsigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1), "clamp", []),
    ("hardswish", lambda x: x * np.clip(x / 6 + 0.5, 0, 1), "hardswish", []),
    ("relu6", lambda x: np.clip(x, 0, 6), "clamp", []),
    ("logsigmoid", special.log_expit, "log_one_plus_exp", []),
    ("tanhshrink", lambda x: x - np.tanh(x), "tanh sub", []),
    ("hardshrink", lambda x, lambd=0.5: np.where(np.abs(x) > lambd, x, 0), "where_between", [1.5]),
    ("softshrink", lambda x, lambd=0.5: x - np.clip(x, -lambd, lambd), "softshrink", [1.5]),
]:
    names = inspect.getfullargspec(oracle).args[1:] if choices else []
    arguments = [dict(zip(names, c if isinstance(c, tuple) else (c,), strict=False)) for c in choices]
    # PyTorch's hardsigmoid has a derivative of 1/6 in float32, whatever the type.
    theirs = {"hardsigmoid": lambda torch, x: torch.nn.functional.relu6(x + 3) / 6}
    case(
        name,
        getattr(F, name),
        oracle,
        some(*arguments),
        records=records,
        torch=theirs.get(name, f"nn.functional.{name}"),
    )

case(
    "gelu_tanh",
    lambda x: F.gelu(x, "tanh"),
    gelu_tanh,
    some(),
    records="sigmoid mul",
    torch=lambda torch, x: torch.nn.functional.gelu(x, approximate="tanh"),
)
case("relu", tg.relu, lambda x: np.where(x > 0, x, 0), calls(off_zero), torch="relu")
case(
    "where_nonzero",
    lambda values, mask: activation._where_nonzero(values, mask.astype(values.dtype)),
    lambda values, mask: np.where(mask != 0, values, 0),
    calls(anywhere, arguments=lambda draw, shape: {"mask": np.maximum(off_zero(draw(generators()), shape), 0)}),
)
case(
    "gelu_slope",
    activation._gelu_slope,
    lambda g, x: g * (stats.norm.cdf(x) + x * stats.norm.pdf(x)),
    calls(anywhere, wide),
)
case(
    "hardswish_slope",
    activation._hardswish_slope,
    lambda g, x: g * np.where(np.abs(x) < 3, x / 3 + 0.5, x > 0),
    calls(anywhere, wide),
)
case(
    "where_between",
    lambda x, gate, low, high, inside: where_between(x, gate, low=low, high=high, inside=inside),
    lambda x, gate, low, high, inside: np.where(((gate >= low) & (gate <= high)) == inside, x, 0),
    calls(
        anywhere,
        arguments=lambda draw, shape: {
            "gate": wide(draw(generators()), shape),
            "low": draw(st.sampled_from([-np.inf, -1.0])),
            "high": draw(st.sampled_from([0.5, np.inf])),
            "inside": draw(st.booleans()),
        },
    ),
)
case(
    "threshold",
    lambda x, at, value: tg.threshold(x, at, value),
    lambda x, at, value: np.where(x > at, x, value),
    calls(wide, arguments=lambda d, s: {"at": d(st.sampled_from([-1.0, 0.5, 2])), "value": d(st.integers(-3, 3))}),
    records="where",
    torch=lambda torch, x, at, value: torch.threshold(x, at, value),
)


@st.composite
def halves(draw: Draw) -> Sample:
    shape, rng = list(draw(shapes(min_dims=1))), draw(generators())
    dim = dim_of(draw, tuple(shape))
    shape[dim] *= 2
    return Sample((anywhere(rng, tuple(shape)),), {} if dim == -1 else {"dim": dim})


def glu(x: np.ndarray, dim: int = -1) -> np.ndarray:
    a, b = np.split(x, 2, axis=dim)
    return a * special.expit(b)


case("glu", F.glu, glu, halves(), records="sigmoid", torch="nn.functional.glu")


@st.composite
def slopes(draw: Draw) -> Sample:
    """An input with a slope for each channel, or one for all."""
    shape, rng = draw(shapes()), draw(generators())
    own = len(shape) > 1 and shape[1] > 0 and draw(st.booleans())
    return Sample((off_zero(rng, shape), anywhere(rng, (shape[1] if own else 1,))), {})


def prelu(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    out = x.copy()
    for place in np.ndindex(x.shape):
        slope = weight[place[1] if len(weight) > 1 else 0]
        out[place] = x[place] if x[place] > 0 else slope * x[place]
    return out


case("prelu", tg.prelu, prelu, slopes(), records="where mul", torch="prelu")
case(
    "softmin",
    F.softmin,
    lambda x, dim: special.softmax(-x, axis=dim),
    calls(anywhere, shape=shapes(min_dims=1, min_side=1), arguments=lambda d, s: {"dim": dim_of(d, s)}),
    records="softmax",
    torch="nn.functional.softmin",
)

# --- what must be refused ---

refuse(
    lambda: F.hardtanh(zeros(2), 1.0, -1.0), ValueError, r"hardtanh: wanted min_val <= max_val, got 1.0 and -1.0"
)
refuse(lambda: F.softshrink(zeros(2), -1.0), ValueError, r"softshrink: lambd is -1.0; wanted at least 0")
refuse(lambda: F.gelu(zeros(2), "erf"), ValueError, r"gelu: approximate is 'erf'; wanted 'none' or 'tanh'")
refuse(lambda: F.celu(zeros(2), 0.0), ValueError, r"celu: alpha is 0")
refuse(lambda: F.glu(zeros(2, 3)), ValueError, r"glu: dimension -1 of an input of shape \(2, 3\) cannot be halved")
refuse(lambda: F.glu(zeros(2, 4), 2), IndexError, r"glu: dim 2 is out of range")
refuse(lambda: tg.prelu(zeros(2, 3), zeros(2)), ValueError, r"prelu: a weight of shape \(2,\) does not fit")
refuse(lambda: F.softmin(zeros(2), 1), IndexError, r"softmax: dim 1 is out of range")
