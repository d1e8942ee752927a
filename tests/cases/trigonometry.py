"""Functions of angles, of hyperbolas and of probabilities, against NumPy and SciPy."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy import special

import tinygrad_cnn as tg
from tests.support.registry import calls, case, refuse
from tests.support.strategies import anywhere, off_zero, positive


def within_one(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(rng.uniform(-0.9, 0.9, shape))


def above_one(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(rng.uniform(1.2, 4, shape))


def probability(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Between 0 and 1, away from both and from 0.2 and 0.8."""
    return np.asarray(rng.choice([0.05, 0.25, 0.55, 0.85], shape) + rng.uniform(0, 0.1, shape))


def wide(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """On each of the three intervals of the error function's approximation."""
    return np.asarray(rng.uniform(-6, 6, shape) * rng.choice([0.05, 0.5, 1.0], shape))


for name, oracle, kind in [
    ("sin", np.sin, anywhere),
    ("cos", np.cos, anywhere),
    ("tan", np.tan, within_one),
    ("asin", np.arcsin, within_one),
    ("acos", np.arccos, within_one),
    ("atan", np.arctan, anywhere),
    ("sinh", np.sinh, anywhere),
    ("cosh", np.cosh, anywhere),
    ("tanh", np.tanh, anywhere),
    ("asinh", np.arcsinh, anywhere),
    ("acosh", np.arccosh, above_one),
    ("atanh", np.arctanh, within_one),
    ("erf", special.erf, wide),
    ("erfc", special.erfc, wide),
]:
    case(name, getattr(tg, name), oracle, calls(kind), torch=name)

case("atan2", tg.atan2, np.arctan2, calls(off_zero, off_zero, broadcast=True), torch="atan2")
case("sinc", tg.sinc, np.sinc, calls(off_zero), records="sin div", torch="sinc")
case(
    "logit",
    tg.logit,
    lambda p, eps=None: special.logit(p if eps is None else np.clip(p, eps, 1 - eps)),
    calls(probability, arguments=lambda draw, shape: draw(st.sampled_from([{}, {"eps": 0.2}, {"eps": None}]))),
    records="log log1p",
    torch="logit",
)

# --- what must be refused ---

refuse(lambda: tg.atan2(tg.ones(2), tg.ones(3)), ValueError, r"atan2: .*shape \(2,\).*shape \(3,\)")
refuse(lambda: tg.atan2(tg.ones(2), positive), TypeError, r"atan2: wanted tensors, arrays or numbers, got function")
