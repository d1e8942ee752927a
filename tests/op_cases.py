"""The registry: for every operation, what to call it with, what it must give, and what it must refuse.

One generic test file runs every case (`test_ops.py`). An operation with a derivative that no case here records
fails the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import oracles
from hypothesis import strategies as st
from strategies import (
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

import tinygrad_cnn as tg
from tinygrad_cnn.kernels.conv import Geometry
from tinygrad_cnn.kernels.pool import Window
from tinygrad_cnn.ops import broadcast, conv, elementwise, index, pool


@dataclass(frozen=True)
class Sample:
    """One call: float64 arrays to differentiate with respect to, and the other arguments."""

    inputs: tuple[np.ndarray, ...]
    arguments: dict[str, Any]


@dataclass(frozen=True)
class OpCase:
    """An operation, calls of it, and what they must return by somebody else's account."""

    name: str
    function: Callable[..., Any]
    oracle: Callable[..., Any]
    samples: st.SearchStrategy[Sample]
    records: tuple[str, ...]

    def __repr__(self) -> str:
        return self.name


CASES: list[OpCase] = []


def case(
    name: str,
    function: Callable[..., Any],
    oracle: Callable[..., Any],
    samples: st.SearchStrategy[Sample],
    records: str = "",
) -> None:
    """Add a case; ``records`` names the recorded operations that it is there to prove (its own, if left out)."""
    CASES.append(OpCase(name, function, oracle, samples, tuple(records.split() or [name])))


any_shape = shapes()


@st.composite
def calls(
    draw: Draw,
    *values: Values,
    shape: st.SearchStrategy[Any] = any_shape,
    broadcast: bool = False,
    arguments: Callable[[Draw, tuple[int, ...]], dict[str, Any]] = lambda draw, shape: {},
) -> Sample:
    """Calls with one array per kind of values: of one shape, or of shapes that broadcast."""
    rng = draw(generators())
    several = draw(broadcastable(len(values))) if broadcast else [draw(shape)] * len(values)
    arrays = tuple(kind(rng, s) for kind, s in zip(values, several, strict=True))
    return Sample(arrays, arguments(draw, several[0]))


def dim_of(draw: Draw, shape: tuple[int, ...]) -> int:
    return draw(st.integers(-len(shape), len(shape) - 1)) if shape else draw(st.sampled_from([-1, 0]))


def some_dims(draw: Draw, shape: tuple[int, ...]) -> Any:
    """None, one dimension, or several, from the front or the back."""
    if not shape or draw(st.booleans()):
        return None
    dims = draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True))
    return tuple(d - len(shape) if draw(st.booleans()) else d for d in dims) if len(dims) > 1 else dims[0]


# --- arithmetic and functions of one number ---

for name, oracle, kinds in [
    ("add", np.add, (anywhere, anywhere)),
    ("sub", np.subtract, (anywhere, anywhere)),
    ("mul", np.multiply, (anywhere, anywhere)),
    ("div", np.divide, (anywhere, off_zero)),
    ("pow", np.power, (positive, anywhere)),
]:
    case(name, getattr(tg, name), oracle, calls(*kinds, broadcast=True))


@st.composite
def untied(draw: Draw) -> Sample:
    """Two arrays that broadcast and hold no value twice between them."""
    rng, (a, b) = draw(generators()), draw(broadcastable())
    values = spaced(rng, (int(np.prod(a) + np.prod(b)),))
    return Sample((values[: int(np.prod(a))].reshape(a), values[int(np.prod(a)) :].reshape(b)), {})


case("maximum", tg.maximum, np.maximum, untied())
case("minimum", tg.minimum, np.minimum, untied())

for name, oracle, kind in [
    ("neg", np.negative, anywhere),
    ("square", np.square, anywhere),
    ("abs", np.abs, off_zero),
    ("sign", np.sign, off_zero),
    ("exp", np.exp, anywhere),
    ("log", np.log, positive),
    ("sqrt", np.sqrt, positive),
    ("sin", np.sin, anywhere),
    ("cos", np.cos, anywhere),
    ("tanh", np.tanh, anywhere),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), anywhere),
    ("relu", lambda x: np.where(x > 0, x, 0), off_zero),
]:
    case(name, getattr(tg, name), oracle, calls(kind))


