"""Losses and distances."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F
from tests.support.registry import Sample, case, refuse, zeros
from tests.support.strategies import (
    Draw,
    Values,
    anywhere,
    broadcastable,
    generators,
    off_zero,
    positive,
    shapes,
    spaced,
)
from tinygrad_cnn.ops import loss as recorded

REDUCE: dict[str, Callable[[Any], Any]] = {"mean": np.mean, "sum": np.sum, "none": np.asarray}
reductions = st.sampled_from(["mean", "sum", "none"])
filled = shapes(min_side=1)


def probabilities(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(rng.uniform(0.05, 0.95, shape))


def signs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(rng.choice([-1.0, 1.0], shape))


def pairs(*kinds: Values, shape: st.SearchStrategy[Any] = filled, **arguments: st.SearchStrategy[Any]) -> Any:
    """Arrays of one shape, a reduction, and the arguments of the loss."""

    @st.composite
    def draw_sample(draw: Draw) -> Sample:
        rng, size = draw(generators()), draw(shape)
        drawn = {name: draw(value) for name, value in arguments.items()}
        return Sample(tuple(kind(rng, size) for kind in kinds), {"reduction": draw(reductions), **drawn})

    return draw_sample()


def reduce_to(formula: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arrays, reduction, **arguments: REDUCE[reduction](formula(*arrays, **arguments))


def loss(name: str, formula: Callable[..., Any], samples: Any, *, records: str = "sum", torch: Any = None) -> None:
    sample = samples.filter(lambda s: s.arguments["reduction"] != "none") if records == "sum" else samples
    case(
        name, getattr(F, name), reduce_to(formula), sample, records=records, torch=torch or f"nn.functional.{name}"
    )


# --- of numbers ---


def apart(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """At a distance of more than 1 from any number drawn `anywhere`, on either side."""
    return np.asarray(rng.uniform(3.1, 5, shape) * rng.choice([-1.0, 1.0], shape))


def close(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(off_zero(rng, shape) * 0.1)


def closer(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """At a distance of less than 0.6 from any number drawn `close`."""
    return np.asarray(0.25 + 0.1 * rng.random(shape))


loss("mse_loss", lambda x, y: (x - y) ** 2, pairs(anywhere, anywhere), records="square")
loss("l1_loss", lambda x, y: np.abs(x - y), pairs(anywhere, apart), records="abs")
betas = st.sampled_from([1.0, 0.6])


def smooth_l1(x: Any, y: Any, beta: float) -> Any:
    d = np.abs(x - y)
    return np.where(d < beta, d * d / 2 / (beta or 1), d - beta / 2)


either = st.sampled_from([(anywhere, apart), (close, closer)])
loss(
    "smooth_l1_loss",
    smooth_l1,
    either.flatmap(lambda kinds: pairs(*kinds, beta=st.one_of(betas, st.just(0.0)))),
    records="sub",
)
loss(
    "huber_loss",
    lambda x, y, delta: delta * smooth_l1(x, y, delta),
    either.flatmap(lambda kinds: pairs(*kinds, delta=betas)),
    records="huber",
)

# --- of probabilities ---


@st.composite
def weighted(draw: Draw, *kinds: Values, pos_weight: bool = False) -> Sample:
    rng, shape = draw(generators()), draw(filled)
    arguments: dict[str, Any] = {"reduction": draw(reductions)}
    for name in ("weight", "pos_weight")[: 1 + pos_weight]:
        if draw(st.booleans()):
            arguments[name] = positive(rng, shape[draw(st.integers(0, len(shape))) :])
    return Sample(tuple(kind(rng, shape) for kind in kinds), arguments)


def bce(x: Any, y: Any, weight: Any = 1.0, pos_weight: Any = 1.0) -> Any:
    return -weight * (pos_weight * y * np.log(x) + (1 - y) * np.log(1 - x))


def with_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give array arguments to ours as tensors."""
    return lambda *inputs, **arguments: function(
        *inputs, **{k: tg.tensor(v) if isinstance(v, np.ndarray) else v for k, v in arguments.items()}
    )


