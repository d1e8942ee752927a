"""Convolution, and its transpose."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.registry import Sample, case, refuse, zeros
from tests.support.strategies import Draw, anywhere, generators
from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.geometry import Geometry
from tinygrad_cnn.ops import conv


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
    return reference.conv2d(x, w, b, geometry)


convolution_calls = st.builds(
    lambda c, bias: Sample(c[:3] if bias else c[:2], {"geometry": c[4]}), convolutions(), st.booleans()
)


def in_torch(name: str) -> Any:
    """PyTorch's function of that name, which takes the geometry's parts as arguments."""
    return lambda torch, x, w, b=None, *, geometry: getattr(torch.nn.functional, name)(x, w, b, *geometry)


case("conv2d", public_conv2d, oracle_conv2d, convolution_calls, torch=in_torch("conv2d"))


def one_row(sample: Sample) -> Sample:
    """The same convolution of rows: the first of each image and of each kernel, which the padding stays beside."""
    x, w, *b = sample.inputs
    geometry = Geometry(*((pair[1],) for pair in sample.arguments["geometry"][:3]), sample.arguments["geometry"][3])
    return Sample((x[:, :, 0], w[:, :, 0], *b), {"geometry": geometry})


def oracle_conv1d(x: Any, w: Any, b: Any = None, *, geometry: Geometry) -> Any:
    flat = Geometry((1, *geometry.stride), (0, *geometry.padding), (1, *geometry.dilation), geometry.groups)
    return oracle_conv2d(x[:, :, None], w[:, :, None], b, geometry=flat)[:, :, 0]


case(
    "conv1d",
    lambda x, w, b=None, *, geometry: tg.conv1d(x, w, b, *geometry),
    oracle_conv1d,
    convolution_calls.map(one_row),
    records="conv2d",
    torch=in_torch("conv1d"),
)


@st.composite
def paddings_by_name(draw: Draw) -> Sample:
    rng, name = draw(generators()), draw(st.sampled_from(["same", "valid"]))
    kernel = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    x, w = anywhere(rng, (2, 5, 6)), anywhere(rng, (3, 2, *kernel))
    return Sample((x, w), {"padding": name, "dilation": draw(st.integers(1, 2))})


def around(x: np.ndarray, w: np.ndarray, padding: str, dilation: int) -> np.ndarray:
    """The plain convolution, with zeros put around the image by hand: one more behind, if their number is odd."""
    if padding == "same":
        total = [dilation * (k - 1) for k in w.shape[2:]]
        x = np.pad(x, ((0, 0), *((t // 2, t - t // 2) for t in total)))
    return oracle_conv2d(x[None], w, geometry=Geometry(dilation=(dilation, dilation)))[0]


case(
    "conv2d_padded_by_name",
    lambda x, w, padding, dilation: tg.conv2d(x, w, padding=padding, dilation=dilation),
    around,
    paddings_by_name(),
    records="conv2d",
    torch=lambda torch, x, w, padding, dilation: torch.nn.functional.conv2d(
        x, w, padding=padding, dilation=dilation
    ),
)


@st.composite
def transposed_convolutions(draw: Draw) -> Sample:
    """The convolutions' output gradient and weight, with room for more output where the stride leaves it open."""
    _, w, _, g, geometry = draw(convolutions())
    most = [max(s, d) - 1 for s, d in zip(geometry.stride, geometry.dilation, strict=True)]
    extra = tuple(draw(st.integers(0, m)) for m in most)
    assume(min(transposed_size(g.shape, w.shape, geometry, extra)) > 0 and len(g))
    bias = [anywhere(draw(generators()), (w.shape[1] * geometry.groups,))] * draw(st.integers(0, 1))
    return Sample((g, w, *bias), {"geometry": geometry, "extra": extra})


def transposed_size(g: Any, w: Any, geometry: Geometry, extra: Any) -> tuple[int, int]:
    height, width = (
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, k, e, s, p, d in zip(g[2:], w[2:], extra, *geometry[:3], strict=True)
    )
    return height, width


