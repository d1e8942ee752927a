"""Recurrent layers over packed sequences, held to the plain formulation."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.registry import Sample, case, refuse
from tests.support.strategies import Draw, generators
from tinygrad_cnn.kernels.recurrent import Inputs, Steps
from tinygrad_cnn.ops.recurrent import MODES, plain, recurrent

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


@st.composite
def packed(draw: Draw, mode: str) -> Sample:
    """Rows of sequences of falling lengths, states, weights, and at will biases and a projection."""
    rng = draw(generators())
    sizes = tuple(sorted(draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)), reverse=True))
    size, features, rows = 3, 2, GATES[mode] * 3
    projected = mode == "LSTM" and draw(st.booleans())
    out, given = (
        2 if projected else size,
        {"input": (sum(sizes), features), "hidden": (sizes[0], 2 if projected else size)},
    )
    given |= {"cell": (sizes[0], size)} if mode == "LSTM" else {}
    given |= {"weight_ih": (rows, features), "weight_hh": (rows, out)}
    given |= {"bias_ih": (rows,), "bias_hh": (rows,)} if draw(st.booleans()) else {}
    given |= {"weight_hr": (out, size)} if projected else {}
    arrays = tuple(rng.uniform(-1, 1, shape) for shape in given.values())
    return Sample(arrays, {"names": tuple(given), "steps": Steps(sizes, draw(st.booleans()))})


def named(names: tuple[str, ...], arrays: tuple[Any, ...]) -> Inputs:
    return Inputs(**{**dict.fromkeys(Inputs._fields), **dict(zip(names, arrays, strict=True))})


def together(results: tuple[Any, ...]) -> Any:
    """All results as one vector, so that each has a gradient."""
    return tg.cat([result.flatten() for result in results])


def fused(mode: str) -> Any:
    return lambda *t, names, steps: together(recurrent(mode, named(names, t), steps))


def formula(mode: str) -> Any:
    def compute(*arrays: np.ndarray, names: tuple[str, ...], steps: Steps) -> np.ndarray:
        tensors = tuple(map(tg.tensor, arrays))
        return together(plain(MODES[mode].step, named(names, tensors), steps)).numpy()

    return compute


for mode in GATES:
    case(mode, fused(mode), formula(mode), packed(mode), records="recurrent")

refuse(
    lambda: tg.nn.LSTM(2, 3)(tg.ones(4, 1, 2, dtype=tg.float64)),
    TypeError,
    "LSTM: input is float64, .* wanted one type",
)