case(
    "binary_cross_entropy",
    with_tensors(F.binary_cross_entropy),
    reduce_to(bce),
    weighted(probabilities, probabilities),
    torch="nn.functional.binary_cross_entropy",
)
case(
    "binary_cross_entropy_with_logits",
    with_tensors(F.binary_cross_entropy_with_logits),
    reduce_to(lambda x, y, **weights: bce(1 / (1 + np.exp(-x)), y, **weights)),
    weighted(anywhere, probabilities, pos_weight=True),
    records="log_one_plus_exp",
    torch="nn.functional.binary_cross_entropy_with_logits",
)
case(
    "log_one_plus_exp",
    recorded._log_one_plus_exp,
    lambda x: np.log(1 + np.exp(x)),
    st.builds(lambda rng, shape: Sample((anywhere(rng, shape),), {}), generators(), filled),
    torch="nn.functional.softplus",
)


def kl(x: Any, y: Any, reduction: str, log_target: bool) -> Any:
    from scipy.special import xlogy

    losses = np.exp(y) * (y - x) if log_target else xlogy(y, y) - y * x
    return losses.sum() / (len(x) if x.ndim else 1) if reduction == "batchmean" else REDUCE[reduction](losses)


def without_warning(function: Callable[..., Any]) -> Callable[..., Any]:
    def quiet(torch: Any, *inputs: Any, **arguments: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(torch)(*inputs, **arguments)

    return quiet


case(
    "kl_div",
    F.kl_div,
    kl,
    pairs(anywhere, positive, log_target=st.booleans()).flatmap(
        lambda s: st.sampled_from(["batchmean", s.arguments["reduction"]]).map(
            lambda reduction: Sample(s.inputs, s.arguments | {"reduction": reduction})
        )
    ),
    records="mul",
    torch=without_warning(lambda torch: torch.nn.functional.kl_div),
)


def poisson(x: Any, y: Any, log_input: bool, full: bool, eps: float) -> Any:
    stirling = np.where(y > 1, y * np.log(y) - y + 0.5 * np.log(2 * np.pi * y), 0)
    return (np.exp(x) - y * x if log_input else x - y * np.log(x + eps)) + full * stirling


loss(
    "poisson_nll_loss",
    poisson,
    pairs(positive, positive, log_input=st.booleans(), full=st.booleans(), eps=st.sampled_from([1e-8, 1e-2])),
    records="mul",
)


@st.composite
def variances(draw: Draw) -> Sample:
    rng, shape = draw(generators()), draw(shapes(min_dims=1, min_side=1))
    options = [shape, shape[:-1], (*shape[:-1], 1)]
    if len(shape) > 1 and shape[0] == 1:
        options = [shape]
    arrays = anywhere(rng, shape), anywhere(rng, shape), positive(rng, draw(st.sampled_from(options)))
    eps = draw(st.sampled_from([1e-6, 0.05]))
    return Sample(arrays, {"full": draw(st.booleans()), "eps": eps, "reduction": draw(reductions)})


def gaussian(x: Any, y: Any, v: Any, full: bool, eps: float) -> Any:
    v = v[..., None] if v.ndim < x.ndim else v
    return (np.log(v) + (x - y) ** 2 / v + full * np.log(2 * np.pi)) / 2


loss("gaussian_nll_loss", gaussian, variances(), records="log")

# --- of margins ---

margins = st.sampled_from([0.55, 1.05])


def with_signs(samples: Any) -> Any:
    """Move the last array, of signs, from what is differentiated to the arguments."""
    return samples.map(lambda s: Sample(s.inputs[:-1], {**s.arguments, "target": s.inputs[-1]}))


def target_last(function: Callable[..., Any]) -> Callable[..., Any]:
    return with_tensors(lambda *inputs, target, **arguments: function(*inputs, target, **arguments))


def margin_case(name: str, formula: Callable[..., Any], samples: Any, *, records: str) -> None:
    case(
        name,
        target_last(getattr(F, name)),
        reduce_to(formula),
        with_signs(samples),
        records=records,
        torch=lambda torch, *inputs, target, **arguments: getattr(torch.nn.functional, name)(
            *inputs, target, **arguments
        ),
    )


margin_case(
    "soft_margin_loss",
    lambda x, target: np.log(1 + np.exp(-x * target)),
    pairs(anywhere, signs),
    records="log_one_plus_exp",
)
margin_case(
    "hinge_embedding_loss",
    lambda x, target, margin: np.where(target == 1, x, np.maximum(0, margin - x)),
    pairs(spaced, signs, margin=margins),
    records="where",
)


def spread_pairs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(rng.integers(-9, 9, shape) / 4)


margin_case(
    "margin_ranking_loss",
    lambda a, b, target, margin: np.maximum(0, margin - target * (a - b)),
    pairs(spread_pairs, spread_pairs, signs, margin=st.sampled_from([0.1, 0.4])),
    records="clamp",
)


def norm(x: Any, p: float) -> Any:
    return np.linalg.norm(x, p, axis=-1) if x.size else np.zeros(x.shape[:-1])


def cosine(a: Any, b: Any, dim: int = -1) -> Any:
    a, b = np.moveaxis(np.stack(np.broadcast_arrays(a, b)), dim if dim < 0 else dim + 1, -1)
    return (a * b).sum(-1) / norm(a, 2) / norm(b, 2)


@st.composite
def embeddings(draw: Draw) -> Sample:
    """Two batches of vectors, and signs; no angle at the margin."""
    rng, batch = draw(generators()), draw(shapes(max_dims=1, min_side=1))
    arrays = off_zero(rng, (*batch, 3)), off_zero(rng, (*batch, 3))
    cosines = np.atleast_1d(cosine(*arrays))
    margin = draw(st.sampled_from([m for m in (0.0, 0.3, -0.2, 0.1, -0.4) if np.abs(cosines - m).min() > 0.01]))
    return Sample((*arrays, signs(rng, batch)), {"margin": margin, "reduction": draw(reductions)})


margin_case(
    "cosine_embedding_loss",
    lambda a, b, target, margin: np.where(target == 1, 1 - cosine(a, b), np.maximum(0, cosine(a, b) - margin)),
    embeddings(),
    records="sqrt",
)


@st.composite
def triplets(draw: Draw) -> Sample:
    rng, batch = draw(generators()), draw(shapes(max_dims=1, min_side=1))
    near = anywhere(rng, (*batch, 2))
    far = near + rng.choice([-1.0, 1.0], near.shape) * rng.uniform(3, 4, near.shape)
    arrays = [near, near + off_zero(rng, near.shape), far]
    if draw(st.booleans()):
        arrays[1], arrays[2] = arrays[2], arrays[1]
    p, swap = draw(st.sampled_from([2, 2, 1, 3.0])), draw(st.booleans())
    return Sample(tuple(arrays), {"margin": 0.6, "p": p, "swap": swap, "reduction": draw(reductions)})


def triplet(anchor: Any, positive: Any, negative: Any, margin: float, p: float, swap: bool) -> Any:
    distance = lambda a, b: norm(a - b + 1e-6, p)  # noqa: E731
    near, far, between = distance(anchor, positive), distance(anchor, negative), distance(positive, negative)
    return np.maximum(0, margin + near - (np.minimum(far, between) if swap else far))


loss("triplet_margin_loss", triplet, triplets(), records="clamp")

# --- distances ---


@st.composite
def vectors(draw: Draw) -> Sample:
    rng, (a, b) = draw(generators()), draw(broadcastable())
    p = draw(st.sampled_from([2.0, 2.0, 1.0, 3.0, float("inf")]))
    arrays = spaced(rng, (*a, 3)), spaced(rng, (*b, 3)) * 0.7 + 50
    return Sample(arrays, {"p": p, "keepdim": draw(st.booleans())})


case(
    "pairwise_distance",
    tg.pairwise_distance,
    lambda a, b, p, keepdim: np.expand_dims(norm(a - b + 1e-6, p), -1) if keepdim else norm(a - b + 1e-6, p),
    vectors().filter(lambda s: s.arguments["p"] == 2),
    records="square pow",
    torch="pairwise_distance",
)
case(
    "pairwise_distance of any order",
    tg.pairwise_distance,
    lambda a, b, p, keepdim: np.expand_dims(norm(a - b + 1e-6, p), -1) if keepdim else norm(a - b + 1e-6, p),
    vectors(),
    records="add",
    torch="pairwise_distance",
)


@st.composite
def directions(draw: Draw) -> Sample:
    rng, (a, b) = draw(generators()), draw(broadcastable())
    a, b = (*a, 3), (*b, 3)
    dim = draw(st.integers(-len(a), -1)) if len(a) == len(b) and 0 not in a + b else -1
    return Sample((off_zero(rng, a), off_zero(rng, b)), {"dim": dim})


case(
    "cosine_similarity", tg.cosine_similarity, cosine, directions(), records="square pow", torch="cosine_similarity"
)

# --- cross-entropy with all its arguments ---


@st.composite
def labelled(draw: Draw) -> Sample:
    """Scores, class indices of which the first is 0 and some others are ignored, and weights."""
    rng, classes = draw(generators()), draw(st.integers(2, 4))
    batch = draw(shapes(min_dims=1, max_dims=3, min_side=1, max_side=2))
    target = np.asarray(rng.integers(0, classes, batch))
    ignore = draw(st.sampled_from([-100, -1, 1, 9]))
    target.reshape(-1)[1:][rng.random(target.size - 1) < 0.4] = ignore
    target.reshape(-1)[0] = 0
    arguments: dict[str, Any] = {"target": target, "ignore_index": ignore, "reduction": draw(reductions)}
    if draw(st.booleans()):
        arguments["weight"] = positive(rng, (classes,))
    return Sample((anywhere(rng, (*batch[:1], classes, *batch[1:])),), arguments)


@st.composite
def smoothed(draw: Draw) -> Sample:
    """The same with smoothing, where classes that all count alike would be another operation."""
    sample = draw(labelled())
    amounts = [0.0, 0.3, 1.0] if "weight" in sample.arguments else [0.3, 1.0]
    return Sample(sample.inputs, {**sample.arguments, "label_smoothing": draw(st.sampled_from(amounts))})


def cross_entropy_of(log: Callable[[Any], Any]) -> Callable[..., Any]:
    def oracle(
        x: Any, target: Any, ignore_index: int, reduction: str, weight: Any = None, label_smoothing: float = 0.0
    ) -> Any:
        rows = np.moveaxis(log(x), 1, -1)
        w = np.ones(x.shape[1]) if weight is None else weight
        losses, total = np.zeros(target.shape), 0.0
        for at in np.ndindex(target.shape):
            if (y := target[at]) != ignore_index:
                losses[at] = -(1 - label_smoothing) * w[y] * rows[at][y]
                losses[at] -= label_smoothing / len(w) * np.sum(w * rows[at])
                total += w[y]
        return losses.sum() / total if reduction == "mean" else REDUCE[reduction](losses)

    return oracle


def log_softmax(x: Any) -> Any:
    return x - np.log(np.exp(x).sum(1, keepdims=True))


case(
    "cross_entropy with weights",
    with_tensors(tg.cross_entropy),
    cross_entropy_of(log_softmax),
    smoothed(),
    records="soft_cross_entropy",
    torch="nn.functional.cross_entropy",
)
case(
    "nll_loss with weights",
    with_tensors(tg.nll_loss),
    cross_entropy_of(lambda x: x),
    labelled(),
    records="neg",
    torch="nn.functional.nll_loss",
)


@st.composite
def distributions(draw: Draw) -> Sample:
    rng, shape = draw(generators()), draw(shapes(min_dims=2, max_dims=3, min_side=1))
    arguments = {"label_smoothing": draw(st.sampled_from([0.0, 0.3])), "reduction": draw(reductions)}
    if draw(st.booleans()):
        arguments["weight"] = positive(rng, shape[1:2])
    return Sample((anywhere(rng, shape), probabilities(rng, shape)), arguments)


def soft_oracle(x: Any, y: Any, label_smoothing: float, reduction: str, weight: Any = None) -> Any:
    w = np.ones(x.shape[1]) if weight is None else weight
    y = y * (1 - label_smoothing) + label_smoothing / x.shape[1]
    return REDUCE[reduction](-np.einsum("nc...,nc...,c->n...", y, log_softmax(x), w))


case(
    "cross_entropy with probabilities",
    with_tensors(tg.cross_entropy),
    soft_oracle,
    distributions(),
    records="soft_cross_entropy",
    torch="nn.functional.cross_entropy",
)

# --- what must be refused ---

for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "kl_div"):
    function = getattr(F, name)
    refuse(lambda f=function: f(zeros(0), zeros(0)), ValueError, rf"{name}: the mean of an empty batch")
    refuse(lambda f=function: f(zeros(1), zeros(1), reduction="all"), ValueError, rf"{name}: reduction 'all'")