def oracle_transposed(g: Any, w: Any, b: Any = None, *, geometry: Geometry, extra: Any) -> Any:
    out = reference.conv2d_input(g, w, transposed_size(g.shape, w.shape, geometry, extra), geometry)
    return out if b is None else out + b[:, None, None]


def in_torch_transposed(name: str) -> Any:
    return lambda torch, g, w, b=None, *, geometry, extra: getattr(torch.nn.functional, name)(
        g, w, b, geometry.stride, geometry.padding, extra, geometry.groups, geometry.dilation
    )


def public_transposed(function: Any) -> Any:
    return lambda g, w, b=None, *, geometry, extra: function(
        g, w, b, geometry.stride, geometry.padding, extra, geometry.groups, geometry.dilation
    )


case(
    "conv_transpose2d",
    public_transposed(tg.conv_transpose2d),
    oracle_transposed,
    transposed_convolutions(),
    records="conv2d_input",
    torch=in_torch_transposed("conv_transpose2d"),
)


def one_row_transposed(sample: Sample) -> Sample:
    return Sample(one_row(sample).inputs, {**one_row(sample).arguments, "extra": sample.arguments["extra"][1:]})


def oracle_transposed1d(g: Any, w: Any, b: Any = None, *, geometry: Geometry, extra: Any) -> Any:
    flat = Geometry((1, *geometry.stride), (0, *geometry.padding), (1, *geometry.dilation), geometry.groups)
    return oracle_transposed(g[:, :, None], w[:, :, None], b, geometry=flat, extra=(0, *extra))[:, :, 0]


case(
    "conv_transpose1d",
    public_transposed(tg.conv_transpose1d),
    oracle_transposed1d,
    transposed_convolutions().map(one_row_transposed),
    records="conv2d_input",
    torch=in_torch_transposed("conv_transpose1d"),
)
case(
    "conv2d_input",
    conv._conv2d_input,
    reference.conv2d_input,
    convolutions().map(lambda c: Sample((c[3], c[1]), {"size": c[0].shape[2:], "geometry": c[4]})),
)
case(
    "conv2d_weight",
    conv._conv2d_weight,
    reference.conv2d_weight,
    convolutions().map(lambda c: Sample((c[3], c[0]), {"kernel": c[1].shape[2:], "geometry": c[4]})),
)

# --- what must be refused ---

refuse(
    lambda: tg.conv2d(zeros(64, 3, 28, 28), zeros(6, 1, 5, 5)),
    ValueError,
    r"conv2d: input has 3 channels, weight expects 1 \(input \(64, 3, 28, 28\), weight \(6, 1, 5, 5\)\)",
)
refuse(
    lambda: tg.conv2d(zeros(2, 1, 3, 3), zeros(1, 1, 4, 4)),
    ValueError,
    r"conv2d: the kernel, .*, is larger than the padded input",
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
refuse(
    lambda: tg.conv2d(zeros(1, 1, 4, 4), zeros(1, 1, 2, 2), stride=2, padding="same"),
    ValueError,
    r"conv2d: padding 'same' with stride \(2, 2\)",
)
refuse(lambda: tg.conv1d(zeros(3), zeros(1, 1, 2)), ValueError, r"conv1d: wanted input \(N, C, L\) or \(C, L\)")
refuse(
    lambda: tg.conv1d(zeros(1, 1, 2), zeros(1, 1, 3)),
    ValueError,
    "conv1d: the kernel, .*, is larger than",
)
refuse(
    lambda: tg.conv_transpose2d(zeros(1, 2, 4, 4), zeros(1, 1, 2, 2)),
    ValueError,
    r"conv_transpose2d: input has 2 channels, weight expects 1",
)
refuse(
    lambda: tg.conv_transpose2d(zeros(1, 1, 4, 4), zeros(1, 1, 2, 2), output_padding=1),
    ValueError,
    r"conv_transpose2d: output_padding \(1, 1\) must be below stride or dilation",
)
refuse(
    lambda: tg.conv_transpose1d(zeros(1, 1, 1), zeros(1, 1, 2), padding=1),
    ValueError,
    r"conv_transpose1d: the output would be 1 high and 0 wide",
)
