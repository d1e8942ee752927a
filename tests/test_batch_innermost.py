"""A batch that lies innermost in memory, as the kernels of images leave it, stays there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.kernels import batch_innermost as layout
from tinygrad_cnn.kernels import conv
from tinygrad_cnn.kernels.geometry import Geometry
from tinygrad_cnn.nn import functional as F

Array = np.ndarray[Any, np.dtype[Any]]


@st.composite
def images(draw: st.DrawFn) -> Array:
    """Images (N, C, H, W) that lie as H C W N, in memory of their own or as part of more."""
    n, c, h, w = (draw(st.integers(1, 4)) for _ in range(4))
    more = draw(st.integers(0, 1)), draw(st.integers(0, 1)), draw(st.integers(0, 1)), draw(st.integers(0, 1))
    whole = np.arange(float(np.prod(np.add((h, c, w, n), more)))).reshape(np.add((h, c, w, n), more))
    return whole[:h, :c, :w, :n].transpose(3, 1, 0, 2)


def lies_innermost(array: Array) -> bool:
    return len(array) == 1 or array.strides[0] == array.itemsize


@given(images(), st.data())
def test_a_reshaped_batch_stays_innermost(x: Array, data: st.DataObject) -> None:
    n, c, h, w = x.shape
    shape = data.draw(
        st.sampled_from([(n, c * h * w), (n, c, h * w), (n, c * h, w), (n, h, w, c), (n, 1, c * h * w)])
    )
    result = tg.from_numpy(x).reshape(shape).array
    np.testing.assert_array_equal(result, x.reshape(shape))
    assert lies_innermost(result)
    assert np.shares_memory(result, x) or not np.shares_memory(x.reshape(shape), x)


@given(images())
def test_what_follows_keeps_it_there_and_back(x: Array) -> None:
    n, size = len(x), x[0].size
    weight, bias = np.linspace(-1, 1, 3 * size).reshape(3, size), np.array([0.1, 0.2, 0.3])
    found = []
    for laid in (x, np.ascontiguousarray(x)):
        image = tg.from_numpy(laid).requires_grad_()
        w, b = (tg.tensor(a, requires_grad=True) for a in (weight, bias))
        logits = F.linear(image.flatten(1), w, b)
        assert lies_innermost(logits.array) or laid is not x
        F.cross_entropy(logits, tg.tensor(np.arange(n) % 3)).backward()
        found.append([logits, image.grad, w.grad, b.grad])
    for innermost, ordinary in zip(*found, strict=True):
        np.testing.assert_allclose(innermost.detach().array, ordinary.detach().array)


def test_large_batches_are_copied_into_memory_that_is_used_again() -> None:
    x = np.arange(4.0 * 16 * 4 * 512, dtype=np.float32).reshape(4, 16, 4, 512).transpose(3, 1, 0, 2)
    result = tg.from_numpy(x).flatten(1)
    np.testing.assert_array_equal(result.array, x.reshape(512, 256))
    kept = result.array.copy()
    again = tg.from_numpy(x * 2).flatten(1)
    np.testing.assert_array_equal(result.array, kept)
    assert again.array[1, 1] == 2 * kept[1, 1]


@given(images(), st.integers(0, 2))
def test_images_are_laid_anew_whatever_lies_between_them(x: Array, pages: int) -> None:
    n, size = len(x), x[0].size
    apart = np.empty((n, 512 * pages or size))[:, :size].reshape(x.shape)  # 512 numbers are 4096 bytes
    apart[...] = x
    ways = layout.to_batch_innermost, layout.copy_to_batch_innermost
    for laid in (*(way(apart) for way in ways), layout.to_batch_innermost(x)):
        np.testing.assert_array_equal(laid, x.transpose(2, 1, 3, 0))
        assert laid.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("first", ["N C H W", "H C W N"])
def test_a_sum_of_large_images_lies_as_convolutions_like_it(first: str, dtype: Any) -> None:
    ordinary = np.arange(4 * 16 * 16 * 16, dtype=dtype).reshape(4, 16, 16, 16)
    innermost = layout.from_batch_innermost(layout.to_batch_innermost(ordinary * 2))
    arrays = (ordinary, innermost) if first == "N C H W" else (innermost, ordinary)
    a, b = (tg.from_numpy(array).requires_grad_() for array in arrays)
    total = a + b
    np.testing.assert_array_equal(total.detach().array, 3 * ordinary)
    assert lies_innermost(total.array)
    (total * total).sum().backward()
    np.testing.assert_array_equal(a.grad.array, 6 * ordinary)
    assert lies_innermost((tg.from_numpy(innermost) + 1.0).array)


def test_a_batch_is_convolved_like_its_halves() -> None:
    """Lines of a power of two are laid further apart than others, which is nothing that results show."""
    rng, geometry = np.random.default_rng(0), Geometry(padding=(1, 0))
    x, w, g = (rng.standard_normal(shape) for shape in [(128, 2, 5, 10), (3, 2, 3, 3), (128, 3, 5, 8)])

    def kernels(of: slice) -> list[Array]:
        return [
            conv.conv2d(x[of], w, None, geometry),
            conv.conv2d_input(g[of], w, (5, 10), geometry),
            conv.conv2d_weight(g[of], x[of], (3, 3), geometry),
        ]

    whole, left, right = kernels(slice(None)), kernels(slice(64)), kernels(slice(64, None))
    for found, a, b in zip(whole, left, right, strict=True):
        np.testing.assert_allclose(found, a + b if found.shape == w.shape else np.concatenate([a, b]), atol=1e-12)
