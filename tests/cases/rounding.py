"""Rounding and division with a remainder, away from where they jump."""

from __future__ import annotations

import operator

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.registry import Sample, calls, case, refuse, zeros
from tests.support.strategies import Draw, anywhere, broadcastable, generators, off_zero


def off_whole(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """At least 0.1 from the next whole number and from the next half."""
    return np.asarray(rng.integers(-3, 3, shape) + rng.uniform(0.1, 0.4, shape) + rng.choice([0.0, 0.5], shape))


for name, oracle in [("floor", np.floor), ("ceil", np.ceil), ("trunc", np.trunc)]:
    case(name, getattr(tg, name), oracle, calls(off_whole), torch=name)

case("frac", tg.frac, lambda x: x - np.trunc(x), calls(off_whole), records="trunc sub", torch="frac")
case(
    "round",
    tg.round,
    np.round,
    calls(off_whole, arguments=lambda draw, shape: draw(st.sampled_from([{}, {"decimals": 0}, {"decimals": -1}]))),
    torch="round",
)
case(
    "round_to_decimals",
    lambda x: tg.round(x / 10, decimals=1),
    lambda x: np.round(x / 10, 1),
    calls(off_whole),
    records="round",
    torch=lambda torch, x: torch.round(x / 10, decimals=1),
)


def divisible(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether some quotient is within 0.01 of a whole number, where the remainder jumps."""
    quotient = a / b
    return bool(np.any(np.abs(quotient - np.round(quotient)) < 0.01))


@st.composite
def divisions(draw: Draw) -> Sample:
    rng, (a, b) = draw(generators()), draw(broadcastable())
    while divisible(x := anywhere(rng, a), y := off_zero(rng, b)):
        pass
    return Sample((x, y), {})


def scalar_divisions(left: bool) -> st.SearchStrategy[Sample]:
    def quotient(s: Sample) -> tuple[np.ndarray, ...]:
        pair = s.inputs[0], np.asarray(s.arguments["scalar"], float)
        return pair[::-1] if left else pair

    scalars = calls(off_zero, arguments=lambda draw, shape: {"scalar": draw(st.sampled_from([0.7, -1.3, 2]))})
    return scalars.filter(lambda s: not divisible(*quotient(s)))


for name, oracle, operation in [
    ("floor_divide", np.floor_divide, operator.floordiv),
    ("remainder", np.remainder, operator.mod),
]:
    # PyTorch's floor_divide raises in the backward pass; its div that rounds down has our derivative.
    theirs = {"floor_divide": lambda torch, a, b: torch.div(a, b, rounding_mode="floor")}.get(name, name)
    case(name, getattr(tg, name), oracle, divisions(), torch=theirs)
    case(
        f"{name}_by_a_scalar",
        lambda x, scalar, operation=operation: operation(x, scalar),
        lambda x, scalar, oracle=oracle: oracle(x, scalar),
        scalar_divisions(left=False),
        records=name,
        torch=None if name == "floor_divide" else lambda torch, x, scalar: x % scalar,
    )
    case(
        f"{name}_of_a_scalar",
        lambda x, scalar, operation=operation: operation(scalar, x),
        lambda x, scalar, oracle=oracle: oracle(scalar, x),
        scalar_divisions(left=True),
        records=name,
        torch=None if name == "floor_divide" else lambda torch, x, scalar: torch.tensor(scalar, dtype=x.dtype) % x,
    )
case("fmod", tg.fmod, np.fmod, divisions(), torch="fmod")
case(
    "div_trunc",
    lambda a, b: tg.div(a, b, rounding_mode="trunc"),
    lambda a, b: np.trunc(a / b),
    divisions(),
    torch=lambda torch, a, b: torch.div(a, b, rounding_mode="trunc"),
)
case(
    "divmod",
    lambda a, b: tg.stack(divmod(a, b)),
    lambda a, b: np.stack(np.divmod(a, b)),
    divisions(),
    records="floor_divide remainder",
)

# --- what must be refused ---

whole = tg.tensor([1, 2])
refuse(lambda: whole // 0, ValueError, r"floor_divide: an integer is divided by 0")
refuse(lambda: whole % tg.tensor([1, 0]), ValueError, r"remainder: an integer is divided by 0")
refuse(lambda: tg.fmod(whole, 0), ValueError, r"fmod: an integer is divided by 0")
refuse(lambda: tg.div(whole, 0, rounding_mode="trunc"), ValueError, r"div_trunc: an integer is divided by 0")
refuse(lambda: zeros(2) // zeros(3), ValueError, r"floor_divide: .*shape \(3,\)")