@st.composite
def choices(draw: Draw) -> Sample:
    rng, (a, b, c) = draw(generators()), draw(broadcastable(3))
    return Sample((anywhere(rng, a), anywhere(rng, b)), {"condition": rng.random(c) < 0.5})


case(
    "where",
    lambda input, other, condition: tg.where(tg.tensor(condition), input, other),
    lambda input, other, condition: np.where(condition, input, other),
    choices(),
)

case(
    "where_positive",
    lambda values, signs: elementwise._where_positive(values, signs.astype(values.dtype)),
    lambda values, signs: np.where(signs > 0, values, 0),
    calls(anywhere, arguments=lambda draw, shape: {"signs": off_zero(draw(generators()), shape)}),
)

bounds = st.sampled_from([{"min": -0.7, "max": 0.45}, {"min": 0.05}, {"max": -0.55}])
case(
    "clamp",
    tg.clamp,
    lambda x, min=None, max=None: np.clip(x, min, max),
    calls(spaced, arguments=lambda draw, shape: draw(bounds)),
)
case(
    "cast",
    lambda input: broadcast.cast(input, dtype=input.dtype),
    np.copy,
    calls(anywhere),
)

# --- broadcasting, shapes, parts ---


@st.composite
def expansions(draw: Draw) -> Sample:
    rng, (a, b) = draw(generators()), draw(broadcastable())
    small, whole = sorted((a, b), key=lambda s: (len(s), np.prod(s)))
    if np.broadcast_shapes(small, whole) != whole:
        small = whole
    return Sample((anywhere(rng, small),), {"shape": whole})


@st.composite
def collapses(draw: Draw) -> Sample:
    sample = draw(expansions())
    (array,), shape = sample.inputs, sample.arguments["shape"]
    return Sample((anywhere(draw(generators()), shape),), {"shape": array.shape})