refuse(lambda: F.smooth_l1_loss(zeros(2), zeros(2), beta=-1), ValueError, r"smooth_l1_loss: beta is -1")
refuse(lambda: F.huber_loss(zeros(2), zeros(2), delta=0), ValueError, r"huber_loss: delta is 0; wanted more")
refuse(
    lambda: F.binary_cross_entropy(zeros(2), zeros(2, 1)), ValueError, r"target of shape \(2, 1\); wanted .*\(2,\)"
)
refuse(
    lambda: F.binary_cross_entropy(zeros(2) + 1.5, zeros(2)), ValueError, r"wanted probabilities between 0 and 1"
)
refuse(
    lambda: F.binary_cross_entropy_with_logits(zeros(2), zeros(3)), ValueError, r"logits: target of shape \(3,\)"
)
refuse(lambda: F.gaussian_nll_loss(zeros(2, 3), zeros(2, 3), zeros(4)), ValueError, r"var of shape \(4,\) does not")
refuse(lambda: F.gaussian_nll_loss(zeros(2), zeros(2), zeros(2) - 1), ValueError, r"var has negative entries")
refuse(lambda: F.cosine_embedding_loss(zeros(2, 3), zeros(2, 3), zeros(3)), ValueError, r"wanted \(N, D\)")
refuse(
    lambda: F.triplet_margin_loss(zeros(2), zeros(2), zeros(1, 2)),
    ValueError,
    r"triplet_margin_loss: wanted .* the same number",
)
refuse(
    lambda: F.triplet_margin_loss(zeros(2), zeros(2), zeros(2), 0), ValueError, r"margin is 0; wanted more than 0"
)
refuse(lambda: tg.cosine_similarity(zeros(2), zeros(2)), IndexError, r"cosine_similarity: dim 1 is out of range")
classes = tg.tensor([0, 2])
refuse(lambda: tg.cross_entropy(zeros(2, 3), classes, tg.ones(2)), ValueError, r"weight of shape \(2,\); .* \(3,\)")
refuse(lambda: tg.nll_loss(zeros(2, 3), classes, zeros(3)), RuntimeError, r"nll_loss: weight is a constant")
refuse(
    lambda: tg.cross_entropy(zeros(2, 3), classes, label_smoothing=2), ValueError, r"label_smoothing is 2; wanted"
)
refuse(
    lambda: tg.cross_entropy(zeros(2, 3), tg.tensor([-100, -100])),
    ValueError,
    r"the mean of an empty .* of weight 0",
)
refuse(
    lambda: tg.one_hot(tg.zeros(0, dtype=tg.int64)), ValueError, r"one_hot: an empty target has no largest class"
)
