"""Matrix products."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from registry import Sample, case, refuse, zeros
from strategies import Draw, anywhere, broadcastable, generators, shapes

import tinygrad_cnn as tg


@st.composite
def products(draw: Draw) -> Sample:
    rng = draw(generators())
    n, k, m = (draw(st.integers(0, 3)) for _ in range(3))
    before, other_before = draw(broadcastable())
    left = draw(st.sampled_from([(k,), (*before, n, k)]))
    right = draw(st.sampled_from([(k,), (*other_before, k, m)]))
    return Sample((anywhere(rng, left), anywhere(rng, right)), {})


@st.composite
def layers(draw: Draw) -> Sample:
    rng, before = draw(generators()), draw(shapes(max_dims=2))
    inputs, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    operands = anywhere(rng, (*before, inputs)), anywhere(rng, (outputs, inputs)), anywhere(rng, (outputs,))
    return Sample(operands[: draw(st.integers(2, 3))], {})


case("matmul", tg.matmul, np.matmul, products(), torch="matmul")
case("linear", tg.linear, lambda x, w, b=0: x @ w.T + b, layers(), torch="nn.functional.linear")

# --- what must be refused ---

refuse(lambda: zeros(2, 3) @ zeros(2, 3), ValueError, r"matmul: shapes \(2, 3\) and \(2, 3\) do not fit")
refuse(
    lambda: zeros(2, 3) @ tg.zeros(3, 2, dtype=tg.float64),
    TypeError,
    r"matmul: input is float32, other is float64",
)
refuse(lambda: tg.linear(zeros(2, 3), zeros(4, 2)), ValueError, r"linear: input of shape \(2, 3\) .*\(\.\.\., 2\)")
refuse(
    lambda: tg.linear(zeros(2, 3), zeros(4, 3), zeros(3)),
    ValueError,
    r"linear: bias of shape \(3,\); wanted \(4,\)",
)