def sum_back(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Count where each element of the small shape went, and add up there."""
    out = np.zeros(shape)
    np.add.at(out.reshape(-1), np.broadcast_to(np.arange(out.size).reshape(shape), array.shape), array)
    return out


case("broadcast_to", tg.broadcast_to, np.broadcast_to, expansions())
case("expand", lambda x, shape: x.expand(*shape), np.broadcast_to, expansions(), "broadcast_to")
case("sum_to", broadcast.sum_to, sum_back, collapses())


def reshapings(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    size = int(np.prod(shape))
    options = [(size,), (1, size), (size, 1, 1)]
    if size:
        options += [(-1,), (1, -1)] + [(n, -1) for n in range(1, size + 1) if size % n == 0]
    return {"shape": draw(st.sampled_from(options))}


case("reshape", lambda x, shape: x.reshape(*shape), np.reshape, calls(anywhere, arguments=reshapings))
case("view", lambda x, shape: x.view(shape), np.reshape, calls(anywhere, arguments=reshapings), "reshape")
case(
    "flatten",
    lambda x: tg.flatten(x, 1),
    lambda x: x.reshape(len(x), int(np.prod(x.shape[1:]))),
    calls(anywhere, shape=shapes(min_dims=2)),
    "reshape",
)
case(
    "unsqueeze",
    tg.unsqueeze,
    lambda x, dim: np.expand_dims(x, dim),
    calls(anywhere, arguments=lambda d, s: {"dim": d(st.integers(-len(s) - 1, len(s)))}),
    "reshape",
)
case("squeeze", tg.squeeze, np.squeeze, calls(anywhere), "reshape")
case(
    "permute",
    lambda x, dims: x.permute(*dims),
    lambda x, dims: np.transpose(x, dims),
    calls(anywhere, arguments=lambda d, s: {"dims": tuple(d(st.permutations(range(len(s)))))}),
)
case("T", lambda x: x.T, np.transpose, calls(anywhere), "permute")
case(
    "transpose",
    tg.transpose,
    lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1),
    calls(anywhere, shape=shapes(min_dims=1), arguments=lambda d, s: {"dim0": dim_of(d, s), "dim1": dim_of(d, s)}),
    "permute",
)


@st.composite
def joins(draw: Draw) -> Sample:
    rng, shape = draw(generators()), list(draw(shapes(min_dims=1)))
    dim = dim_of(draw, tuple(shape))
    arrays = []
    for _ in range(draw(st.integers(1, 3))):
        shape[dim] = draw(st.integers(0, 3))
        arrays.append(anywhere(rng, tuple(shape)))
    return Sample(tuple(arrays), {"dim": dim})


@st.composite
def stackings(draw: Draw) -> Sample:
    rng, shape = draw(generators()), draw(shapes())
    arrays = tuple(anywhere(rng, shape) for _ in range(draw(st.integers(1, 3))))
    return Sample(arrays, {"dim": draw(st.integers(-len(shape) - 1, len(shape)))})


case("cat", lambda *t, dim: tg.cat(t, dim), lambda *a, dim: np.concatenate(a, dim), joins())
case("stack", lambda *t, dim: tg.stack(t, dim), lambda *a, dim: np.stack(a, dim), stackings(), "cat")

INDICES = [
    0,
    -1,
    slice(None, None, 2),
    slice(2, None, -1),
    (slice(1, 3), 1),
    (..., 0),
    (None, slice(None), None, 2),
    [0, 2, 0],
    (slice(None), [1, 1, 0]),
    ([0, 2, 2], [1, 0, 0]),
    np.array([[True, False, True], [False] * 3, [True] * 3]),
    (np.array([2, 0]), None, slice(0, 2)),
]


@st.composite
def parts(draw: Draw) -> Sample:
    rng = draw(generators())
    return Sample((anywhere(rng, (3, 3, 2)),), {"index": draw(st.sampled_from(INDICES))})


@st.composite
def placements(draw: Draw) -> Sample:
    rng, at = draw(generators()), draw(st.sampled_from(INDICES))
    return Sample((anywhere(rng, np.zeros((3, 3, 2))[at].shape),), {"shape": (3, 3, 2), "index": at})


def placed(x: np.ndarray, shape: tuple[int, ...], index: Any) -> np.ndarray:
    out = np.zeros(shape)
    np.add.at(out.reshape(-1), np.arange(out.size).reshape(shape)[index], x)
    return out


case("index", lambda x, index: x[index], lambda x, index: x[index], parts())
case("unindex", index._unindex, placed, placements())

# --- reductions ---


def reductions(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"dim": some_dims(draw, shape), "keepdim": draw(st.booleans())}


def numpy_reduction(function: Callable[..., Any], **fixed: Any) -> Callable[..., Any]:
    return lambda x, dim=None, keepdim=False: function(x, axis=dim, keepdims=keepdim, **fixed)


filled = shapes(min_side=1)
two_or_more = shapes(min_dims=1, min_side=2)
case("sum", tg.sum, numpy_reduction(np.sum), calls(anywhere, arguments=reductions))
case("mean", tg.mean, numpy_reduction(np.mean), calls(anywhere, shape=filled, arguments=reductions), "sum div")
case(
    "var", tg.var, numpy_reduction(np.var, ddof=1), calls(anywhere, shape=two_or_more, arguments=reductions), "sum"
)
case("std", tg.std, numpy_reduction(np.std, ddof=1), calls(spaced, shape=two_or_more, arguments=reductions), "sqrt")
case("amax", tg.amax, numpy_reduction(np.max), calls(spaced, shape=filled, arguments=reductions))
case("amin", tg.amin, numpy_reduction(np.min), calls(spaced, shape=filled, arguments=reductions))

# --- matrix products ---


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


case("matmul", tg.matmul, np.matmul, products())
case("linear", tg.linear, lambda x, w, b=0: x @ w.T + b, layers())

# --- convolution and pooling ---


@st.composite
def convolutions(draw: Draw) -> tuple[Any, ...]:
    """Arrays input, weight, bias and output gradient of a convolution, and its geometry."""

    def pair(least: int, most: int) -> tuple[int, int]:
        return draw(st.integers(least, most)), draw(st.integers(least, most))

    rng, groups = draw(generators()), draw(st.integers(1, 2))
    kernel = pair(1, 3)
    geometry = Geometry(pair(1, 2), pair(0, 2), pair(1, 2), groups)
    needed = [d * (k - 1) + 1 - 2 * p for d, k, p in zip(geometry.dilation, kernel, geometry.padding, strict=True)]
    height, width = (max(n, 1) + draw(st.integers(0, 2)) for n in needed)
    batch, inputs = draw(st.integers(0, 2)), groups * draw(st.integers(1, 2))
    outputs = groups * draw(st.sampled_from([1, 2, 8]) if batch < 2 else st.integers(1, 2))
    x = anywhere(rng, (batch, inputs, height, width))
    w = anywhere(rng, (outputs, inputs // groups, *kernel))
    out_size = geometry.output_size((height, width), kernel)
    return x, w, anywhere(rng, (outputs,)), anywhere(rng, (batch, outputs, *out_size)), geometry


def public_conv2d(x: Any, w: Any, b: Any = None, *, geometry: Geometry) -> Any:
    return tg.conv2d(x, w, b, *geometry)


def oracle_conv2d(x: Any, w: Any, b: Any = None, *, geometry: Geometry) -> Any:
    return oracles.conv2d(x, w, b, geometry, geometry.output_size(x.shape[2:], w.shape[2:]))


case(
    "conv2d",
    public_conv2d,
    oracle_conv2d,
    st.builds(lambda c, bias: Sample(c[:3] if bias else c[:2], {"geometry": c[4]}), convolutions(), st.booleans()),
)
case(
    "conv2d_input",
    conv._conv2d_input,
    oracles.conv2d_input,
    convolutions().map(lambda c: Sample((c[3], c[1]), {"size": c[0].shape[2:], "geometry": c[4]})),
)
case(
    "conv2d_weight",
    conv._conv2d_weight,
    oracles.conv2d_weight,
    convolutions().map(lambda c: Sample((c[3], c[0]), {"kernel": c[1].shape[2:], "geometry": c[4]})),
)


@st.composite
def poolings(draw: Draw) -> tuple[Any, ...]:
    """An input without ties, a gradient of the output, and a window."""
    rng, kernel = draw(generators()), (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    stride = draw(st.sampled_from([kernel, (1, 1), (2, 1), (2, 3)]))
    window = Window(kernel, stride, tuple(draw(st.integers(0, k // 2)) for k in kernel))
    size = tuple(k + draw(st.integers(0, 3)) for k in kernel)
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 2)))
    return spaced(rng, (*shape, *size)), anywhere(rng, (*shape, *window.output_size(size))), window


def pooled_shape(x: Any, window: Window) -> tuple[int, ...]:
    return (*x.shape[:2], *window.output_size(x.shape[2:]))


case(
    "max_pool2d",
    lambda x, window: tg.max_pool2d(x, *window),
    lambda x, window: oracles.max_pool2d(x, window, pooled_shape(x, window)),
    poolings().map(lambda c: Sample(c[:1], {"window": c[2]})),
)
case(
    "avg_pool2d",
    lambda x, window: tg.avg_pool2d(x, *window),
    lambda x, window: oracles.avg_pool2d(x, window, pooled_shape(x, window)),
    poolings().map(lambda c: Sample(c[:1], {"window": c[2]})),
)
case(
    "avg_unpool2d",
    pool._avg_unpool2d,
    oracles.avg_unpool2d,
    poolings().map(lambda c: Sample((c[1],), {"size": c[0].shape[2:], "window": c[2]})),
)


def with_maxima(function: Any) -> Any:
    """Call an operation of the max-pooling pair, which needs to know the input's windows' maxima."""

    def call(values: Any, x: np.ndarray, window: Window) -> Any:
        x = x.astype(values.dtype)
        return function(
            values, x, oracles.max_pool2d(x, window, pooled_shape(x, window)).astype(x.dtype), window=window
        )

    return call


case(
    "max_unpool2d",
    with_maxima(pool._max_unpool2d),
    lambda g, x, window: oracles.max_unpool2d(g, x, window),
    poolings().map(lambda c: Sample((c[1],), {"x": c[0], "window": c[2]})),
)
case(
    "max_pick2d",
    with_maxima(pool._max_pick2d),
    lambda values, x, window: oracles.max_pick2d(values, x, window, pooled_shape(x, window)),
    poolings().map(lambda c: Sample((np.sin(c[0]),), {"x": c[0], "window": c[2]})),
)

# --- softmax and losses ---


def along_dim(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"dim": dim_of(draw, shape)}


softmax_calls = calls(anywhere, shape=shapes(min_dims=1, min_side=1), arguments=along_dim)
case("softmax", tg.softmax, lambda x, dim: np.exp(oracles.log_softmax(x, dim)), softmax_calls)
case("log_softmax", tg.log_softmax, oracles.log_softmax, softmax_calls)


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


both = st.one_of(classifications().map(against_indices), classifications().map(against_probabilities))
case("cross_entropy", loss(tg.cross_entropy), loss_oracle(log_probabilities), both, "soft_cross_entropy")
case("nll_loss", loss(tg.nll_loss), loss_oracle(lambda x: x), classifications().map(against_indices), "where")
clipped = classifications(positive)
case(
    "categorical_cross_entropy",
    loss(tg.categorical_cross_entropy),
    loss_oracle(lambda x: np.log(np.clip(x, 1e-15, 1 - 1e-15))),
    st.one_of(clipped.map(against_indices), clipped.map(against_probabilities)),
    "clamp log",
)

# --- what must be refused ---


def zeros(*shape: int) -> tg.Tensor:
    return tg.zeros(*shape, requires_grad=True)


BAD_CALLS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: zeros(2) + zeros(3), ValueError, r"add: .*shape \(2,\).*shape \(3,\)"),
    (lambda: zeros(2) * "two", TypeError, r"mul: wanted tensors, arrays or numbers, got 'two'"),
    (lambda: zeros(2) - [1.0, 2.0], TypeError, r"sub: wanted tensors, arrays or numbers, got list"),
    (lambda: zeros(2).clamp(), ValueError, r"clamp: wanted min, max or both"),
    (lambda: zeros(2, 3).reshape(4, -1), ValueError, r"reshape: a tensor of shape \(2, 3\) cannot .* \(4, -1\)"),
    (lambda: zeros(2, 3).reshape(-1, -1), ValueError, r"reshape"),
    (lambda: zeros(2, 3).reshape(1.5, 4), TypeError, r"reshape: the shape is .*; wanted integers"),
    (lambda: zeros(2, 3).expand(3, 3), ValueError, r"broadcast_to: "),
    (lambda: zeros(2, 3).expand(3), ValueError, r"expand: a tensor of shape \(2, 3\) cannot be expanded to \(3,\)"),
    (lambda: zeros(2, 3).permute(0, 0), ValueError, r"permute: \(0, 0\) does not name each of the 2"),
    (lambda: zeros(2, 3).transpose(0, 2), IndexError, r"transpose: dim 2 is out of range .* 2 dimensions"),
    (lambda: zeros(2, 3).flatten(1, 0), ValueError, r"flatten: start_dim 1 comes after end_dim 0"),
    (lambda: zeros(2).unsqueeze(3), IndexError, r"unsqueeze: dim 3"),
    (lambda: tg.cat([]), ValueError, r"cat: wanted at least one tensor"),
    (lambda: tg.cat([zeros(2, 3), zeros(2, 4)]), ValueError, r"cat: shapes .* along dimension 0"),
    (lambda: tg.stack([zeros(2), zeros(3)]), ValueError, r"stack: wanted tensors of one shape"),
    (lambda: zeros(2)[2], IndexError, r"index: .*shape \(2,\)"),
    (lambda: zeros(2)[tg.tensor([0.0])], IndexError, r"getitem: wanted integers or booleans as index, got float32"),
    (lambda: zeros(2, 3).sum(2), IndexError, r"sum: dim 2 is out of range"),
    (lambda: zeros(2, 3).sum((0, -2)), ValueError, r"sum: a dimension appears twice"),
    (lambda: zeros(2, 3).sum("rows"), TypeError, r"sum: dim is 'r'; wanted an integer"),
    (lambda: tg.tensor([1, 2]).mean(), TypeError, r"mean: wanted floating-point numbers, got int64"),
    (lambda: zeros(0).amax(), ValueError, r"amax: .*shape \(0,\)"),
    (lambda: zeros(2, 3) @ zeros(2, 3), ValueError, r"matmul: shapes \(2, 3\) and \(2, 3\) do not fit"),
    (
        lambda: zeros(2, 3) @ tg.zeros(3, 2, dtype=tg.float64),
        TypeError,
        r"matmul: input is float32, other is float64",
    ),
    (lambda: tg.linear(zeros(2, 3), zeros(4, 2)), ValueError, r"linear: input of shape \(2, 3\) .*\(\.\.\., 2\)"),
    (
        lambda: tg.linear(zeros(2, 3), zeros(4, 3), zeros(3)),
        ValueError,
        r"linear: bias of shape \(3,\); wanted \(4,\)",
    ),
    (
        lambda: tg.conv2d(zeros(64, 3, 28, 28), zeros(6, 1, 5, 5)),
        ValueError,
        r"conv2d: input has 3 channels, weight expects 1 \(input \(64, 3, 28, 28\), weight \(6, 1, 5, 5\)\)",
    ),
    (lambda: tg.conv2d(zeros(2, 1, 3, 3), zeros(1, 1, 4, 4)), ValueError, r"conv2d: the kernel is larger than its"),
    (lambda: tg.conv2d(zeros(2, 3), zeros(1, 1, 4, 4)), ValueError, r"conv2d: wanted input \(N, C, H, W\)"),
    (lambda: tg.conv2d(zeros(1, 3, 4, 4), zeros(4, 1, 2, 2), groups=2), ValueError, r"conv2d: groups 2 does not"),
    (
        lambda: tg.conv2d(zeros(1, 1, 4, 4), zeros(2, 1, 2, 2), zeros(1)),
        ValueError,
        r"conv2d: bias has shape \(1,\)",
    ),
    (lambda: tg.conv2d(zeros(1, 1, 4, 4), zeros(2, 1, 2, 2), stride=0), ValueError, r"conv2d: stride is 0; wanted"),
    (
        lambda: tg.conv2d(zeros(1, 1, 4, 4), tg.zeros(2, 1, 2, 2, dtype=tg.float64)),
        TypeError,
        r"conv2d: input is float32, weight is float64",
    ),
    (lambda: tg.max_pool2d(zeros(1, 1, 2, 2), 3), ValueError, r"max_pool2d: the kernel is larger than its input"),
    (lambda: tg.max_pool2d(zeros(1, 1, 4, 4), 2, padding=2), ValueError, r"max_pool2d: padding \(2, 2\) is more"),
    (lambda: tg.avg_pool2d(zeros(4, 4), 2), ValueError, r"avg_pool2d: wanted an input \(N, C, H, W\)"),
    (lambda: tg.softmax(zeros(2), 1), IndexError, r"softmax: dim 1 is out of range"),
    (
        lambda: tg.cross_entropy(zeros(2, 3), tg.tensor([0, 3])),
        IndexError,
        r"cross_entropy: target has the class 3;",
    ),
    (lambda: tg.cross_entropy(zeros(2, 3), tg.tensor([0, -1])), IndexError, r"the class -1; wanted 0 to 2"),
    (lambda: tg.cross_entropy(zeros(2, 3), tg.tensor([0.0, 1.0])), TypeError, r"wanted class indices \(integers\)"),
    (lambda: tg.cross_entropy(zeros(2, 3), tg.tensor([0])), ValueError, r"target of shape \(1,\) does not fit"),
    (lambda: tg.cross_entropy(zeros(0, 3), tg.tensor([], dtype=int)), ValueError, r"mean of an empty batch"),
    (
        lambda: tg.cross_entropy(zeros(2, 3), tg.tensor([0, 1]), reduction="average"),
        ValueError,
        r"cross_entropy: reduction 'average' is unknown; wanted one of mean, sum, none",
    ),
    (lambda: tg.nll_loss(zeros(2, 3), tg.ones(2, 3)), TypeError, r"nll_loss: wanted class indices as target"),
    (lambda: tg.one_hot(tg.tensor([3]), 3), IndexError, r"one_hot: target has the class 3; wanted 0 to 2"),
]
