"""Arguments for every kernel of the table: any memory layout, both precisions, ties, NaNs and infinities."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tests.support.strategies import Draw, anywhere, generators, relaid
from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.dispatch import TABLE
from tinygrad_cnn.kernels.geometry import Geometry, Window

Arguments = tuple[Any, ...]

dtypes = st.sampled_from([np.float32, np.float64])


def pairs(least: int, most: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(least, most), st.integers(least, most))


def in_some_order(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """Return the same values with dimensions in another order in memory, or in the batch-innermost layout."""
    order = [2, 1, 3, 0] if array.ndim == 4 and rng.random() < 0.5 else rng.permutation(array.ndim)
    return array.transpose(order).copy(order="C").transpose(np.argsort(order))


@st.composite
def arrays(draw: Draw, shape: st.SearchStrategy[Any], odd: bool = False, dtype: Any = None) -> np.ndarray:
    """An array in any memory layout; an ``odd`` one has zeros, NaNs and infinities."""
    rng, dtype = draw(generators()), dtype or draw(dtypes)
    x = anywhere(rng, draw(shape)).astype(dtype)
    if odd:
        for value in (0, -0.0, np.nan, np.inf, -np.inf):
            x[rng.random(x.shape) < 0.1] = value
    return draw(st.sampled_from([relaid, in_some_order, lambda _, x: x]))(rng, x)


def like(array: np.ndarray, **how: Any) -> st.SearchStrategy[Any]:
    return arrays(st.just(array.shape), dtype=array.dtype, **how)


images = st.tuples(st.integers(1, 20), *[st.integers(1, 8)] * 3)
matrices = st.tuples(st.integers(1, 30), st.integers(1, 70))


# --- convolution ---


@st.composite
def convolutions(draw: Draw, dtype: Any = None) -> Arguments:
    """Arrays x, w, bias (or None) and g in any layout, and a geometry."""
    rng, dtype, groups = draw(generators()), dtype or draw(dtypes), draw(st.integers(1, 3))
    kernel = draw(pairs(1, 7))
    stride = draw(st.one_of(st.just((1, 1)), pairs(1, 3)))
    geometry = Geometry(stride, draw(pairs(0, 4)), draw(pairs(1, 2)), groups)
    needed = [d * (k - 1) + 1 - 2 * p for d, k, p in zip(geometry.dilation, kernel, geometry.padding, strict=True)]
    height, width = (max(n, 1) + draw(st.integers(0, 6)) for n in needed)
    batch, channels, outputs = draw(st.integers(1, 40)), draw(st.integers(1, 6)), draw(st.integers(1, 15))
    size = geometry.output_size((height, width), kernel)
    shapes = [
        (batch, groups * channels, height, width),
        (groups * outputs, channels, *kernel),
        (groups * outputs,),
        (batch, groups * outputs, *size),
    ]
    x, w, bias, g = (relaid(rng, anywhere(rng, shape).astype(dtype)) for shape in shapes)
    return x, w, bias if draw(st.booleans()) else None, g, geometry


def forward(case: Arguments) -> Arguments:
    x, w, bias, _, geometry = case
    return x, w, bias, geometry


def for_weight(case: Arguments) -> Arguments:
    x, w, _, g, geometry = case
    return g, x, w.shape[2:], geometry


def for_input(case: Arguments) -> Arguments:
    x, w, _, g, geometry = case
    return g, w, x.shape[2:], geometry


# --- pooling ---


@st.composite
def poolings(draw: Draw, odd: bool = True, dtype: Any = None) -> Arguments:
    """Arrays x, with many ties, and g in any layout, and a window; if ``odd``, with NaNs and infinities."""
    rng, dtype = draw(generators()), dtype or draw(dtypes)
    kernel, dilation = draw(pairs(1, 3)), draw(st.sampled_from([(1, 1), (1, 1), (1, 2), (2, 1)]))
    stride = kernel if draw(st.booleans()) else draw(pairs(1, 4))
    window = Window(kernel, stride, (0, 0), dilation, draw(st.booleans()))
    margin = tuple(draw(st.integers(0, span // 2)) for span in window.span)
    window = window._replace(padding=draw(st.sampled_from([(0, 0), margin])))
    height, width = draw(st.integers(3, 9)), draw(st.integers(3, 9))
    size = window.output_size((height, width))
    assume(min(size) > 0)
    batch, channels = draw(st.integers(1, 40)), draw(st.integers(1, 3))
    x = rng.integers(-3, 3, (batch, channels, height, width)).astype(dtype)
    g = anywhere(rng, (batch, channels, *size)).astype(dtype)
    if odd:  # windows with several NaNs, or of nothing but -inf, are not rare
        some = draw(st.sampled_from([0, 0.02, 0.3, 0.9]))
        for value in draw(st.permutations([np.nan, np.inf, -np.inf])):
            x[rng.random(x.shape) < some] = value
            g[rng.random(g.shape) < 0.02] = value
    return relaid(rng, x), relaid(rng, g), window


def with_maxima(case: Arguments) -> Arguments:
    x, g, window = case
    return g, x, reference.max_pool2d(x, window), window


@st.composite
def divisors(draw: Draw, size: tuple[int, int]) -> Any:
    return draw(st.integers(1, 9)) if draw(st.booleans()) else np.arange(1.0, 1 + size[0] * size[1]).reshape(size)


@st.composite
def average_poolings(draw: Draw) -> Arguments:
    x, g, window = draw(poolings(odd=False))
    divisor = draw(divisors(g.shape[2:]))
    return x, window, divisor if isinstance(divisor, int) else divisor.astype(x.dtype)


@st.composite
def average_unpoolings(draw: Draw) -> Arguments:
    x, g, window = draw(poolings(odd=False))
    divisor = draw(divisors(g.shape[2:]))
    return g, x.shape[2:], window, divisor if isinstance(divisor, int) else divisor.astype(x.dtype)


def foldings(case: Arguments) -> Arguments:
    x, _, window = case
    return np.sin(reference.im2col(x, window)), x.shape[2:], window


# --- the others ---


@st.composite
def products(draw: Draw, dtype: Any = None) -> Arguments:
    """Two matrices in any layout."""
    a = draw(arrays(matrices, dtype=dtype))
    return a, draw(arrays(st.tuples(st.just(a.shape[1]), st.integers(1, 150)), dtype=a.dtype))


@st.composite
def linear_layers(draw: Draw) -> Arguments:
    x = draw(arrays(st.one_of(matrices, st.tuples(*[st.integers(1, 9)] * 3))))
    w = draw(arrays(st.tuples(st.integers(1, 30), st.just(x.shape[-1])), dtype=x.dtype))
    bias = draw(st.one_of(st.none(), arrays(st.just((len(w),)), dtype=x.dtype)))
    return x, w, bias


@st.composite
def of_one_shape(draw: Draw, shape: st.SearchStrategy[Any], odd: bool = False) -> Arguments:
    a = draw(arrays(shape, odd))
    return a, draw(like(a, odd=odd))


@st.composite
def choices(draw: Draw) -> Arguments:
    """A condition, and two arrays, or an array and a number."""
    a, b = draw(of_one_shape(st.lists(st.integers(1, 12), max_size=3).map(tuple), odd=True))
    condition = draw(generators()).random((draw(st.integers(1, 3)), *a.shape)) < 0.5
    row = b[..., :1] if b.ndim else b
    return (condition, *draw(st.sampled_from([(a, b), (a, 0.0), (0.0, b), (a, 1.5), (a, row)])))


@st.composite
def sums_of_images(draw: Draw) -> Arguments:
    a = draw(arrays(images))
    return a, draw(st.one_of(like(a), st.just(2.0), arrays(st.just((1, 1, 1, a.shape[3])), dtype=a.dtype)))


@st.composite
def reshaped_batches(draw: Draw) -> Arguments:
    """Images whose batch is innermost in memory, perhaps with gaps, and a shape of as many samples."""
    n, c, h, w = draw(images)
    more = [draw(st.integers(0, 1)) for _ in range(4)]
    whole = np.arange(np.prod(np.add((h, c, w, n), more)), dtype=draw(dtypes)).reshape(np.add((h, c, w, n), more))
    shapes = [(n, c * h * w), (n, c, h * w), (n, c * h, w), (n, h, w, c), (n, 1, c * h * w)]
    return whole[:h, :c, :w, :n].transpose(3, 1, 0, 2), draw(st.sampled_from(shapes))


@st.composite
def resamplings(draw: Draw) -> Arguments:
    """Images, and places within them, beyond them, on their pixels, and nowhere."""
    x = draw(arrays(images))
    rng, (n, _, *size) = draw(generators()), x.shape
    shape = (*draw(pairs(1, 8)), n)
    places = []
    for length in size:
        place = rng.uniform(-3, length + 3, shape).astype(x.dtype)
        place[rng.random(shape) < 0.2] = draw(st.integers(-2, length + 1))
        for value in (np.nan, np.inf, -np.inf):
            place[rng.random(shape) < 0.03] = value
        places.append(place)
    return x, *places


any_shape = st.lists(st.integers(1, 12), max_size=4).map(tuple)


@st.composite
def totals(draw: Draw) -> Arguments:
    """An array of which one length crosses the borders of blocks, some of its axes, and whether these are kept."""
    shape = [*draw(any_shape)[:2], draw(st.sampled_from([1, 100, 129, 300]))]
    x = draw(arrays(st.permutations(shape).map(tuple)))
    axes = draw(st.lists(st.integers(0, x.ndim - 1), unique=True))
    return x, tuple(sorted(axes)), draw(st.booleans())


@st.composite
def gated(draw: Draw, *constants: st.SearchStrategy[Any]) -> Arguments:
    """Values and a gate of one shape, or values that are their own gate, and constants."""
    values, gate = draw(of_one_shape(any_shape, odd=True))
    return values, values if draw(st.booleans()) else gate, *(draw(constant) for constant in constants)


ends = st.sampled_from([-np.inf, -1.0, 0.0, 0.5, np.inf])
one_array = arrays(any_shape, odd=True).map(lambda x: (x,))

ARGUMENTS: dict[str, st.SearchStrategy[Arguments]] = {
    "conv2d": convolutions().map(forward),
    "conv2d_weight": convolutions().map(for_weight),
    "conv2d_input": convolutions().map(for_input),
    "max_pool2d": poolings().map(lambda c: (c[0], c[2])),
    "max_unpool2d": poolings().map(with_maxima),
    "max_pick2d": poolings().map(lambda c: (c[0][::-1].copy(), *with_maxima(c)[1:])),
    "max_places2d": poolings().map(lambda c: with_maxima(c)[1:]),
    "avg_pool2d": average_poolings(),
    "avg_unpool2d": average_unpoolings(),
    "im2col": poolings().map(lambda c: (c[0], c[2])),
    "col2im": poolings(odd=False).map(foldings),
    "relu": arrays(any_shape, odd=True).map(lambda x: (x,)),
    "where_nonzero": of_one_shape(any_shape, odd=True),
    "where": choices(),
    "linear": linear_layers(),
    "matmul": products(),
    "large_matmul": products(),
    "total": totals(),
    "channel_sums": arrays(images).map(lambda x: (x,)),
    "copy_to_batch_innermost": arrays(images, odd=True).map(lambda x: (x,)),
    "add_images": sums_of_images(),
    "resample": resamplings(),
    "reshape_batch": reshaped_batches(),
    "scaled_large": of_one_shape(any_shape),
    **dict.fromkeys(("erf", "erfc", "gelu", "hardswish", "log_one_plus_exp", "sigmoid"), one_array),
    **dict.fromkeys(("gelu_slope", "hardswish_slope"), of_one_shape(any_shape, odd=True)),
    "leaky": gated(st.sampled_from([0.01, 0.0, 1.0, 0.3, -0.5, 2.0])),
    "where_between": gated(ends, ends, st.booleans()),
}

SUMS = """
    conv2d conv2d_weight conv2d_input avg_pool2d avg_unpool2d max_unpool2d col2im linear large_matmul channel_sums
    matmul total
""".split()
"""Kernels that add up products or numbers in an order of their own: results differ by rounding."""


ROUNDED = "erf erfc gelu gelu_slope hardswish hardswish_slope log_one_plus_exp sigmoid".split()
"""Kernels that compute a function by another formula: results differ by a few units in the last place."""


def check(name: str, kernel: Any, arguments: Arguments) -> None:
    """Compare a kernel's result with the reference: to the bit, or for sums within their rounding error."""
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf, where infinite gradients meet
        found, wanted = kernel(*arguments), TABLE[name].reference(*arguments)
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    if name in ROUNDED:
        rtol, atol = (1e-6, 3e-7) if found.dtype == np.float32 else (1e-14, 1e-15)
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol)
        return
    if name not in SUMS:
        np.testing.assert_array_equal(found, wanted)
        return
    terms = max(a.size for a in arguments if isinstance(a, np.ndarray))
    atol = 4e-6 * terms**0.5 if found.dtype == np.float32 else 1e-11
    np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)
