"""Softmax and losses."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support import oracles
from tests.support.registry import Sample, calls, case, dim_of, refuse, zeros
from tests.support.strategies import Draw, Values, anywhere, generators, positive, shapes


def along_dim(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"dim": dim_of(draw, shape)}


softmax_calls = calls(anywhere, shape=shapes(min_side=1), arguments=along_dim)
case("softmax", tg.softmax, lambda x, dim: np.exp(oracles.log_softmax(x, dim)), softmax_calls, torch="softmax")
case("log_softmax", tg.log_softmax, oracles.log_softmax, softmax_calls, torch="log_softmax")


@st.composite
def classifications(draw: Draw, values: Values = anywhere) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Scores (N, C, ...) or (C,), class indices, probabilities, and a reduction."""
    rng, classes = draw(generators()), draw(st.integers(1, 4))
    batch = draw(st.one_of(st.just(()), shapes(min_dims=1, max_dims=3, min_side=1, max_side=2)))
    shape = (*batch[:1], classes, *batch[1:])
    probabilities = positive(rng, shape)
    probabilities /= probabilities.sum(axis=min(1, len(batch)), keepdims=True)
    target = np.asarray(rng.integers(0, classes, batch))
    return values(rng, shape), target, probabilities, draw(st.sampled_from(["mean", "sum", "none"]))


@st.composite
def classified_rows(draw: Draw) -> Sample:
    """Scores (N, C), a class for each row, and a reduction to a number: what a training step has."""
    rng, rows, classes = draw(generators()), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    target = rng.integers(0, classes, rows)
    return Sample(
        (anywhere(rng, (rows, classes)),), {"target": target, "reduction": draw(st.sampled_from(["mean", "sum"]))}
    )


def but_no_number_for_rows(c: Any) -> Any:
    return (*c[:3], "none") if c[0].ndim == 2 else c


def against_indices(c: Any) -> Sample:
    return Sample((c[0],), {"target": c[1], "reduction": c[3]})


def against_probabilities(c: Any) -> Sample:
    return Sample((c[0], c[2]), {"reduction": c[3]})


def loss(function: Any) -> Any:
    return lambda x, target, reduction: function(
        x, target if isinstance(target, tg.Tensor) else tg.tensor(target), reduction=reduction
    )


def loss_oracle(log: Any) -> Any:
    return lambda x, target, reduction: oracles.cross_entropy(log(x), target, reduction)


def log_probabilities(x: np.ndarray) -> np.ndarray:
    return oracles.log_softmax(x, min(1, x.ndim - 1))


both = st.one_of(
    classifications().map(but_no_number_for_rows).map(against_indices), classifications().map(against_probabilities)
)
case(
    "cross_entropy",
    loss(tg.cross_entropy),
    loss_oracle(log_probabilities),
    both,
    records="soft_cross_entropy",
    torch="nn.functional.cross_entropy",
)
case(
    "cross_entropy of a class for each row",
    loss(tg.cross_entropy),
    loss_oracle(log_probabilities),
    classified_rows(),
    records="class_cross_entropy",
    torch="nn.functional.cross_entropy",
)
case(
    "nll_loss",
    loss(tg.nll_loss),
    loss_oracle(lambda x: x),
    classifications().map(against_indices),
    records="neg",
    torch="nn.functional.nll_loss",
)
clipped = classifications(positive)
case(
    "categorical_cross_entropy",
    loss(tg.categorical_cross_entropy),
    loss_oracle(lambda x: np.log(np.clip(x, 1e-15, 1 - 1e-15))),
    st.one_of(clipped.map(against_indices), clipped.map(against_probabilities)),
    records="clamp log",
)

# --- what must be refused ---

refuse(lambda: tg.softmax(zeros(2), 1), IndexError, r"softmax: dim 1 is out of range")
refuse(
    lambda: tg.cross_entropy(zeros(2, 3), tg.tensor([0, 3])),
    IndexError,
    r"cross_entropy: target has the class 3;",
)
refuse(lambda: tg.cross_entropy(zeros(2, 3), tg.tensor([0, -1])), IndexError, r"the class -1; wanted 0 to 2")
refuse(
    lambda: tg.cross_entropy(zeros(2, 3), tg.tensor([0.0, 1.0])), TypeError, r"wanted class indices \(integers\)"
)
refuse(lambda: tg.cross_entropy(zeros(2, 3), tg.tensor([0])), ValueError, r"target of shape \(1,\) does not fit")
refuse(lambda: tg.cross_entropy(zeros(0, 3), tg.tensor([], dtype=int)), ValueError, r"mean of an empty batch")
refuse(
    lambda: tg.cross_entropy(zeros(2, 3), tg.tensor([0, 1]), reduction="average"),
    ValueError,
    r"cross_entropy: reduction 'average' is unknown; wanted one of mean, sum, none",
)
refuse(lambda: tg.nll_loss(zeros(2, 3), tg.ones(2, 3)), TypeError, r"nll_loss: wanted class indices as target")
refuse(lambda: tg.one_hot(tg.tensor([3]), 3), IndexError, r"one_hot: target has the class 3; wanted 0 to 2")
