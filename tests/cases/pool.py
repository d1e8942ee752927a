"""Pooling, and the windows of images as columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F
from tests.support.registry import Sample, case, refuse, zeros
from tests.support.strategies import Draw, anywhere, generators, spaced
from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.geometry import Window
from tinygrad_cnn.ops import pool


@st.composite
def poolings(draw: Draw, dilated: bool = True) -> tuple[Any, ...]:
    """An input without ties, a gradient of the output, and a window."""
    rng, kernel = draw(generators()), (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    stride = draw(st.sampled_from([kernel, (1, 1), (2, 1), (2, 3)]))
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 2))) if dilated else (1, 1)
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    window = Window(kernel, stride, padding, dilation, draw(st.booleans()))
    size = tuple(n + draw(st.integers(0, 3)) for n in window.span)
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 2)))
    return spaced(rng, (*shape, *size)), anywhere(rng, (*shape, *window.output_size(size))), window


def places(x: np.ndarray, window: Window) -> np.ndarray:
    return reference.max_places2d(x, reference.max_pool2d(x, window), window)


max_poolings = poolings().map(lambda c: Sample(c[:1], {"window": c[2]}))
case(
    "max_pool2d",
    lambda x, window: tg.max_pool2d(x, *window),
    reference.max_pool2d,
    max_poolings,
    torch=lambda torch, x, window: torch.nn.functional.max_pool2d(x, *window),
)
case(
    "max_pool2d_places",
    lambda x, window: tg.max_pool2d(x, *window, return_indices=True)[1],
    places,
    max_poolings,
    torch=lambda torch, x, window: torch.nn.functional.max_pool2d(x, *window, return_indices=True)[1],
    differentiable=False,
)


@st.composite
def means(draw: Draw) -> Sample:
    x, _, window = draw(poolings(dilated=False))
    how = {"count_include_pad": draw(st.booleans()), "divisor_override": draw(st.sampled_from([None, 3]))}
    return Sample((x,), {"window": window, **how})


def parts(window: Window) -> tuple[Any, ...]:
    return (*window[:3], window.ceil_mode)


def average(
    x: np.ndarray, window: Window, count_include_pad: bool = True, divisor_override: int | None = None
) -> np.ndarray:
    """Average pooling: a window's divisor is the sum over it of ones, where pixels count."""
    ones, plain = np.ones((1, 1, *x.shape[2:])), window
    if count_include_pad:  # the padding counts, but nothing beyond it, where ceil_mode may reach
        beyond = [(0, 0), (0, 0), *((0, k) for k in window.kernel)]
        ones = np.pad(np.pad(ones, [(0, 0), (0, 0), *((p, p) for p in window.padding)], constant_values=1), beyond)
        plain = window._replace(padding=(0, 0))
    oh, ow = window.output_size(x.shape[2:])
    divisor = reference.avg_pool2d(ones, plain, 1)[0, 0, :oh, :ow]
    return reference.avg_pool2d(x, window, divisor if divisor_override is None else divisor_override)


case(
    "avg_pool2d",
    lambda x, window, **how: tg.avg_pool2d(x, *parts(window), **how),
    average,
    means(),
    torch=lambda torch, x, window, **how: torch.nn.functional.avg_pool2d(x, *parts(window), **how),
)
case(
    "avg_unpool2d",
    lambda g, size, window: pool._avg_unpool2d(g, int(np.prod(window.kernel)), size=size, window=window),
    lambda g, size, window: reference.avg_unpool2d(g, size, window, int(np.prod(window.kernel))),
    poolings(dilated=False)
    .filter(lambda c: not c[2].ceil_mode)
    .map(lambda c: Sample((c[1],), {"size": c[0].shape[2:], "window": c[2]})),
)


