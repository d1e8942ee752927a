"""Sums of many numbers are exact to a few units in the last place: of all axes, layouts, types, and backwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import log2, prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.strategies import Draw, generators, relaid
from tinygrad_cnn.kernels import matmul, sums
from tinygrad_cnn.kernels.thresholds import MATMUL_BLOCK_TERMS
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.optim.muon import orthogonalized

Array = np.ndarray[Any, np.dtype[Any]]
FLOATS = [np.float16, np.float32, np.float64]
LENGTHS = [1, 2, 3, 63, 64, 65, 127, 128, 129, 130, 1000, 8191, 8192, 8193, 40_000]


def eps(dtype: Any) -> float:
    """Return the relative distance of two numbers of a type, as Python's number."""
    return float(np.finfo(dtype).eps)


def bound(dtype: Any, count: int) -> float:
    """Return the largest error of a sum of so many numbers, relative to the sum of their sizes."""
    wide = np.float32 if dtype == np.float16 else dtype
    return eps(dtype) + 4 * eps(wide) * log2(count + 2)


@st.composite
def arrays(draw: Draw) -> tuple[Array, tuple[int, ...]]:
    """Numbers in any layout, one of whose lengths crosses the borders of blocks, and some of their axes."""
    rng, dtype = draw(generators()), draw(st.sampled_from(FLOATS))
    shape = draw(st.lists(st.integers(1, 5), max_size=3))
    shape.insert(draw(st.integers(0, len(shape))), draw(st.sampled_from(LENGTHS)))
    kind = draw(st.sampled_from(["one size", "positive", "either sign", "repeated"]))
    x = np.full(shape, 0.1) if kind == "one size" else rng.uniform(-1 if kind == "either sign" else 0, 1, shape)
    if dtype == np.float16:
        x *= min(1, 50_000 / x.size)  # so that no sum is beyond the largest number
    x = relaid(rng, x.astype(dtype))
    if kind == "repeated":
        x = np.broadcast_to(x[:1], x.shape)
    axis = draw(st.lists(st.integers(0, x.ndim - 1), unique=True))
    return x, tuple(sorted(axis))


@given(arrays(), st.booleans())
def test_a_sum_is_exact_to_its_type(case: tuple[Array, tuple[int, ...]], keepdims: bool) -> None:
    assert_exact(*case, keepdims)


def assert_exact(x: Array, axis: tuple[int, ...], keepdims: bool = False) -> None:
    wide = x.astype(np.longdouble)
    found = sums.total(x, axis, keepdims)
    error = np.abs(found - wide.sum(axis, keepdims=keepdims))
    count = prod(x.shape[i] for i in axis)
    assert found.dtype == x.dtype
    assert (error <= bound(x.dtype, count) * np.abs(wide).sum(axis, keepdims=keepdims)).all()
    means = sums.mean(x, axis, keepdims)
    error = np.abs(means - wide.mean(axis, keepdims=keepdims))
    assert means.dtype == x.dtype
    assert (error <= bound(x.dtype, count) * np.abs(wide).mean(axis, keepdims=keepdims) + 1e-7).all()


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "as they are": lambda x: x,
    "turned around": lambda x: x[::-1, ::-1],
    "transposed": lambda x: x.T.copy().T,
    "with gaps": lambda x: x[:, :-1],
    "every other": lambda x: x[::2, 1::2],
    "a row repeated": lambda x: np.broadcast_to(x[:1], x.shape),
    "a column repeated": lambda x: np.broadcast_to(x[:, :1], x.shape),
    "a number repeated": lambda x: np.broadcast_to(x[:1, :1], x.shape),
    "few rows": lambda x: x[:120],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("axis", [(0,), (1,), (0, 1)])
def test_no_layout_adds_one_by_one(layout: str, dtype: Any, axis: tuple[int, ...]) -> None:
    assert_exact(LAYOUTS[layout](np.full((30_000, 4), 0.1, dtype)), axis)


@given(arrays(), st.data())
def test_a_running_sum_is_exact_to_its_type(case: tuple[Array, Any], data: st.DataObject) -> None:
    x = case[0]
    axis = data.draw(st.integers(0, x.ndim - 1))
    wide = x.astype(np.longdouble)
    found, size = sums.running_total(x, axis), np.abs(wide).cumsum(axis)
    assert found.dtype == x.dtype
    assert (np.abs(found - wide.cumsum(axis)) <= (eps(x.dtype) + 40 * eps(np.float64)) * size).all()


# --- every path gives what the plain one gives: whole numbers have no rounding to hide behind ---


