"""Lookup, bilinear products, attention."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F
from tests.support.registry import Sample, case, refuse, zeros
from tests.support.strategies import Draw, anywhere, generators, shapes, spaced


@st.composite
def lookups(draw: Draw) -> Sample:
    rng, rows = draw(generators()), draw(st.integers(1, 4))
    indices = np.asarray(rng.integers(0, rows, draw(shapes(max_dims=2))))
    return Sample((anywhere(rng, (rows, draw(st.integers(0, 3)))),), {"indices": indices})


case(
    "embedding",
    lambda weight, indices: F.embedding(tg.tensor(indices), weight),
    lambda weight, indices: weight[indices],
    lookups(),
    records="index",
    torch=lambda torch, weight, indices: torch.nn.functional.embedding(indices, weight),
)


@st.composite
def bags(draw: Draw) -> Sample:
    """Bags of equal lengths, or of lengths that offsets tell, some of them empty; distinct numbers."""
    rng, rows, count = draw(generators()), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    arguments: dict[str, Any] = {"mode": draw(st.sampled_from(["sum", "mean", "max"]))}
    if draw(st.booleans()):
        arguments["indices"] = rng.integers(0, rows, (count, draw(st.integers(1, 3))))
    else:
        lengths = rng.integers(0, 4, count)
        arguments["indices"] = rng.integers(0, rows, lengths.sum())
        arguments["include_last_offset"] = draw(st.booleans())
        starts = np.concatenate([[0], np.cumsum(lengths)])
        arguments["offsets"] = starts if arguments["include_last_offset"] else starts[:-1]
    arguments["padding_idx"] = draw(st.sampled_from([None, 0, -1]))
    arrays = [spaced(rng, (rows, 2))]
    if arguments["mode"] == "sum" and draw(st.booleans()):
        arrays.append(anywhere(rng, arguments["indices"].shape))
    return Sample(tuple(arrays), arguments)


def bag_by_bag(weight: Any, scales: Any = 1.0, **given: Any) -> Any:
    indices, mode, offsets = given["indices"], given["mode"], given.get("offsets")
    scales = np.broadcast_to(scales, indices.shape)
    if offsets is not None:
        indices, scales = (
            np.split(x, offsets[1 : len(offsets) - given["include_last_offset"]]) for x in (indices, scales)
        )
    out = np.zeros((len(indices), weight.shape[1]))
    for i, (bag, by) in enumerate(zip(indices, scales, strict=True)):
        counted = bag != (-1 if given["padding_idx"] is None else given["padding_idx"] % len(weight))
        if counted.any():
            out[i] = getattr(np, mode)((weight[bag] * by[:, None])[counted], axis=0)
    return out


case(
    "embedding_bag",
    lambda weight, scales=None, *, indices, offsets=None, **rest: F.embedding_bag(
        tg.tensor(indices),
        weight,
        None if offsets is None else tg.tensor(offsets),
        per_sample_weights=scales,
        **rest,
    ),
    bag_by_bag,
    bags(),
    records="index",
)


@st.composite
def pairs_of_vectors(draw: Draw) -> Sample:
    rng, batch = draw(generators()), draw(shapes(max_dims=2))
    o, i, j = (draw(st.integers(1, 3)) for _ in range(3))
    arrays = anywhere(rng, (*batch, i)), anywhere(rng, (*batch, j)), anywhere(rng, (o, i, j)), anywhere(rng, (o,))
    return Sample(arrays[: draw(st.integers(3, 4))], {})


case(
    "bilinear",
    F.bilinear,
    lambda a, b, w, c=0: np.einsum("...i,oij,...j->...o", a, w, b) + c,
    pairs_of_vectors(),
    records="matmul",
    torch="nn.functional.bilinear",
)


@st.composite
def attentions(draw: Draw) -> Sample:
    """Queries, keys, values, perhaps a mask of numbers to differentiate by; or a mask of booleans, or causality."""
    rng, batch = draw(generators()), draw(shapes(max_dims=2, min_side=1))
    length, keys, width, out = (draw(st.integers(1, 3)) for _ in range(4))
    arrays = [anywhere(rng, (*batch, n, w)) for n, w in ((length, width), (keys, width), (keys, out))]
    arguments: dict[str, Any] = {"scale": draw(st.sampled_from([None, 0.7]))}
    kind = draw(st.sampled_from(["none", "boolean", "numbers", "causal"]))
    if kind == "boolean":
        arguments["attn_mask"] = rng.random((*batch[1:], length, keys)) < 0.7
        arguments["attn_mask"][..., 0] = True
    if kind == "numbers":
        arrays.append(anywhere(rng, (length, keys)))
    arguments["is_causal"] = kind == "causal"
    return Sample(tuple(arrays), arguments)


def attend(q: Any, k: Any, v: Any, attn_mask: Any = None, is_causal: bool = False, scale: Any = None) -> Any:
    out = np.zeros((*q.shape[:-1], v.shape[-1]))
    whole = (*q.shape[:-1], k.shape[-2])
    for at in product(*map(range, q.shape[:-1])):
        scores = k[at[:-1]] @ q[at] * (q.shape[-1] ** -0.5 if scale is None else scale)
        may_look = np.arange(len(scores)) <= at[-1] if is_causal else np.ones(len(scores), bool)
        if attn_mask is not None and attn_mask.dtype == bool:
            may_look = np.broadcast_to(attn_mask, whole)[at]
        elif attn_mask is not None:
            scores = scores + np.broadcast_to(attn_mask, whole)[at]
        weights = np.exp(scores) * may_look
        out[at] = weights @ v[at[:-1]] / weights.sum()
    return out


def peer(torch: Any, q: Any, k: Any, v: Any, mask: Any = None, attn_mask: Any = None, **rest: Any) -> Any:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH):  # the only one that can be differentiated twice
        return torch.nn.functional.scaled_dot_product_attention(
            q, k, v, mask if attn_mask is None else attn_mask, **rest
        )


case(
    "scaled_dot_product_attention",
    lambda q, k, v, mask=None, attn_mask=None, **rest: F.scaled_dot_product_attention(
        q, k, v, mask if attn_mask is None else tg.tensor(attn_mask), **rest
    ),
    attend,
    attentions(),
    records="softmax matmul",
    torch=peer,
)


@st.composite
def labelled_times(draw: Draw) -> Sample:
    """Logits of few steps and classes, and labels that fit into them."""
    rng, steps, batch, classes = draw(generators()), draw(st.integers(1, 4)), draw(st.integers(1, 2)), 3
    lengths = rng.integers(1, steps + 1, batch)
    counts = np.minimum(rng.integers(0, 3, batch), (lengths + 1) // 2)
    blank = draw(st.sampled_from([0, 2]))
    targets = rng.permutation([c for c in range(classes) if c != blank] * 2)[:2]
    arguments = {"targets": np.tile(targets, (batch, 1)), "input_lengths": lengths, "target_lengths": counts}
    reduction = draw(st.sampled_from(["mean", "sum", "none"]))
    return Sample((anywhere(rng, (steps, batch, classes)),), {**arguments, "blank": blank, "reduction": reduction})


def of_all_ways(x: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int, reduction: str) -> Any:
    p = np.exp(x) / np.exp(x).sum(2, keepdims=True)
    losses = []
    for i, (length, count) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        total = 0.0
        for way in product(range(x.shape[2]), repeat=int(length)):
            labels = [c for t, c in enumerate(way) if c != blank and (t == 0 or c != way[t - 1])]
            if labels == targets[i, :count].tolist():
                total += np.prod([p[t, i, c] for t, c in enumerate(way)])
        losses.append(-np.log(total) if total else np.inf)
    if reduction == "mean":
        return np.mean(losses / np.maximum(target_lengths, 1))
    return np.sum(losses) if reduction == "sum" else np.array(losses)


case(
    "ctc_loss",
    lambda x, targets, **rest: F.ctc_loss(tg.log_softmax(x, 2), tg.tensor(targets), **rest),
    of_all_ways,
    labelled_times().filter(lambda s: np.all(np.isfinite(of_all_ways(*s.inputs, **s.arguments)))),
    records="logsumexp",
)

# --- what must be refused ---

times = zeros(3, 1, 2)
refuse(lambda: F.ctc_loss(times, tg.tensor([[1]]), [4], [1]), ValueError, r"input_lengths are \[4\]; wanted 0 to 3")
refuse(lambda: F.ctc_loss(times, tg.tensor([[1]]), [3], [2]), ValueError, r"targets have shape \(1, 1\); wanted")
refuse(lambda: F.ctc_loss(times, tg.tensor([[5]]), [3], [1]), IndexError, r"a target is not one of 2 classes")
refuse(lambda: F.ctc_loss(times, tg.tensor([[1]]), [3], [1], blank=2), ValueError, r"blank is 2; wanted one of 2")
refuse(lambda: F.ctc_loss(times, tg.tensor([[0.5]]), [3], [1]), TypeError, r"wanted whole numbers as targets")
refuse(lambda: F.ctc_loss(zeros(3), tg.tensor([[1]]), [3], [1]), ValueError, r"log_probs has shape \(3,\); wanted")

table = zeros(3, 2)
refuse(lambda: F.embedding(tg.tensor([3]), table), IndexError, r"embedding: the index 3 is not one of 3 rows")
refuse(lambda: F.embedding(tg.tensor([-1]), table), IndexError, r"embedding: the index -1 is not one of 3 rows")
refuse(lambda: F.embedding(tg.tensor([0.5]), table), TypeError, r"embedding: wanted integers as input, got float32")
refuse(lambda: F.embedding(tg.tensor([0]), zeros(3)), ValueError, r"weight has shape \(3,\); wanted \(V, D\)")
refuse(lambda: F.embedding(tg.tensor([0]), table, padding_idx=3), ValueError, r"padding_idx 3 is not one of 3 rows")
bag = F.embedding_bag
refuse(lambda: bag(tg.tensor([[0]]), table, mode="min"), ValueError, r"embedding_bag: mode is 'min'; wanted one of")
refuse(lambda: bag(tg.tensor([0]), table), ValueError, r"offsets are None; wanted an input \(B, N\) and no offsets")
refuse(
    lambda: bag(tg.tensor([0, 1]), table, tg.tensor([0, 3])),
    ValueError,
    r"embedding_bag: the offsets are \[0, 3\]; wanted integers that grow from 0",
)
refuse(
    lambda: bag(tg.tensor([[0, 1]]), table, per_sample_weights=zeros(1, 2)),
    ValueError,
    r"per_sample_weights have shape \(1, 2\) in mode 'mean'; wanted",
)
refuse(lambda: F.bilinear(zeros(2), zeros(3), zeros(1, 3, 2)), ValueError, r"bilinear: shapes .* do not fit")
refuse(
    lambda: F.bilinear(zeros(2), zeros(3), zeros(1, 2, 3), zeros(2)), ValueError, r"bias has shape \(2,\); wanted"
)
attention = F.scaled_dot_product_attention
refuse(lambda: attention(zeros(2, 3), zeros(2, 4), zeros(2, 3)), ValueError, r"attention: shapes .* do not fit")
refuse(
    lambda: attention(table, table, table, tg.ones(3, 3), is_causal=True),
    ValueError,
    r"both attn_mask and is_causal",
)
for name, shape in {"dropout": (2,), "dropout1d": (2, 2), "dropout2d": (1, 2, 2, 2)}.items():
    drop = getattr(F, name)
    refuse(lambda f=drop, s=shape: f(zeros(*s), 1.5), ValueError, rf"{name}: p is 1.5; wanted a probability")
refuse(
    lambda: F.dropout2d(zeros(1, 2, 3)),
    ValueError,
    r"dropout2d: input has shape \(1, 2, 3\); wanted \(N, C, H, W\)",
)
refuse(lambda: F.dropout1d(zeros(3)), ValueError, r"dropout1d: input has shape \(3,\)")
refuse(lambda: F.dropout(tg.tensor([1, 2])), TypeError, r"dropout: wanted floating-point numbers, got int64")