def with_maxima(function: Any) -> Any:
    """Call an operation of the max-pooling pair, which needs to know the input's windows' maxima."""

    def call(values: Any, x: np.ndarray, window: Window) -> Any:
        x = x.astype(values.dtype)
        return function(values, x, reference.max_pool2d(x, window), window=window)

    return call


case(
    "max_unpool2d",
    with_maxima(pool._max_unpool2d),
    with_maxima(reference.max_unpool2d),
    poolings().map(lambda c: Sample((c[1],), {"x": c[0], "window": c[2]})),
)
case(
    "max_pick2d",
    with_maxima(pool._max_pick2d),
    with_maxima(reference.max_pick2d),
    poolings().map(lambda c: Sample((np.sin(c[0]),), {"x": c[0], "window": c[2]})),
)


def one_row(c: tuple[Any, ...]) -> Sample:
    """The first row of each image, and the window's width."""
    window = Window(*((pair[1],) for pair in c[2][:4]), c[2].ceil_mode)
    return Sample((c[0][:, :, 0],), {"window": window})


def as_image(window: Window) -> Window:
    beside = (1, 1, 0, 1)
    return Window(*((b, *pair) for b, pair in zip(beside, window[:4], strict=True)), window.ceil_mode)


def rowwise(oracle: Any) -> Any:
    def call(x: np.ndarray, window: Window) -> np.ndarray:
        image, flat = x[:, :, None], as_image(window)
        return oracle(image, flat)[:, :, 0]

    return call


case(
    "max_pool1d",
    lambda x, window: tg.max_pool1d(x, *window),
    rowwise(reference.max_pool2d),
    poolings().map(one_row),
    records="max_pool2d",
    torch=lambda torch, x, window: torch.nn.functional.max_pool1d(x, *window),
)
case(
    "avg_pool1d",
    lambda x, window: tg.avg_pool1d(x, *parts(window)),
    rowwise(average),
    poolings(dilated=False).map(one_row),
    records="avg_pool2d",
    torch=lambda torch, x, window: torch.nn.functional.avg_pool1d(x, *parts(window)),
)

# --- to a given size ---


@st.composite
def to_a_size(draw: Draw, dims: int = 2, even: bool = False) -> Sample:
    rng, wanted = draw(generators()), tuple(draw(st.integers(1, 3)) for _ in range(dims))
    size = [n * draw(st.integers(1, 2)) if even else draw(st.integers(1, 6)) for n in wanted]
    if not even and not any(n % out for n, out in zip(size, wanted, strict=True)):
        size[-1], wanted = 5, (*wanted[:-1], 3)
    before = draw(st.sampled_from([(2,), (2, 1)]))
    return Sample((spaced(rng, (*before, *size)),), {"output_size": wanted})