@contextmanager
def blocks_of_two() -> Iterator[None]:
    """Small arrays are cut many times over."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"SUM_BLOCK": 2, "SUMMED_PLAINLY_UP_TO": 4, "SUM_ROW_WIDTH": 8}.items():
            patch.setattr(sums, name, value)
        forget()
        yield
    forget()


def forget() -> None:
    sums._stages.cache_clear()


@given(
    rng=generators(),
    shape=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    dtype=st.sampled_from([*FLOATS, np.int32, np.uint8, np.bool_]),
    data=st.data(),
)
def test_blocks_of_blocks_add_what_is_there(
    rng: np.random.Generator, shape: list[int], dtype: Any, data: st.DataObject
) -> None:
    x = relaid(rng, rng.integers(0, 2, shape).astype(dtype))
    axis = tuple(sorted(data.draw(st.lists(st.integers(0, x.ndim - 1), unique=True))))
    with blocks_of_two():
        for keepdims in (False, True):
            found = sums.total(x, axis, keepdims)
            np.testing.assert_array_equal(found, x.sum(axis, np.int64, keepdims=keepdims))
            assert found.dtype == (dtype if np.dtype(dtype).kind == "f" else np.int64)
        for i in range(x.ndim):
            np.testing.assert_array_equal(sums.running_total(x.astype(np.float32), i), x.cumsum(i, np.int64))
        np.testing.assert_array_equal(sums.added([x.astype(np.float16)] * 9), 9 * x.astype(np.int64))


@given(rng=generators(), rows=st.integers(1, 3), columns=st.integers(1, 3), more=st.integers(1, 4000))
def test_products_of_many_terms_come_in_blocks(
    rng: np.random.Generator, rows: int, columns: int, more: int
) -> None:
    terms = 4 * MATMUL_BLOCK_TERMS + more
    a, b = (relaid(rng, rng.integers(-3, 4, s).astype(np.float32)) for s in [(rows, terms), (terms, columns)])
    np.testing.assert_array_equal(matmul.matmul(a, b), a.astype(np.int64) @ b.astype(np.int64))


@given(rng=generators(), shape=st.lists(st.integers(1, 5), min_size=1, max_size=3), repeated=st.booleans())
def test_what_blas_cannot_read_is_copied(rng: np.random.Generator, shape: list[int], repeated: bool) -> None:
    """NumPy before 2.3 adds up the products of other layouts one by one, in a plain loop."""
    x = relaid(rng, rng.random(shape, np.float32))
    x = np.broadcast_to(x[:1], shape) if repeated else x
    readable = matmul._for_blas(x)
    np.testing.assert_array_equal(readable, x)
    assert matmul._for_blas(readable) is readable
    assert 4 in readable.strides[-2:] or max(shape[-2:]) == 1
    if x.ndim == 2 and min(shape) > 1 and x.flags.forc:
        assert readable is x


def test_a_product_of_many_terms_is_exact() -> None:
    tenths = tg.full((3_000_000,), 0.1)
    assert tenths.dot(tg.ones(3_000_000)).item() == pytest.approx(300_000, rel=1e-6)  # BLAS: 299,800
    assert tg.einsum("i,i->", tenths, tg.ones(3_000_000)).item() == pytest.approx(300_000, rel=1e-6)


# --- each operation that adds: 100,000 rows over which NumPy adds one by one ---

OVER_ROWS: dict[str, tuple[Callable[[tg.Tensor], tg.Tensor], Callable[[Array], Array]]] = {
    "sum": (lambda x: x.sum(0), lambda x: x.sum(0)),
    "mean": (lambda x: x.mean(0), lambda x: x.mean(0)),
    "nansum": (lambda x: x.nansum(0), lambda x: x.sum(0)),
    "nanmean": (lambda x: x.nanmean(0), lambda x: x.mean(0)),
    "var": (lambda x: x.var(0), lambda x: x.var(0, ddof=1)),
    "std": (lambda x: x.std(0), lambda x: x.std(0, ddof=1)),
    "norm": (lambda x: x.norm(dim=0), lambda x: np.sqrt(np.square(x).sum(0))),
    "norm of order 3": (lambda x: x.norm(3, dim=0), lambda x: (x**3).sum(0) ** (1 / 3)),
    "normalize": (lambda x: F.normalize(x, dim=0).sum(0), lambda x: x.sum(0) / np.sqrt(np.square(x).sum(0))),
    "logsumexp": (lambda x: x.logsumexp(0), lambda x: np.log(np.exp(x).sum(0))),
    "logcumsumexp": (lambda x: x.logcumsumexp(0)[-1], lambda x: np.log(np.exp(x).sum(0))),
    "softmax": (lambda x: x.softmax(0).sum(0), lambda x: np.ones(x.shape[1])),
    "log_softmax": (lambda x: x.log_softmax(0)[0], lambda x: x[0] - np.log(np.exp(x).sum(0))),
    "cumsum": (lambda x: x.cumsum(0)[-1], lambda x: x.sum(0)),
    "einsum": (lambda x: tg.einsum("ij->j", x), lambda x: x.sum(0)),
    "matmul": (lambda x: (tg.ones(1, len(x), dtype=x.dtype) @ x)[0], lambda x: x.sum(0)),
    "expanded": (lambda x: tg.ones(3, dtype=x.dtype).expand(len(x), 3).sum(0), lambda x: np.full(3, len(x))),
    "batch_norm": (
        lambda x: F.batch_norm(x, None, None, training=True).amax(0),
        lambda x: (x.max(0) - x.mean(0)) / np.sqrt(x.var(0) + 1e-5),
    ),
    "avg_pool": (lambda x: F.avg_pool1d(x.T[None], len(x)).ravel(), lambda x: x.mean(0)),
    "adaptive_avg_pool": (lambda x: F.adaptive_avg_pool1d(x.T[None], 1).ravel(), lambda x: x.mean(0)),
    "mse_loss": (lambda x: F.mse_loss(x, 0 * x), lambda x: np.square(x).mean()),
}


@pytest.mark.parametrize("name", OVER_ROWS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_operation_that_adds_is_exact(name: str, dtype: Any) -> None:
    function, oracle = OVER_ROWS[name]
    x = np.random.default_rng(0).uniform(0, 0.2, (100_000, 3)).astype(dtype)
    x[:50_000] = 0.1
    found = function(tg.from_numpy(x)).numpy()
    assert found.dtype == dtype
    np.testing.assert_allclose(found, oracle(x.astype(np.longdouble)).astype(np.float64), rtol=30 * eps(dtype))


def test_what_is_added_to_one_place_is_exact() -> None:
    first = np.zeros(100_000, np.int64)
    rows = tg.full((100_000, 2), 0.1)
    np.testing.assert_allclose(tg.zeros(1, 2).index_add(0, first, rows), 10_000, rtol=1e-6)
    np.testing.assert_allclose(tg.zeros(2).index_put((first,), rows[:, 0], True)[0], 10_000, rtol=1e-6)
    found = tg.zeros(1, 2).scatter_add(0, np.zeros(rows.shape, np.int64), rows)
    np.testing.assert_allclose(found, 10_000, rtol=1e-6)


@given(rng=generators(), dtype=st.sampled_from([np.float32, np.float64]))
def test_a_product_of_many_numbers_is_exact(rng: np.random.Generator, dtype: Any) -> None:
    x = rng.uniform(0.9, 1.1, (1000, 2)).astype(dtype)
    wanted = x.astype(np.longdouble).cumprod(0)
    error = eps(dtype) if dtype == np.float32 else 100 * eps(dtype)  # there is no wider type
    np.testing.assert_allclose(tg.from_numpy(x).prod(0), wanted[-1].astype(np.float64), rtol=error)
    np.testing.assert_allclose(tg.from_numpy(x).cumprod(0), wanted.astype(np.float64), rtol=error)


BACK: dict[str, tuple[Callable[[tg.Tensor, tg.Tensor], tg.Tensor], float]] = {
    "unbroadcast": (lambda row, many: row + many, 1),
    "bias of linear": (lambda row, many: F.linear(many, tg.zeros(3, 3), row), 1),
    "bias of conv": (lambda row, many: F.conv2d(many.T.reshape(1, 3, -1, 1), tg.zeros(3, 3, 1, 1), row), 1),
    "scale of batch_norm": (
        lambda row, many: F.batch_norm(many, tg.zeros(3) - 1, tg.ones(3), row, eps=0) / 1.1,
        1,
    ),
    "rows of an index": (lambda row, many: row.reshape(1, 3)[np.zeros(len(many), np.int64)], 1),
    "expand": (lambda row, many: row.expand(len(many), 3), 1),
}


@pytest.mark.parametrize("name", BACK)
def test_a_gradient_for_many_is_exact(name: str) -> None:
    function, slope = BACK[name]
    row = tg.ones(3, requires_grad=True)
    out = function(row, tg.full((1_000_000, 3), 0.1))
    (0.1 * out).sum().backward()
    np.testing.assert_allclose(row.grad.numpy(), 0.1 * slope * 1_000_000, rtol=3e-6)


@pytest.mark.parametrize("outputs", [1, 8])
def test_the_weight_of_a_convolution_over_many_rows_has_an_exact_gradient(outputs: int) -> None:
    weight = tg.ones(outputs, 1, 1, 2, dtype=tg.float64).requires_grad_()
    F.conv2d(tg.full((1, 1, 100_000, 2), 0.1, dtype=tg.float64), weight).sum().backward()
    np.testing.assert_allclose(weight.grad, 10_000, rtol=30 * eps(np.float64))


def test_running_statistics_of_many_rows_are_exact() -> None:
    norm = tg.nn.BatchNorm1d(3, momentum=1.0)
    x = np.random.default_rng(0).random((200_000, 3), np.float32)
    norm(tg.from_numpy(x))
    np.testing.assert_allclose(norm.running_mean, x.mean(0, np.float64), rtol=1e-6)
    np.testing.assert_allclose(norm.running_var, x.var(0, np.float64, ddof=1), rtol=1e-6)


def test_the_norm_of_a_matrix_of_float16_does_not_overflow() -> None:
    found = orthogonalized(np.eye(4, dtype=np.float16) * 300, (3.4445, -4.775, 2.0315), 5, 1e-7)
    np.testing.assert_allclose(found, np.diag(np.diag(found)), atol=1e-3)
    assert (np.diag(found) > 0.5).all()


# --- the numbers that were found wrong ---


def test_means_of_millions() -> None:
    x = tg.full((2_000_000, 3), 0.1)
    np.testing.assert_allclose(x.mean(0), 0.1, rtol=1e-6)
    np.testing.assert_allclose(x.std(0), 0, atol=1e-7)
    assert tg.ones(20_000_000, 1).expand(20_000_000, 2).mean(0).tolist() == [1, 1]
    assert tg.ones(20_000_000, 1).var(0).tolist() == [0]


def test_a_running_sum_of_millions_and_its_gradient() -> None:
    x = tg.full((3_000_000,), 0.1, requires_grad=True)
    running = x.cumsum(0)
    assert running[-1].item() == pytest.approx(300_000, rel=1e-6)
    (running * 1e-3).sum().backward()
    assert x.grad[0].item() == pytest.approx(3000.0001, rel=1e-6)


def test_pixels_of_60_000_images_have_the_right_mean() -> None:
    x = np.random.default_rng(0).random((60_000, 98), np.float32)
    np.testing.assert_allclose(tg.from_numpy(x).mean(0), x.mean(0, np.float64), rtol=1e-6)


def half(*shape: int, value: float = 1.0) -> tg.Tensor:
    return tg.full(shape, value, dtype=tg.float16)


HALF: dict[str, tuple[Callable[[], tg.Tensor], float]] = {
    "mean": (lambda: half(70_000).mean(), 1),
    "nanmean": (lambda: half(70_000).nanmean(), 1),
    "sum": (lambda: half(6000, 115).sum(0)[7], 6000),
    "sum of tenths": (lambda: half(6000, 3, value=0.1).sum(0)[1], 599.85),
    "trace": (lambda: half(3000, 3000).trace(), 3000),
    "cumsum": (lambda: half(6000).cumsum(0)[-1], 6000),
    "prod": (lambda: tg.tensor([300, 300, 1 / 256, 1 / 256], dtype=tg.float16).prod(), 1.373),
    "std": (lambda: tg.arange(1000, dtype=tg.float16).std(), 288.819),
    "norm": (lambda: tg.tensor([300, 400], dtype=tg.float16).norm(), 500),
    "norm of order 3": (lambda: tg.tensor([300, 400], dtype=tg.float16).norm(3), 449.8),
    "distance": (lambda: F.pairwise_distance(half(1, 1, value=300), half(1, 1, value=-300)), 600),
    "cdist": (lambda: tg.cdist(tg.tensor([[300, 400]], dtype=tg.float16), half(1, 2, value=0)), 500),
    "cosine_similarity": (lambda: F.cosine_similarity(half(1, 9, value=200), half(1, 9, value=200)), 1),
    "normalize": (lambda: F.normalize(tg.tensor([[300, 400]], dtype=tg.float16))[0, 0], 0.6),
    "rms_norm": (lambda: F.rms_norm(half(1, 4, value=300), 4)[0, 0], 1),
    "rms_norm of small numbers": (lambda: F.rms_norm(half(1, 4, value=1e-3), 4)[0, 0], 0.9453),
    "layer_norm": (lambda: F.layer_norm(tg.arange(1000, dtype=tg.float16), 1000)[-1], 1.7303),
    "batch_norm": (
        lambda: F.batch_norm(tg.arange(1000, dtype=tg.float16)[:, None], None, None, training=True)[-1],
        1.7303,
    ),
    "cosine_embedding_loss": (
        lambda: F.cosine_embedding_loss(half(1, 9, value=200), half(1, 9, value=200), -tg.ones(1)),
        1,
    ),
    "fold": (lambda: F.fold(half(1, 3000, 3000), (1, 5999), (1, 3000))[0, 0, 0, 2999], 3000),
    "mse_loss": (lambda: F.mse_loss(half(10_000, value=10), half(10_000, value=0)), 100),
    "cross_entropy": (lambda: F.cross_entropy(half(70_000, 10), tg.zeros(70_000, dtype=tg.int64)), 2.3026),
    "cross_entropy, weighted": (
        lambda: F.cross_entropy(half(70_000, 10), tg.zeros(70_000, dtype=tg.int64), half(10, value=0.5)),
        2.3026,
    ),
    "logsumexp": (lambda: half(70_000, value=0).logsumexp(0), 11.156),
    "logcumsumexp": (lambda: half(70_000, value=0).logcumsumexp(0)[-1], 11.156),
    "softmax": (lambda: half(70_000).softmax(0).sum(), 1.0014),  # 1 / 70,000 is rounded
    "log_softmax": (lambda: half(70_000, value=0).log_softmax(0)[0], -11.156),
    "avg_pool2d": (lambda: tg.avg_pool2d(half(1, 1, 300, 300), 300), 1),
    "adaptive_avg_pool2d": (lambda: F.adaptive_avg_pool2d(half(1, 1, 401, 400), (2, 1))[0, 0, 0], 1),
    "index_add": (lambda: half(1, value=0).index_add(0, np.zeros(6000, np.int64), half(6000)), 6000),
    "matmul": (lambda: half(6000).dot(half(6000)), 6000),
    "clip_grad_norm_": (lambda: clipped([300, 400]), 500),
}


def clipped(gradient: list[float]) -> tg.Tensor:
    p = tg.nn.Parameter(half(2))
    p.grad = tg.tensor(gradient, dtype=tg.float16)
    norm = tg.nn.utils.clip_grad_norm_(p, 1.0)
    np.testing.assert_allclose(p.grad.numpy(), np.divide(gradient, 500), rtol=1e-3)
    return norm


@pytest.mark.parametrize("name", HALF)
def test_float16_is_added_in_float32(name: str) -> None:
    call, wanted = HALF[name]
    found = call()
    assert found.dtype == tg.float16
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-3)


HALF_BACK: dict[str, Callable[[tg.Tensor], tg.Tensor]] = {
    "mean": lambda x: x.mean(),
    "std": lambda x: x.std(),
    "norm": lambda x: x.norm(),
    "layer_norm": lambda x: (F.layer_norm(x * 128, x.shape) ** 3).sum(),
    "softmax": lambda x: x.softmax(0).norm() * 1000,
    "log_softmax": lambda x: x.log_softmax(0).sum() / 8,
    "cross_entropy": lambda x: F.cross_entropy(x.reshape(2, 500), tg.tensor([3, 499])),
    "cumsum": lambda x: (x / 8).cumsum(0).mean(),
    "avg_pool2d": lambda x: F.avg_pool1d(x.reshape(1, 1, -1), 500, stride=1).norm(),
    "index": lambda x: x[np.zeros(6000, np.int64)].sum() / 10,
}


@pytest.mark.parametrize("name", HALF_BACK)
def test_gradients_of_float16_are_those_of_float64(name: str) -> None:
    narrow, wide = (tg.arange(1000, dtype=dtype).requires_grad_() for dtype in (tg.float16, tg.float64))
    for x in (narrow, wide):
        HALF_BACK[name](x / 128).backward()  # exact in float16
    assert narrow.grad.dtype == tg.float16
    scale = np.abs(wide.grad.numpy()).max()
    np.testing.assert_allclose(narrow.grad, wide.grad, rtol=0, atol=4e-3 * scale)


@pytest.mark.parametrize("function", [tg.mean, tg.amax], ids=["mean", "amax"])
def test_more_numbers_than_float16_can_count_share_a_gradient(function: Any) -> None:
    x = half(70_000, value=0).requires_grad_()
    function(x).backward()
    np.testing.assert_allclose(x.grad, 1 / 70_000, rtol=2e-3)
