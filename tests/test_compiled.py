"""Compiled kernels do what their NumPy counterparts do, only for what they are made for, and only where wanted."""

from __future__ import annotations

import ctypes
import importlib.util
import mmap
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from strategies import Draw, anywhere, generators, relaid

import tinygrad_cnn as tg
from tinygrad_cnn.kernels import conv, matmul, pool, relu, sums
from tinygrad_cnn.kernels import dispatch as switch
from tinygrad_cnn.kernels.geometry import Geometry, Window

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")


@pytest.fixture(scope="module")
def compiled() -> Any:
    """The compiled kernels, by name."""
    pytest.importorskip("numba")
    from tinygrad_cnn.kernels.compiled import kernels

    return kernels


@pytest.fixture(autouse=True)
def compiled_kernels_are_on_again() -> Iterator[None]:
    yield
    tg.set_compiled_kernels(True)


def pairs(least: int, most: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(least, most), st.integers(least, most))


@st.composite
def convolutions(draw: Draw) -> tuple[Any, ...]:
    """Arrays x, w, bias (or None) and g in float32, in any layout, and a geometry."""
    rng, groups, kernel = draw(generators()), draw(st.integers(1, 3)), draw(pairs(1, 7))
    geometry = Geometry(draw(pairs(1, 3)), draw(pairs(0, 4)), draw(pairs(1, 2)), groups)
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
    x, w, bias, g = (relaid(rng, anywhere(rng, shape).astype(np.float32)) for shape in shapes)
    return x, w, bias if draw(st.booleans()) else None, g, geometry


def same(actual: np.ndarray, wanted: np.ndarray, terms: int) -> None:
    """Equal, but for rounding that grows with the number of products in a sum; each product is at most 4."""
    assert actual.dtype == wanted.dtype
    np.testing.assert_allclose(actual, wanted, rtol=0, atol=4e-6 * max(terms, 1) ** 0.5)