def adaptive(reduce: Any) -> Any:
    """Reduce window by window, over the last dimensions."""

    def call(x: np.ndarray, output_size: tuple[int, ...]) -> np.ndarray:
        dims = len(output_size)
        out = np.zeros((*x.shape[:-dims], *output_size))
        for at in np.ndindex(output_size):
            sides = zip(at, x.shape[-dims:], output_size, strict=True)
            window = tuple(slice(i * n // o, int(np.ceil((i + 1) * n / o))) for i, n, o in sides)
            out[(..., *at)] = reduce(x[(..., *window)], axis=tuple(range(-dims, 0)))
        return out

    return call


for name, function, reduction, dims in [
    ("adaptive_avg_pool1d", F.adaptive_avg_pool1d, np.mean, 1),
    ("adaptive_avg_pool2d", F.adaptive_avg_pool2d, np.mean, 2),
    ("adaptive_max_pool1d", F.adaptive_max_pool1d, np.max, 1),
    ("adaptive_max_pool2d", F.adaptive_max_pool2d, np.max, 2),
]:
    by_torch = f"nn.functional.{name}"
    records = "avg_pool2d" if reduction is np.mean else "max_pool2d"
    case(name, function, adaptive(reduction), to_a_size(dims), records="index", torch=by_torch)
    case(
        f"{name}_evenly", function, adaptive(reduction), to_a_size(dims, even=True), records=records, torch=by_torch
    )


def places_of(x: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where in each flattened plane each value is, all of x being different."""
    planes, wanted = (a.reshape(-1, a.shape[-2] * a.shape[-1]) for a in (x, values))
    found = [[list(plane).index(v) for v in row] for plane, row in zip(planes, wanted, strict=True)]
    return np.array(found).reshape(values.shape)


case(
    "adaptive_max_pool2d_places",
    lambda x, output_size: F.adaptive_max_pool2d(x, output_size, return_indices=True)[1],
    lambda x, output_size: places_of(x, adaptive(np.max)(x, output_size)),
    to_a_size(),
    torch=lambda torch, x, output_size: torch.nn.functional.adaptive_max_pool2d(x, output_size, True)[1],
    differentiable=False,
)

# --- windows as columns ---


def column_arguments(window: Window) -> dict[str, Any]:
    return {name: getattr(window, name) for name in ("dilation", "padding", "stride")}


@st.composite
def unfoldings(draw: Draw) -> Sample:
    x, _, window = draw(poolings())
    return Sample((x,), {"kernel_size": window.kernel, **column_arguments(window)})


@st.composite
def foldings(draw: Draw) -> Sample:
    x, _, window = draw(poolings())
    columns = reference.im2col(x, window._replace(ceil_mode=False))
    arguments = {"output_size": x.shape[2:], "kernel_size": window.kernel, **column_arguments(window)}
    return Sample((np.sin(columns),), arguments)


def unfold_oracle(x: np.ndarray, kernel_size: Any, **how: Any) -> np.ndarray:
    return reference.im2col(x, Window(kernel_size, **how))


def fold_oracle(x: np.ndarray, output_size: Any, kernel_size: Any, **how: Any) -> np.ndarray:
    return reference.col2im(x, output_size, Window(kernel_size, **how))


case("unfold", F.unfold, unfold_oracle, unfoldings(), records="im2col", torch="nn.functional.unfold")
case("fold", F.fold, fold_oracle, foldings(), records="col2im", torch="nn.functional.fold")

# --- what must be refused ---

refuse(
    lambda: tg.max_pool2d(zeros(1, 1, 2, 2), 3),
    ValueError,
    r"max_pool2d: the kernel, .*, is larger than the padded input",
)
refuse(lambda: tg.max_pool2d(zeros(1, 1, 4, 4), 2, padding=2), ValueError, r"max_pool2d: padding \(2, 2\) is more")
refuse(lambda: tg.avg_pool2d(zeros(4, 4), 2), ValueError, r"avg_pool2d: wanted an input \(N, C, H, W\)")
refuse(lambda: tg.max_pool1d(zeros(4), 2), ValueError, r"max_pool1d: wanted an input \(N, C, L\)")
refuse(lambda: tg.max_pool1d(zeros(1, 4), (2, 2)), ValueError, r"max_pool1d: kernel_size is \(2, 2\); wanted one")
refuse(
    lambda: tg.avg_pool2d(zeros(1, 4, 4), 2, divisor_override=0), ValueError, r"avg_pool2d: divisor_override is 0"
)
refuse(lambda: F.adaptive_avg_pool2d(zeros(1, 4, 4), 0), ValueError, r"adaptive_avg_pool2d: output_size is")
refuse(lambda: F.adaptive_max_pool2d(zeros(4, 4), 1), ValueError, r"adaptive_max_pool2d: wanted an input")
refuse(lambda: F.unfold(zeros(1, 1, 2, 2), 3), ValueError, r"unfold: wanted images \(N, C, H, W\) larger")
refuse(lambda: F.fold(zeros(1, 4, 3), (3, 3), 2), ValueError, r"fold: wanted columns \(N, C \* 4, 4\)")
