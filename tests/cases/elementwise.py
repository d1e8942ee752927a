"""Arithmetic, functions of one number, choices."""

from __future__ import annotations

import operator

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.registry import Sample, calls, case, refuse, zeros
from tests.support.strategies import Draw, anywhere, broadcastable, generators, off_zero, positive, shapes, spaced
from tinygrad_cnn.ops import broadcast

# --- of two numbers ---

for name, oracle, kinds in [
    ("mul", np.multiply, (anywhere, anywhere)),
    ("div", np.divide, (anywhere, off_zero)),
    ("pow", np.power, (positive, anywhere)),
    ("hypot", np.hypot, (off_zero, off_zero)),
    ("logaddexp", np.logaddexp, (anywhere, anywhere)),
    ("copysign", np.copysign, (off_zero, off_zero)),
]:
    case(name, getattr(tg, name), oracle, calls(*kinds, broadcast=True), torch=name)

for exponent in range(3, 9):
    case(
        f"pow_{exponent}",
        lambda x, exponent=exponent: x**exponent,
        lambda x, exponent=exponent: np.power(x, exponent),
        calls(off_zero),
        records="pow",
        torch=lambda torch, x, exponent=exponent: x**exponent,
    )
case(
    "xlogy",
    tg.xlogy,
    lambda x, y: x * np.log(y),
    calls(anywhere, positive, broadcast=True),
    records="log mul",
    torch="xlogy",
)
case(
    "float_power",
    lambda input, exponent: tg.float_power(input, exponent).to(input.dtype),
    np.float_power,
    calls(positive, anywhere, broadcast=True),
    records="pow cast",
    torch="float_power",
)

alphas = st.sampled_from([{}, {"alpha": 2}, {"alpha": -0.5}])
two_scaled = calls(anywhere, anywhere, broadcast=True, arguments=lambda draw, shape: draw(alphas))
case("add", tg.add, lambda a, b, alpha=1: a + alpha * b, two_scaled, torch="add")
case("sub", tg.sub, lambda a, b, alpha=1: a - alpha * b, two_scaled, torch="sub")
case("rsub", tg.rsub, lambda a, b, alpha=1: b - alpha * a, two_scaled, records="sub", torch="rsub")


def scalars(*values: float) -> st.SearchStrategy[Sample]:
    return calls(positive, arguments=lambda draw, shape: {"scalar": draw(st.sampled_from(values))})


for name, function in [
    ("add", operator.add),
    ("sub", operator.sub),
    ("mul", operator.mul),
    ("div", operator.truediv),
    ("pow", operator.pow),
]:
    for side, call in [
        ("right", lambda x, scalar, function=function: function(x, scalar)),
        ("left", lambda x, scalar, function=function: function(scalar, x)),
    ]:
        case(
            f"{name}_of_a_scalar_on_the_{side}",
            call,
            call,
            scalars(2, 0.5, 3),
            records=name,
            torch=lambda torch, x, scalar, call=call: call(x, scalar),
        )


@st.composite
def untied(draw: Draw) -> Sample:
    """Two arrays that broadcast and hold no value twice between them."""
    rng, (a, b) = draw(generators()), draw(broadcastable())
    values = spaced(rng, (int(np.prod(a) + np.prod(b)),))
    return Sample((values[: int(np.prod(a))].reshape(a), values[int(np.prod(a)) :].reshape(b)), {})


case("maximum", tg.maximum, np.maximum, untied(), torch="maximum")
case("minimum", tg.minimum, np.minimum, untied(), torch="minimum")

# --- of three ---

values = st.sampled_from([{}, {"value": -0.5}])
for name, oracle, third in [
    ("addcmul", lambda a, b, c, value=1: a + value * b * c, anywhere),
    ("addcdiv", lambda a, b, c, value=1: a + value * b / c, off_zero),
]:
    three = calls(anywhere, anywhere, third, broadcast=True, arguments=lambda draw, shape: draw(values))
    case(name, getattr(tg, name), oracle, three, records=f"add {name[-3:]}", torch=name)


