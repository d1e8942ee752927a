"""Convolution and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracles
from hypothesis import strategies as st
from registry import Sample, case, refuse, zeros
from strategies import Draw, anywhere, generators, spaced

import tinygrad_cnn as tg
from tinygrad_cnn.kernels.conv import Geometry
from tinygrad_cnn.kernels.pool import Window
from tinygrad_cnn.ops import conv, pool


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
    torch=lambda torch, x, window: torch.nn.functional.max_pool2d(x, *window),
)
case(
    "avg_pool2d",
    lambda x, window: tg.avg_pool2d(x, *window),
    lambda x, window: oracles.avg_pool2d(x, window, pooled_shape(x, window)),
    poolings().map(lambda c: Sample(c[:1], {"window": c[2]})),
    torch=lambda torch, x, window: torch.nn.functional.avg_pool2d(x, *window),
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

# --- what must be refused ---

refuse(
    lambda: tg.conv2d(zeros(64, 3, 28, 28), zeros(6, 1, 5, 5)),
    ValueError,
    r"conv2d: input has 3 channels, weight expects 1 \(input \(64, 3, 28, 28\), weight \(6, 1, 5, 5\)\)",
)
refuse(
    lambda: tg.conv2d(zeros(2, 1, 3, 3), zeros(1, 1, 4, 4)), ValueError, r"conv2d: the kernel is larger than its"
)
refuse(lambda: tg.conv2d(zeros(2, 3), zeros(1, 1, 4, 4)), ValueError, r"conv2d: wanted input \(N, C, H, W\)")
refuse(lambda: tg.conv2d(zeros(1, 3, 4, 4), zeros(4, 1, 2, 2), groups=2), ValueError, r"conv2d: groups 2 does not")
refuse(
    lambda: tg.conv2d(zeros(1, 1, 4, 4), zeros(2, 1, 2, 2), zeros(1)),
    ValueError,
    r"conv2d: bias has shape \(1,\)",
)
refuse(
    lambda: tg.conv2d(zeros(1, 1, 4, 4), zeros(2, 1, 2, 2), stride=0), ValueError, r"conv2d: stride is 0; wanted"
)
refuse(
    lambda: tg.conv2d(zeros(1, 1, 4, 4), tg.zeros(2, 1, 2, 2, dtype=tg.float64)),
    TypeError,
    r"conv2d: input is float32, weight is float64",
)
refuse(lambda: tg.max_pool2d(zeros(1, 1, 2, 2), 3), ValueError, r"max_pool2d: the kernel is larger than its input")
refuse(lambda: tg.max_pool2d(zeros(1, 1, 4, 4), 2, padding=2), ValueError, r"max_pool2d: padding \(2, 2\) is more")
refuse(lambda: tg.avg_pool2d(zeros(4, 4), 2), ValueError, r"avg_pool2d: wanted an input \(N, C, H, W\)")
