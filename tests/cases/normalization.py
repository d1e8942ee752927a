"""Normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F
from tests.support.registry import Sample, case, refuse, zeros
from tests.support.strategies import Draw, anywhere, generators, off_zero, spaced
from tinygrad_cnn.ops import standardize


def standard(x: np.ndarray, axis: tuple[int, ...], eps: float) -> np.ndarray:
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + eps)


def affine(x: np.ndarray, weight: Any, bias: Any, behind: int = 0) -> np.ndarray:
    for value, apply in ((weight, np.multiply), (bias, np.add)):
        x = x if value is None else apply(x, value.reshape(*value.shape, *(1,) * behind))
    return x


epsilons = st.sampled_from([1e-5, 0.1])


@st.composite
def with_channels(draw: Draw, least: int = 0, multiple: int = 1) -> Sample:
    """Images, rows or vectors (N, C, ...), a weight and a bias for the channels or not, and eps."""
    rng, channels = draw(generators()), multiple * draw(st.integers(1, 2))
    behind = draw(st.lists(st.integers(2, 3), min_size=least, max_size=2))
    count = draw(st.integers(0, 2))
    arrays = [spaced(rng, (2, channels, *behind)), off_zero(rng, (channels,)), anywhere(rng, (channels,))]
    return Sample(tuple(arrays[: count + 1]), {"eps": draw(epsilons)})


def per_channel(x: np.ndarray, weight: Any, bias: Any) -> np.ndarray:
    return affine(x, weight, bias, x.ndim - 2)


case(
    "standardize",
    standardize.standardize,
    lambda x, dim, eps: standard(x, dim, eps),
    with_channels(1).map(lambda s: Sample(s.inputs[:1], {"dim": (0, 2), **s.arguments})),
)
case(
    "batch_norm",
    lambda x, w=None, b=None, *, eps: F.batch_norm(x, None, None, w, b, training=True, eps=eps),
    lambda x, w=None, b=None, *, eps: per_channel(standard(x, (0, *range(2, x.ndim)), eps), w, b),
    with_channels(),
    records="standardize",
    torch=lambda torch, x, w=None, b=None, *, eps: torch.nn.functional.batch_norm(
        x, None, None, w, b, True, eps=eps
    ),
)


def running(channels: int) -> tuple[np.ndarray, np.ndarray]:
    return np.linspace(-1, 1, channels), np.linspace(0.5, 2, channels)


def by_running(x: np.ndarray, w: Any = None, b: Any = None, *, eps: float) -> np.ndarray:
    mean, var = (one.reshape(-1, *(1,) * (x.ndim - 2)) for one in running(x.shape[1]))
    return per_channel((x - mean) / np.sqrt(var + eps), w, b)


def in_evaluation(x: Any, w: Any = None, b: Any = None, *, eps: float) -> Any:
    mean, var = (tg.tensor(one, dtype=x.dtype) for one in running(x.shape[1]))
    return F.batch_norm(x, mean, var, w, b, eps=eps)


case(
    "batch_norm_in_evaluation",
    in_evaluation,
    by_running,
    with_channels(),
    records="mul",
    torch=lambda torch, x, w=None, b=None, *, eps: torch.nn.functional.batch_norm(
        x, *map(torch.tensor, running(x.shape[1])), w, b, eps=eps
    ),
)
case(
    "instance_norm",
    lambda x, w=None, b=None, *, eps: F.instance_norm(x, weight=w, bias=b, eps=eps),
    lambda x, w=None, b=None, *, eps: per_channel(standard(x, tuple(range(2, x.ndim)), eps), w, b),
    with_channels(1),
    records="standardize",
    torch=lambda torch, x, w=None, b=None, *, eps: torch.nn.functional.instance_norm(x, None, None, w, b, eps=eps),
)
case(
    "group_norm",
    lambda x, w=None, b=None, *, eps: F.group_norm(x, 2, w, b, eps),
    lambda x, w=None, b=None, *, eps: per_channel(standard(x.reshape(2, 2, -1), (2,), eps).reshape(x.shape), w, b),
    with_channels(1, multiple=2),
    records="standardize",
    torch=lambda torch, x, w=None, b=None, *, eps: torch.nn.functional.group_norm(x, 2, w, b, eps),
)


@st.composite
def with_last_dims(draw: Draw, most: int = 2) -> Sample:
    rng, wanted = draw(generators()), tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=2)))
    before = tuple(draw(st.lists(st.integers(0, 2), max_size=2)))
    arrays = [spaced(rng, (*before, *wanted)), off_zero(rng, wanted), anywhere(rng, wanted)]
    arguments = {"normalized_shape": wanted, "eps": draw(epsilons)}
    return Sample(tuple(arrays[: draw(st.integers(0, most)) + 1]), arguments)


def last_dims(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(range(-len(shape), 0))


case(
    "layer_norm",
    lambda x, w=None, b=None, *, normalized_shape, eps: F.layer_norm(x, normalized_shape, w, b, eps),
    lambda x, w=None, b=None, *, normalized_shape, eps: affine(standard(x, last_dims(normalized_shape), eps), w, b),
    with_last_dims(),
    records="standardize",
    torch=lambda torch, x, w=None, b=None, *, normalized_shape, eps: torch.nn.functional.layer_norm(
        x, normalized_shape, w, b, eps
    ),
)
case(
    "rms_norm",
    lambda x, w=None, *, normalized_shape, eps: F.rms_norm(x, normalized_shape, w, eps),
    lambda x, w=None, *, normalized_shape, eps: affine(
        x / np.sqrt((x * x).mean(last_dims(normalized_shape), keepdims=True) + eps), w, None
    ),
    with_last_dims(1),
    records="square mul",
    torch=lambda torch, x, w=None, *, normalized_shape, eps: torch.nn.functional.rms_norm(
        x, normalized_shape, w, eps
    ),
)


@st.composite
def vectors(draw: Draw) -> Sample:
    rng, shape = draw(generators()), draw(st.sampled_from([(2, 3), (3, 1), (2, 3, 2)]))
    p, dim = draw(st.sampled_from([1.0, 1.5, 2.0, 3.0, np.inf])), draw(st.sampled_from([1, 0, -1]))
    return Sample((spaced(rng, shape),), {"p": p, "dim": dim, "eps": draw(st.sampled_from([1e-12, 5.0]))})


case(
    "normalize",
    F.normalize,
    lambda x, p, dim, eps: (
        x
        / np.maximum(
            np.abs(x).max(dim, keepdims=True)
            if p == np.inf
            else (np.abs(x) ** p).sum(dim, keepdims=True) ** (1 / p),
            eps,
        )
    ),
    vectors(),
    records="div clamp",
    torch="nn.functional.normalize",
)


@st.composite
def responses(draw: Draw) -> Sample:
    rng, behind = draw(generators()), draw(st.sampled_from([(2,), (1, 2), (2, 1, 2)]))
    arguments = draw(
        st.fixed_dictionaries(
            {"size": st.integers(1, 4)}, optional={"alpha": st.just(0.5), "beta": st.just(1.5), "k": st.just(2.0)}
        )
    )
    return Sample((anywhere(rng, (2, 3, *behind)),), arguments)


def local_response(x: np.ndarray, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> np.ndarray:
    out = np.zeros(x.shape)
    for c in range(x.shape[1]):
        near = x[:, max(c - size // 2, 0) : c + (size - 1) // 2 + 1]
        out[:, c] = x[:, c] / (k + alpha / size * (near**2).sum(1)) ** beta
    return out


case(
    "local_response_norm",
    F.local_response_norm,
    local_response,
    responses(),
    records="avg_pool2d pow",
    torch="nn.functional.local_response_norm",
)

# --- what must be refused ---

refuse(lambda: F.batch_norm(zeros(3), None, None, training=True), ValueError, r"batch_norm: wanted an input \(N, C")
refuse(
    lambda: F.batch_norm(zeros(2, 3), None, None), ValueError, r"batch_norm: .* needs running_mean and running_var"
)
refuse(
    lambda: F.batch_norm(zeros(1, 3), None, None, training=True), ValueError, r"batch_norm: wanted more than one"
)
refuse(
    lambda: F.batch_norm(zeros(2, 3), zeros(2), zeros(3)), ValueError, r"batch_norm: running_mean of shape \(2,\)"
)
refuse(lambda: F.instance_norm(zeros(2, 3, 1)), ValueError, r"instance_norm: wanted more than one value for each")
refuse(lambda: F.group_norm(zeros(2, 3), 2), ValueError, r"group_norm: 2 groups do not divide the 3 channels")
refuse(lambda: F.layer_norm(zeros(2, 3), (2,)), ValueError, r"layer_norm: normalized_shape \(2,\) is not the end")
refuse(
    lambda: F.layer_norm(zeros(2, 3), 3, zeros(2)), ValueError, r"layer_norm: weight of shape \(2,\); wanted \(3,\)"
)
refuse(lambda: F.rms_norm(tg.tensor([1, 2]), 2), TypeError, r"rms_norm: wanted floating-point numbers, got int64")
refuse(lambda: F.normalize(zeros(2)), IndexError, r"normalize: dim 1 is out of range")
refuse(
    lambda: F.local_response_norm(zeros(2, 3), 2), ValueError, r"local_response_norm: wanted an input \(N, C, L\)"
)
