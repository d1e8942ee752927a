"""The reference kernels are right: by loops over every index, and because each adjoint is one."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.support.kernel_cases import convolutions, poolings
from tinygrad_cnn.kernels import reference
from tinygrad_cnn.kernels.dispatch import TABLE
from tinygrad_cnn.kernels.geometry import Geometry, Window

Array = np.ndarray[Any, np.dtype[Any]]


def tiny(x: Array, samples: int = 2) -> Array:
    """Few samples, for loops in Python."""
    return x[:samples]


def taps(size: Any, window: Any, position: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """The taps i, j of a window at an output position that lie in the image, with the pixel y, x under each."""
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = window[:4]
    found = []
    for i, j in product(range(kh), range(kw)):
        y, x = position[0] * sh - ph + i * dh, position[1] * sw - pw + j * dw
        if 0 <= y < size[0] and 0 <= x < size[1]:
            found.append((i, j, y, x))
    return found


@given(case=convolutions(np.float64))
def test_convolution_by_loops(case: tuple[Any, ...]) -> None:
    x, w, bias, g, geometry = case
    x, window = tiny(x), geometry.window(w.shape[2:])
    wanted = np.zeros((len(x), *g.shape[1:])) + (0 if bias is None else bias.reshape(-1, 1, 1))
    outputs, channels = len(w) // geometry.groups, w.shape[1]
    for o, *at in product(*map(range, g.shape[1:])):
        mine = x[:, o // outputs * channels :][:, :channels]  # the channels of this output's group
        for i, j, row, column in taps(x.shape[2:], window, (at[0], at[1])):
            wanted[:, o, at[0], at[1]] += mine[:, :, row, column] @ w[o, :, i, j]
    np.testing.assert_allclose(reference.conv2d(x, w, bias, geometry), wanted, rtol=0, atol=1e-11)


@given(case=convolutions(np.float64))
def test_the_adjoints_of_convolution(case: tuple[Any, ...]) -> None:
    """As conv2d is linear in x and in w, <conv2d(x, w), g> is <x, conv2d_input> and <w, conv2d_weight>."""
    x, w, _, g, geometry = case
    wanted = np.vdot(reference.conv2d(x, w, None, geometry), g)
    for_input = reference.conv2d_input(g, w, x.shape[2:], geometry)
    for_weight = reference.conv2d_weight(g, x, w.shape[2:], geometry)
    np.testing.assert_allclose(np.vdot(x, for_input), wanted, atol=1e-9)
    np.testing.assert_allclose(np.vdot(w, for_weight), wanted, atol=1e-9)
    assert (for_input.shape, for_weight.shape) == (x.shape, w.shape)


def test_an_input_may_have_rows_to_spare() -> None:
    """The gradient of a transposed convolution is given fewer windows than would fit."""
    x, w, g = np.ones((1, 1, 7, 7)), np.ones((1, 1, 2, 2)), np.ones((1, 1, 3, 3))
    geometry = Geometry(stride=(2, 2))
    assert reference.conv2d_weight(g, x, (2, 2), geometry).tolist() == [[[[9, 9], [9, 9]]]]
    spread = reference.conv2d_input(g, w, (7, 7), geometry)
    assert (spread.shape, spread.sum(), spread[..., 6:].sum()) == ((1, 1, 7, 7), 36, 0)
    assert (reference.conv2d_weight(g[:, :, :2], x, (2, 2), geometry) == 6).all()


def the_maximum(x: Array, inside: list[tuple[int, int, int, int]]) -> tuple[int, int]:
    """The pixel that counts as the maximum, as PyTorch's loop over a window finds it."""
    best = inside[0][2:]
    for _, _, *pixel in inside[1:]:
        if x[tuple(pixel)] > x[best] or np.isnan(x[tuple(pixel)]):
            best = tuple(pixel)
    return best


def pooled(g: Array, window: Window, x: Array) -> Any:
    """For each window with a pixel in the image: where it is in the output, its plane, and its taps."""
    for n, c, y, z in np.ndindex(len(x), *g.shape[1:]):
        if inside := taps(x.shape[2:], window, (y, z)):
            yield (n, c, y, z), x[n, c], inside