@given(case=convolutions())
def test_convolutions_are_those_of_numpy(compiled: Any, case: tuple[Any, ...]) -> None:
    x, w, bias, g, geometry = case
    size, kernel = x.shape[2:], w.shape[2:]
    taps = int(np.prod(w.shape[1:]))
    same(compiled.conv2d(x, w, bias, geometry), conv.conv2d.__wrapped__(x, w, bias, geometry), taps)
    same(
        compiled.conv2d_weight(g, x, kernel, geometry),
        conv.conv2d_weight.__wrapped__(g, x, kernel, geometry),
        g[:, 0].size,
    )
    for_input = compiled.conv2d_input(g, w, size, geometry)
    assert (for_input is None) == (geometry.stride != (1, 1))
    if for_input is not None:
        same(for_input, conv.conv2d_input.__wrapped__(g, w, size, geometry), w.size // w.shape[1])


@st.composite
def poolings(draw: Draw) -> tuple[Any, ...]:
    """Arrays x and g in float32, in any layout, with ties and sometimes NaNs, and a window."""
    rng = draw(generators())
    kernel, height, width = draw(pairs(1, 3)), draw(st.integers(3, 9)), draw(st.integers(3, 9))
    padding = draw(st.sampled_from([(0, 0), (0, 0), (0, 1)]))
    assume(all(2 * p <= k for p, k in zip(padding, kernel, strict=True)))
    stride = kernel if draw(st.booleans()) else draw(pairs(1, 4))
    window = Window(kernel, stride, padding, draw(st.sampled_from([(1, 1), (1, 1), (1, 2)])), draw(st.booleans()))
    size = window.output_size((height, width))
    assume(min(size) > 0)
    batch, channels = draw(st.integers(1, 40)), draw(st.integers(1, 3))
    x = rng.integers(-3, 3, (batch, channels, height, width)).astype(np.float32)
    if draw(st.booleans()):
        x[rng.random(x.shape) < 0.02] = np.nan
    g = anywhere(rng, (batch, channels, *size)).astype(np.float32)
    return relaid(rng, x), relaid(rng, g), window


@given(case=poolings())
def test_max_pooling_is_that_of_numpy_to_the_bit(compiled: Any, case: tuple[Any, ...]) -> None:
    x, g, window = case
    largest = pool.max_pool2d.__wrapped__(x, window)
    found = compiled.max_pool2d(x, window)
    if found is not None:
        np.testing.assert_array_equal(found, largest)
    spread = compiled.max_unpool2d(g, x, largest, window)
    if spread is not None:
        np.testing.assert_array_equal(spread, pool.max_unpool2d.__wrapped__(g, x, largest, window))


def hidden(x: np.ndarray) -> np.ndarray:
    """The same values in memory that is read-only and not aligned, with none to read behind it (on Linux)."""
    size = -(-(x.nbytes + 1) // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = np.frombuffer(mmap.mmap(-1, size + mmap.PAGESIZE), np.uint8)
    raw = memory[size - x.nbytes - 1 : size - 1].view(x.dtype).reshape(x.shape)
    raw[:] = x
    if sys.platform == "linux":
        forbidden = ctypes.c_void_p(memory.ctypes.data + size)
        assert ctypes.CDLL(None).mprotect(forbidden, mmap.PAGESIZE, 0) == 0
    assert not raw.flags.aligned
    raw.flags.writeable = False
    return raw


@st.composite
def products(draw: Draw) -> tuple[np.ndarray, np.ndarray]:
    """Two matrices in float32, by rows or by columns or, sometimes, in memory with gaps."""
    rng = draw(generators())
    rows, terms, columns = draw(st.integers(1, 30)), draw(st.integers(1, 70)), draw(st.integers(1, 150))
    ways = st.sampled_from(
        [np.ascontiguousarray, np.asfortranarray, hidden, lambda x: hidden(x.T).T, lambda x: relaid(rng, x)]
    )
    a, b = (draw(ways)(anywhere(rng, shape).astype(np.float32)) for shape in ((rows, terms), (terms, columns)))
    return a, b


@given(case=products())
def test_products_are_those_of_numpy_in_c_order(compiled: Any, case: tuple[Any, ...]) -> None:
    a, b = case
    found = compiled.large_product(a, b)
    in_one_piece = all(x.flags.c_contiguous or x.flags.f_contiguous for x in case)
    assert (found is not None) == (in_one_piece and len(a) >= 3 and b.shape[1] >= 10)
    if found is not None:
        assert found.flags.c_contiguous
        same(found, matmul.large_product.__wrapped__(a, b), a.shape[1])


@pytest.mark.parametrize(
    ("rows", "terms", "columns", "wanted"),
    [(120, 256, 64, True), (256, 120, 64, True), (10, 5000, 10, False), (1024, 1024, 10, False)],
)
def test_the_products_of_lenet_are_compiled_and_very_large_ones_left_to_blas(
    compiled: Any, rows: int, terms: int, columns: int, wanted: bool
) -> None:
    a, b = np.ones((rows, terms), np.float32), np.ones((terms, columns), np.float32)
    assert (compiled.large_product(a, b) is not None) == wanted


def test_the_pooling_of_lenet_is_compiled(compiled: Any) -> None:
    x, window = np.ones((4, 6, 24, 24), np.float32), Window((2, 2), (2, 2), (0, 0))
    largest = compiled.max_pool2d(x, window)
    assert largest is not None
    assert compiled.max_unpool2d(largest, x, largest, window) is not None


def laid(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """The same values with dimensions in another order in memory, or as convolutions lay them."""
    order = [2, 1, 3, 0] if array.ndim == 4 and rng.random() < 0.5 else rng.permutation(array.ndim)
    return np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))


@given(rng=generators(), shape=st.lists(st.integers(1, 12), min_size=0, max_size=3), times=st.integers(1, 40))
def test_what_is_positive_and_its_derivative_are_those_of_numpy(
    compiled: Any, rng: np.random.Generator, shape: list[int], times: int
) -> None:
    x, g = (anywhere(rng, (times, *shape)).astype(np.float32) for _ in range(2))
    x[rng.random(x.shape) < 0.3] = 0
    x[rng.random(x.shape) < 0.1] = np.nan
    g[rng.random(x.shape) < 0.1] = np.inf
    for other in (relaid, laid):
        x, g = laid(rng, x), other(rng, g)
        found = compiled.relu(x)
        np.testing.assert_array_equal(found, relu.relu.__wrapped__(x))
        assert found.strides == np.empty_like(x).strides
        found = compiled.where_nonzero(g, x)
        if found is not None:  # NumPy relays most arrays
            np.testing.assert_array_equal(found, relu.where_nonzero.__wrapped__(g, x))
    assert compiled.relu(np.broadcast_to(x, (2, *x.shape))) is None


def test_the_derivative_of_lenets_relu_is_compiled(compiled: Any) -> None:
    x, g = np.ones((4, 16, 4, 64), np.float32).transpose(3, 1, 0, 2), np.ones((64, 256), np.float32)
    np.testing.assert_array_equal(compiled.where_nonzero(g.reshape(x.shape), x), np.ones(x.shape))


@given(rng=generators(), shape=st.tuples(*[st.integers(1, 20)] * 4))
def test_sums_of_channels_are_those_of_numpy(
    compiled: Any, rng: np.random.Generator, shape: tuple[int, ...]
) -> None:
    x = anywhere(rng, shape).astype(np.float32).transpose(3, 1, 0, 2)
    same(compiled.channel_sums(x), sums.channel_sums.__wrapped__(x), x[:, 0].size)
    assert compiled.channel_sums(np.ones((2, 3, 2, 2), np.float32)) is None


@given(rng=generators(), height=st.integers(1, 3), channels=st.integers(1, 3), batch=st.integers(1, 20_000))
def test_long_rows_of_channels_are_summed_in_segments(
    compiled: Any, rng: np.random.Generator, height: int, channels: int, batch: int
) -> None:
    x = rng.integers(-3, 4, (height, channels, 2, batch)).astype(np.float32).transpose(3, 1, 0, 2)
    np.testing.assert_array_equal(compiled.channel_sums(x), x.sum((0, 2, 3), np.int64))
    tenths = np.full(x.shape, 0.1, np.float32)
    tenths = tenths.transpose(2, 1, 3, 0).copy().transpose(3, 1, 0, 2)
    np.testing.assert_allclose(compiled.channel_sums(tenths), x[:, 0].size * np.float32(0.1), rtol=8e-7)


@pytest.mark.parametrize("start", [0, 1])
@given(rng=generators(), shape=st.tuples(*[st.integers(9, 20)] * 3, st.integers(9, 40)), columns=st.integers(1, 40))
def test_images_of_any_layout_lie_as_the_loops_want_them(
    compiled: Any, start: int, rng: np.random.Generator, shape: tuple[int, ...], columns: int
) -> None:
    from tinygrad_cnn.kernels.compiled.batch_innermost import flat

    x = anywhere(rng, shape).astype(np.float32)
    x = rng.choice([laid, relaid, lambda _, x: x])(rng, x)[start:, :, start:, start:]
    image = x.transpose(2, 1, 3, 0)
    np.testing.assert_array_equal(flat(x), image.ravel())
    padded = np.pad(image, [(0, 0), (0, 0), (9, 40), (0, 0)])
    for left in (3, 0, -2):
        wanted = padded[:, :, 9 - left : 9 - left + columns]
        np.testing.assert_array_equal(flat(x, left, wanted.shape[2]), wanted.ravel())


def lenet_shapes(dtype: Any = np.float32) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    x, w, g = (anywhere(rng, s).astype(dtype) for s in ((48, 6, 12, 12), (16, 6, 5, 5), (48, 16, 8, 8)))
    return x, w, g


def convolved(dtype: Any = np.float32) -> list[np.ndarray]:
    """The convolutions of LeNet's second layer, and a product, each through the name that the operations use."""
    (x, w, g), geometry = lenet_shapes(dtype), Geometry()
    bias = np.zeros(16, dtype)
    return [
        matmul.matmul(x.reshape(48, -1), x.reshape(48, -1).T),
        conv.conv2d(x, w, bias, geometry),
        conv.conv2d_weight(g, x, (5, 5), geometry),
        conv.conv2d_input(g, w, (12, 12), geometry),
    ]


def equal(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all(np.array_equal(i, j, equal_nan=True) for i, j in zip(a, b, strict=True))


@needs_numba
def test_the_switch_chooses_between_two_ways_of_rounding() -> None:
    on = convolved()
    tg.set_compiled_kernels(False)
    off = convolved()
    assert not equal(on, off)
    tg.set_compiled_kernels(True)
    assert equal(on, convolved())


def test_float64_and_small_arrays_are_left_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "_kernels", lambda: pytest.fail("asked for compiled kernels"))
    convolved(np.float64)
    conv.conv2d(np.ones((1, 1, 4, 4), np.float32), np.ones((1, 1, 2, 2), np.float32), None, Geometry())


@needs_numba
def test_results_are_the_same_bits_each_time_and_from_several_threads_at_once() -> None:
    wanted = convolved()
    differ: list[int] = []

    def work(i: int) -> None:
        differ.extend(i for _ in range(5) if not equal(convolved(), wanted))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not differ


@pytest.fixture
def three_threads(compiled: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three threads, to which every band is worth sharing."""
    from tinygrad_cnn.kernels.compiled import thread_pool as crew

    monkeypatch.setattr(crew, "GRAIN", 0.01)
    before = tg.get_num_threads()
    tg.set_num_threads(3)
    yield
    tg.set_num_threads(before)


def all_kernels(
    compiled: Any, convolution: tuple[Any, ...], pooling: tuple[Any, ...], matrices: tuple[Any, ...]
) -> list[np.ndarray]:
    """What each compiled kernel makes of a case, nothing where it is not made for it."""
    x, w, bias, g, geometry = convolution
    y, h, window = pooling
    largest = pool.max_pool2d.__wrapped__(y, window)
    results = [
        compiled.conv2d(x, w, bias, geometry),
        compiled.conv2d_weight(g, x, w.shape[2:], geometry),
        compiled.conv2d_input(g, w, x.shape[2:], geometry),
        compiled.max_pool2d(y, window),
        compiled.max_unpool2d(h, y, largest, window),
        compiled.relu(g),
        compiled.where_nonzero(g, compiled.relu(x) if x.shape == g.shape else g),
        compiled.large_product(*matrices),
    ]
    return [result for result in results if result is not None]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(convolution=convolutions(), pooling=poolings(), matrices=products())
def test_whoever_does_the_bands_the_bits_are_the_same(
    compiled: Any,
    three_threads: None,
    convolution: tuple[Any, ...],
    pooling: tuple[Any, ...],
    matrices: tuple[Any, ...],
) -> None:
    def work(_: int) -> list[np.ndarray]:
        return all_kernels(compiled, convolution, pooling, matrices)

    wanted = work(0)
    with ThreadPoolExecutor(4) as callers:  # more than there are helpers: some find them busy
        assert all(equal(found, wanted) for found in callers.map(work, range(8)))
    tg.set_num_threads(1)
    taps = max(convolution[3].size, matrices[1].size)
    for shared, alone in zip(wanted, work(0), strict=True):
        same(shared, alone, taps)
    tg.set_num_threads(3)


def test_helpers_do_their_bands_and_are_free_again(three_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from tinygrad_cnn.kernels.compiled import thread_pool as crew

    share, left_to_caller = crew._share, [1]

    def watched(*arguments: Any) -> int:
        left_to_caller.append(share(*arguments))
        return left_to_caller[-1]

    monkeypatch.setattr(crew, "_share", watched)
    end = time.monotonic() + 30
    while min(left_to_caller) > 0 and time.monotonic() < end:
        convolved()
    assert min(left_to_caller) == 0
    assert (crew._crew.mail[:: crew.MAILBOX] == crew.FREE).all()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=products())
def test_a_product_has_the_same_bits_on_any_number_of_threads(
    compiled: Any, three_threads: None, case: tuple[Any, ...]
) -> None:
    shared = compiled.large_product(*case)
    tg.set_num_threads(1)
    np.testing.assert_array_equal(compiled.large_product(*case), shared)
    tg.set_num_threads(3)


def test_a_band_that_no_helper_begins_is_done_by_the_caller(three_threads: None) -> None:
    from tinygrad_cnn.kernels.compiled import thread_pool as crew

    wanted = convolved()
    for mine in (crew.TAKEN, crew.BEGUN):  # as if another caller had taken the helpers
        crew._crew.mail[:: crew.MAILBOX] = mine
        assert equal(convolved(), wanted)
    crew._crew.mail[:] = crew.FREE
    assert equal(convolved(), wanted)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@needs_numba
def test_the_child_of_a_fork_has_helpers_of_its_own() -> None:
    code = """
    import os, threading
    first = convolve(), convolve()
    child = os.fork()
    assert all((convolve() == first[0]).all() for _ in range(20))
    if child == 0:
        assert sum(t.name.startswith("tinygrad_cnn-compiled") for t in threading.enumerate()) == 2
        print("child", end=" ", flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    print("parent")
    """
    define = "tg.set_num_threads(3)\n"
    define += "def convolve(): return tg.conv2d(tg.ones(64, 1, 28, 28), tg.ones(6, 1, 5, 5)).numpy()\n"
    assert printed(define + textwrap.dedent(code)).split() == ["child", "parent"]


@needs_numba
def test_the_interpreter_ends_while_helpers_look_out_for_work() -> None:
    assert printed("tg.set_num_threads(4)\n" + CONVOLVE * 3 + "print('end')").split() == ["end"]


def test_a_kernel_reads_memory_that_is_read_only_or_not_aligned() -> None:
    x, w, _ = lenet_shapes()
    wanted = conv.conv2d(x, w, None, Geometry())
    raw = hidden(x.transpose(2, 1, 3, 0)).transpose(3, 1, 0, 2)
    np.testing.assert_array_equal(conv.conv2d(raw, w, None, Geometry()), wanted)


def printed(code: str, **environment: str) -> str:
    """What Python prints for the code; that a convolution large enough for a compiled kernel has run."""
    code = "import numpy as np, sys, tinygrad_cnn as tg\n" + code
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout


CONVOLVE = "y = tg.conv2d(tg.ones(8, 1, 28, 28), tg.ones(6, 1, 5, 5)); assert y.shape == (8, 6, 24, 24)\n"


def test_numba_is_imported_by_the_first_large_kernel_and_never_where_it_is_switched_off() -> None:
    loaded = "print('numba' in sys.modules)\n"
    there = importlib.util.find_spec("numba") is not None
    assert printed(loaded + CONVOLVE + loaded).split() == ["False", str(there)]
    assert printed(CONVOLVE + loaded, TINYGRAD_CNN_FAST="0").split() == ["False"]
    assert printed("tg.set_compiled_kernels(False)\n" + CONVOLVE + loaded).split() == ["False"]


def test_a_numba_that_does_not_work_costs_one_warning(tmp_path: Path) -> None:
    (tmp_path / "numba.py").write_text("raise ImportError('wants another NumPy')")
    code = "import warnings\nwith warnings.catch_warnings(record=True) as got:\n"
    code += f"    warnings.simplefilter('always')\n    {CONVOLVE}    {CONVOLVE}"
    path = os.pathsep.join([str(tmp_path), *sys.path])
    said = printed(code + "print(len(got), got[0].message)", PYTHONPATH=path)
    assert said.startswith("1 Numba is installed but cannot be used")
    assert "wants another NumPy" in said
