"""Comparisons, tests and logic: no derivatives, but ties, NaN and infinities."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.registry import calls, case, refuse, zeros


def few(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """From a few numbers, so that many are equal."""
    return np.asarray(rng.choice([-1.0, 0.0, 1.0, 2.0, np.inf, -np.inf, np.nan], shape))


def bits(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(rng.integers(-5, 6, shape))


for name, oracle in [
    ("eq", np.equal),
    ("ne", np.not_equal),
    ("lt", np.less),
    ("le", np.less_equal),
    ("gt", np.greater),
    ("ge", np.greater_equal),
    ("logical_and", np.logical_and),
    ("logical_or", np.logical_or),
    ("logical_xor", np.logical_xor),
]:
    function = getattr(tg, name)
    case(name, function, oracle, calls(few, few, broadcast=True), torch=name, differentiable=False)
    case(
        f"{name}_of_a_scalar",
        lambda x, scalar, function=function: function(x, scalar),
        lambda x, scalar, oracle=oracle: oracle(x, scalar),
        calls(few, arguments=lambda draw, shape: {"scalar": draw(st.sampled_from([0, 1.0, True]))}),
        differentiable=False,
    )

for name, oracle in [
    ("isfinite", np.isfinite),
    ("isinf", np.isinf),
    ("isnan", np.isnan),
    ("logical_not", np.logical_not),
]:
    case(name, getattr(tg, name), oracle, calls(few), torch=name, differentiable=False)


def of_bits(function: Any) -> Any:
    return lambda *tensors: function(*(t.to(int) for t in tensors))


for name, oracle, count in [
    ("bitwise_and", np.bitwise_and, 2),
    ("bitwise_or", np.bitwise_or, 2),
    ("bitwise_xor", np.bitwise_xor, 2),
    ("bitwise_not", np.bitwise_not, 1),
]:
    case(
        name,
        of_bits(getattr(tg, name)),
        oracle,
        calls(*[bits] * count, broadcast=True),
        torch=lambda torch, *tensors, name=name: getattr(torch, name)(*(t.long() for t in tensors)),
        differentiable=False,
    )


def nearly(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return few(rng, shape) + rng.choice([0.0, 1e-9, 1e-6, 1e-3], shape)


tolerances = st.fixed_dictionaries(
    {}, optional={"rtol": st.just(1e-2), "atol": st.just(1e-2), "equal_nan": st.booleans()}
)
close = calls(nearly, nearly, broadcast=True, arguments=lambda draw, shape: draw(tolerances))
case("isclose", tg.isclose, np.isclose, close, torch="isclose", differentiable=False)
for name, oracle in [("allclose", np.allclose), ("equal", np.array_equal)]:
    case(
        name,
        lambda *a, name=name, **k: tg.tensor(getattr(tg, name)(*a, **k)),
        oracle,
        close if name == "allclose" else calls(few, few, broadcast=True),
        torch=lambda torch, *a, name=name, **k: torch.tensor(getattr(torch, name)(*a, **k)),
        differentiable=False,
    )

case(
    "where_alone",
    lambda x: tg.stack(tg.where(x)) if x.ndim else tg.tensor([]),
    lambda x: np.stack(np.nonzero(x)) if x.ndim else np.array([]),
    calls(few),
    torch=lambda torch, x: torch.stack(torch.where(x)) if x.ndim else torch.tensor([]),
    differentiable=False,
)

# --- what must be refused ---

refuse(lambda: zeros(2) ^ zeros(2), TypeError, r"bitwise_xor: ")
refuse(lambda: ~zeros(2), TypeError, r"bitwise_not: ")
refuse(lambda: zeros(2) < zeros(3), ValueError, r"lt: .*shape \(2,\).*shape \(3,\)")
refuse(lambda: tg.where(tg.tensor([True]), zeros(2)), TypeError, r"where: wanted both input and other, or neither")