@given(case=poolings(dtype=np.float64))
def test_max_pooling_by_loops(case: tuple[Any, ...]) -> None:
    x, g, window = tiny(case[0]), tiny(case[1]), case[2]
    largest = reference.max_pool2d(x, window)
    picked = reference.max_pick2d(x, x, largest, window)
    places = reference.max_places2d(x, largest, window)
    assert largest.shape == picked.shape == places.shape == (len(x), *g.shape[1:])
    for at, plane, inside in pooled(g, window, x):
        y, z = the_maximum(plane, inside)
        np.testing.assert_array_equal([largest[at], picked[at]], plane[y, z])
        assert places[at] == y * x.shape[3] + z


@given(case=poolings(odd=False, dtype=np.float64), ties=st.booleans())
def test_the_adjoint_of_max_pooling(case: tuple[Any, ...], ties: bool) -> None:
    x, g, window = case
    if not ties:
        x = x + np.linspace(0, 0.5, x.size).reshape(x.shape)
    largest, values = reference.max_pool2d(x, window), np.sin(np.arange(x.size)).reshape(x.shape)
    picked = reference.max_pick2d(values, x, largest, window)
    spread = reference.max_unpool2d(g, x, largest, window)
    np.testing.assert_allclose(np.vdot(picked, g), np.vdot(values, spread), atol=1e-9)


def test_padding_is_never_the_maximum() -> None:
    x, window = np.full((1, 1, 2, 2), -np.inf), Window((2, 2), (2, 2), (1, 1))  # each window has one pixel
    largest = reference.max_pool2d(x, window)
    assert reference.max_places2d(x, largest, window).tolist() == [[[[0, 1], [2, 3]]]]
    assert TABLE["max_places2d"].numpy(x, largest, window).tolist() == [[[[0, 1], [2, 3]]]]
    assert (reference.max_pick2d(x, x, largest, window) == -np.inf).all()


def test_an_infinite_gradient_reaches_the_maximum_alone() -> None:
    x, window = np.arange(4.0).reshape(1, 1, 2, 2), Window((2, 2), (2, 2), (0, 0))
    spread = reference.max_unpool2d(np.full((1, 1, 1, 1), np.inf), x, np.full((1, 1, 1, 1), 3.0), window)
    assert spread.tolist() == [[[[0, 0], [0, np.inf]]]]


@given(case=poolings(odd=False, dtype=np.float64))
def test_average_pooling_by_loops(case: tuple[Any, ...]) -> None:
    x, g, window = tiny(case[0]), tiny(case[1]), case[2]
    divisor = 1 + np.arange(g[0, 0].size).reshape(g.shape[2:])
    found, wanted = reference.avg_pool2d(x, window, divisor), np.zeros(g.shape)
    for at, plane, inside in pooled(g, window, x):
        wanted[at] = sum(plane[y, z] for _, _, y, z in inside) / divisor[at[2:]]
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    spread = reference.avg_unpool2d(g, x.shape[2:], window, divisor)
    np.testing.assert_allclose(np.vdot(found, g), np.vdot(x, spread), atol=1e-9)


@given(case=poolings(odd=False, dtype=np.float64))
def test_im2col_by_loops(case: tuple[Any, ...]) -> None:
    x, g, window = tiny(case[0]), tiny(case[1]), case[2]
    found = reference.im2col(x, window)
    wanted = np.zeros((len(x), x.shape[1], *window.kernel, *g.shape[2:]))
    for (n, c, y, z), plane, inside in pooled(g, window, x):
        for i, j, row, column in inside:
            wanted[n, c, i, j, y, z] = plane[row, column]
    np.testing.assert_array_equal(found, wanted.reshape(found.shape))
    columns = np.cos(np.arange(found.size)).reshape(found.shape)
    spread = reference.col2im(columns, x.shape[2:], window)
    np.testing.assert_allclose(np.vdot(found, columns), np.vdot(x, spread), atol=1e-9)
