"""Arithmetic, functions of one number, choices."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from registry import Sample, calls, case, refuse, zeros
from strategies import Draw, anywhere, broadcastable, generators, off_zero, positive, spaced

import tinygrad_cnn as tg
from tinygrad_cnn.ops import broadcast, elementwise

for name, oracle, kinds in [
    ("add", np.add, (anywhere, anywhere)),
    ("sub", np.subtract, (anywhere, anywhere)),
    ("mul", np.multiply, (anywhere, anywhere)),
    ("div", np.divide, (anywhere, off_zero)),
    ("pow", np.power, (positive, anywhere)),
]:
    case(name, getattr(tg, name), oracle, calls(*kinds, broadcast=True), torch=name)


@st.composite
def untied(draw: Draw) -> Sample:
    """Two arrays that broadcast and hold no value twice between them."""
    rng, (a, b) = draw(generators()), draw(broadcastable())
    values = spaced(rng, (int(np.prod(a) + np.prod(b)),))
    return Sample((values[: int(np.prod(a))].reshape(a), values[int(np.prod(a)) :].reshape(b)), {})


case("maximum", tg.maximum, np.maximum, untied(), torch="maximum")
case("minimum", tg.minimum, np.minimum, untied(), torch="minimum")

for name, oracle, kind in [
    ("neg", np.negative, anywhere),
    ("square", np.square, anywhere),
    ("abs", np.abs, off_zero),
    ("sign", np.sign, off_zero),
    ("exp", np.exp, anywhere),
    ("log", np.log, positive),
    ("sqrt", np.sqrt, positive),
    ("sin", np.sin, anywhere),
    ("cos", np.cos, anywhere),
    ("tanh", np.tanh, anywhere),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), anywhere),
    ("relu", lambda x: np.where(x > 0, x, 0), off_zero),
]:
    case(name, getattr(tg, name), oracle, calls(kind), torch=name)


@st.composite
def choices(draw: Draw) -> Sample:
    rng, (a, b, c) = draw(generators()), draw(broadcastable(3))
    return Sample((anywhere(rng, a), anywhere(rng, b)), {"condition": np.asarray(rng.random(c) < 0.5)})


case(
    "where",
    lambda input, other, condition: tg.where(tg.tensor(condition), input, other),
    lambda input, other, condition: np.where(condition, input, other),
    choices(),
    torch=lambda torch, input, other, condition: torch.where(condition, input, other),
)

case(
    "where_positive",
    lambda values, signs: elementwise._where_positive(values, signs.astype(values.dtype)),
    lambda values, signs: np.where(signs > 0, values, 0),
    calls(anywhere, arguments=lambda draw, shape: {"signs": off_zero(draw(generators()), shape)}),
)

bounds = st.sampled_from([{"min": -0.7, "max": 0.45}, {"min": 0.05}, {"max": -0.55}])
case(
    "clamp",
    tg.clamp,
    lambda x, min=None, max=None: np.clip(x, min, max),
    calls(spaced, arguments=lambda draw, shape: draw(bounds)),
    torch="clamp",
)
case(
    "cast",
    lambda input: broadcast.cast(input, dtype=input.dtype),
    np.copy,
    calls(anywhere),
)

# --- what must be refused ---

refuse(lambda: zeros(2) + zeros(3), ValueError, r"add: .*shape \(2,\).*shape \(3,\)")
refuse(lambda: zeros(2) * "two", TypeError, r"mul: wanted tensors, arrays or numbers, got 'two'")
refuse(lambda: zeros(2) - [1.0, 2.0], TypeError, r"sub: wanted tensors, arrays or numbers, got list")
refuse(lambda: zeros(2).clamp(), ValueError, r"clamp: wanted min, max or both")