def between(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Weights on both sides of 1/2, away from it."""
    return np.asarray(rng.uniform(0.1, 0.4, shape) + rng.choice([0.0, 0.5], shape))


for name, samples, records in [
    ("lerp", calls(anywhere, anywhere, between, broadcast=True), "where mul sub"),
    (
        "lerp_by_a_number",
        calls(anywhere, anywhere, broadcast=True, arguments=lambda d, s: {"weight": d(st.floats(-1.5, 2))}),
        "mul sub",
    ),
]:
    case(name, tg.lerp, lambda a, b, weight: a + weight * (b - a), samples, records=records, torch="lerp")

# --- of one number ---

for name, oracle, kind in [
    ("neg", np.negative, anywhere),
    ("square", np.square, anywhere),
    ("abs", np.abs, off_zero),
    ("sign", np.sign, off_zero),
    ("exp", np.exp, anywhere),
    ("exp2", np.exp2, anywhere),
    ("expm1", np.expm1, anywhere),
    ("log", np.log, positive),
    ("log2", np.log2, positive),
    ("log10", np.log10, positive),
    ("log1p", np.log1p, positive),
    ("sqrt", np.sqrt, positive),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), anywhere),
]:
    case(name, getattr(tg, name), oracle, calls(kind), torch=name)

case("reciprocal", tg.reciprocal, lambda x: 1 / x, calls(off_zero), records="div", torch="reciprocal")
case("rsqrt", tg.rsqrt, lambda x: 1 / np.sqrt(x), calls(positive), records="div sqrt", torch="rsqrt")
case("nan_to_num", tg.nan_to_num, np.nan_to_num, calls(anywhere), torch="nan_to_num")


# --- choices ---


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


@st.composite
def bounded(draw: Draw) -> Sample:
    """An array between two others, on either side or on both, and no ties."""
    shape = draw(shapes())
    low, x, high = map(np.asarray, spaced(draw(generators()), (3, *shape)))
    if draw(st.booleans()):
        low, high = map(np.asarray, np.sort([low, high], axis=0))
    return Sample((x, low, high), {})


bounds = st.sampled_from([{"min": -0.7, "max": 0.45}, {"min": 0.05}, {"max": -0.55}, {"min": 0.45, "max": -0.7}])
case(
    "clamp",
    tg.clamp,
    lambda x, min=None, max=None: np.clip(x, min, max),
    calls(spaced, arguments=lambda draw, shape: draw(bounds)),
    torch="clamp",
)
case("clamp_between_tensors", tg.clamp, np.clip, bounded(), records="where", torch="clamp")
for name, oracle in [("clamp_min", np.maximum), ("clamp_max", np.minimum)]:
    case(name, getattr(tg, name), oracle, untied(), records="where", torch=name)
case(
    "cast",
    lambda input: broadcast.cast(input, dtype=input.dtype),
    np.copy,
    calls(anywhere),
)

case(
    "true_divide",
    tg.true_divide,
    np.divide,
    calls(anywhere, off_zero, broadcast=True),
    records="div",
    torch="true_divide",
)
case(
    "positive",
    lambda x: tg.positive(x) * 1.0,
    np.positive,
    calls(anywhere),
    records="mul",
    torch=lambda torch, x: torch.positive(x) * 1.0,
)
case("clone", tg.clone, np.copy, calls(anywhere), records="cast", torch="clone")
case(
    "contiguous",
    lambda x: x.contiguous() * 1.0,
    np.copy,
    calls(anywhere),
    records="mul",
    torch=lambda torch, x: x.contiguous() * 1.0,
)

# --- what must be refused ---

refuse(lambda: zeros(2) + zeros(3), ValueError, r"add: .*shape \(2,\).*shape \(3,\)")
refuse(lambda: zeros(2) * "two", TypeError, r"mul: wanted tensors, arrays or numbers, got 'two'")
refuse(lambda: zeros(2) - [1.0, 2.0], TypeError, r"sub: wanted tensors, arrays or numbers, got list")
refuse(lambda: tg.tensor([1], dtype=tg.uint8) * -1, ValueError, r"mul: Python integer -1 out of bounds for uint8")
refuse(lambda: zeros(2).clamp(), ValueError, r"clamp: wanted min, max or both")
refuse(lambda: tg.div(zeros(2), 2, rounding_mode="up"), ValueError, r"div: rounding_mode is 'up'; wanted None, ")
refuse(lambda: tg.tensor([2, 3]) ** tg.tensor([-1, 2]), ValueError, r"pow: .*negative integer power")
refuse(lambda: tg.lerp(zeros(2), zeros(3), 0.5), ValueError, r"sub: .*shape \(3,\)")
refuse(lambda: -tg.tensor([True]), TypeError, r"neg: ")
