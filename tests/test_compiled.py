"""Compiled kernels: what they are made for, when they are used, and the thread pool that runs them."""

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
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.kernel_cases import convolutions, in_some_order, poolings
from tests.support.strategies import Draw, anywhere, generators, relaid
from tinygrad_cnn.kernels import conv, dispatch, matmul, reference
from tinygrad_cnn.kernels.geometry import Geometry, Window

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")


@pytest.fixture(scope="module")
def compiled() -> Any:
    """The compiled kernels, by name."""
    pytest.importorskip("numba")
    from tinygrad_cnn.kernels.compiled.kernels import COMPILED

    return SimpleNamespace(**COMPILED)


@pytest.fixture(autouse=True)
def compiled_kernels_are_on_again() -> Iterator[None]:
    yield
    tg.set_compiled_kernels(True)


def same(actual: np.ndarray, wanted: np.ndarray, terms: int) -> None:
    """Equal, but for rounding that grows with the number of products in a sum; each product is at most 4."""
    assert actual.dtype == wanted.dtype
    np.testing.assert_allclose(actual, wanted, rtol=0, atol=4e-6 * max(terms, 1) ** 0.5)


@pytest.mark.parametrize(("channels", "side"), [(300, 2), (130, 3), (2, 20), (1000, 1)])
def test_sums_of_many_terms_come_in_blocks(compiled: Any, channels: int, side: int) -> None:
    """Whole numbers have no rounding: a block that is left out, or added twice, shows."""
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-3, 4, s).astype(np.float32) for s in [(5, channels, 22, 21), (7, channels, side, side)])
    geometry = Geometry((1, 1), (1, 1), (1, 1), 1)
    bias = np.arange(7, dtype=np.float32)
    np.testing.assert_array_equal(
        compiled.conv2d(x, w, bias, geometry), reference.conv2d(x.astype(int), w.astype(int), bias, geometry)
    )
    a, b = rng.integers(-3, 4, (13, channels * side)), rng.integers(-3, 4, (channels * side, 70))
    for order in "CF":
        found = compiled.large_matmul(a.astype(np.float32), b.astype(np.float32, order=order))
        np.testing.assert_array_equal(found, a @ b)


@given(case=convolutions(np.float32))
def test_the_gradient_of_an_input_is_compiled_for_a_stride_of_1(compiled: Any, case: tuple[Any, ...]) -> None:
    x, w, _, g, geometry = case
    assert (compiled.conv2d_input(g, w, x.shape[2:], geometry) is None) == (geometry.stride != (1, 1))


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
def laid_products(draw: Draw) -> tuple[np.ndarray, np.ndarray]:
    """Two matrices in float32, by rows or by columns or, sometimes, in memory with gaps."""
    rng = draw(generators())
    rows, terms, columns = draw(st.integers(1, 30)), draw(st.integers(1, 70)), draw(st.integers(1, 150))
    ways = st.sampled_from(
        [np.ascontiguousarray, np.asfortranarray, hidden, lambda x: hidden(x.T).T, lambda x: relaid(rng, x)]
    )
    a, b = (draw(ways)(anywhere(rng, shape).astype(np.float32)) for shape in ((rows, terms), (terms, columns)))
    return a, b


@given(case=laid_products())
def test_products_are_those_of_numpy_in_c_order(compiled: Any, case: tuple[Any, ...]) -> None:
    a, b = case
    found = compiled.large_matmul(a, b)
    in_one_piece = all(x.flags.c_contiguous or x.flags.f_contiguous for x in case)
    assert (found is not None) == (in_one_piece and len(a) >= 3 and b.shape[1] >= 10)
    if found is not None:
        assert found.flags.c_contiguous
        same(found, np.matmul(a, b), a.shape[1])


@pytest.mark.parametrize(
    ("rows", "terms", "columns", "wanted"),
    [(120, 256, 64, True), (256, 120, 64, True), (10, 5000, 10, False), (1024, 1024, 10, False)],
)
def test_the_products_of_lenet_are_compiled_and_very_large_ones_left_to_blas(
    compiled: Any, rows: int, terms: int, columns: int, wanted: bool
) -> None:
    a, b = np.ones((rows, terms), np.float32), np.ones((terms, columns), np.float32)
    assert (compiled.large_matmul(a, b) is not None) == wanted


def test_the_pooling_of_lenet_is_compiled(compiled: Any) -> None:
    x, window = np.ones((4, 6, 24, 24), np.float32), Window((2, 2), (2, 2), (0, 0))
    largest = compiled.max_pool2d(x, window)
    assert largest is not None
    assert compiled.max_unpool2d(largest, x, largest, window) is not None


@given(rng=generators(), shape=st.lists(st.integers(1, 12), min_size=0, max_size=3), times=st.integers(1, 40))
def test_what_is_positive_and_its_derivative_are_those_of_numpy(
    compiled: Any, rng: np.random.Generator, shape: list[int], times: int
) -> None:
    x, g = (anywhere(rng, (times, *shape)).astype(np.float32) for _ in range(2))
    x[rng.random(x.shape) < 0.3] = 0
    x[rng.random(x.shape) < 0.1] = np.nan
    g[rng.random(x.shape) < 0.1] = np.inf
    for other in (relaid, in_some_order):
        x, g = in_some_order(rng, x), other(rng, g)
        found = compiled.relu(x)
        np.testing.assert_array_equal(found, reference.relu(x))
        assert found.strides == np.empty_like(x).strides
        found = compiled.where_nonzero(g, x)
        if found is not None:  # NumPy relays most arrays
            np.testing.assert_array_equal(found, reference.where_nonzero(g, x))
    assert compiled.relu(np.broadcast_to(x, (2, *x.shape))) is None


def test_the_derivative_of_lenets_relu_is_compiled(compiled: Any) -> None:
    x, g = np.ones((4, 16, 4, 64), np.float32).transpose(3, 1, 0, 2), np.ones((64, 256), np.float32)
    np.testing.assert_array_equal(compiled.where_nonzero(g.reshape(x.shape), x), np.ones(x.shape))


@given(rng=generators(), shape=st.tuples(*[st.integers(1, 20)] * 4))
def test_sums_of_channels_are_those_of_numpy(
    compiled: Any, rng: np.random.Generator, shape: tuple[int, ...]
) -> None:
    x = anywhere(rng, shape).astype(np.float32).transpose(3, 1, 0, 2)
    same(compiled.channel_sums(x), reference.channel_sums(x), x[:, 0].size)
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
    from tinygrad_cnn.kernels.compiled.batch_innermost import flat_batch_innermost

    x = anywhere(rng, shape).astype(np.float32)
    x = rng.choice([in_some_order, relaid, lambda _, x: x])(rng, x)[start:, :, start:, start:]
    image = x.transpose(2, 1, 3, 0)
    np.testing.assert_array_equal(flat_batch_innermost(x), image.ravel())
    padded = np.pad(image, [(0, 0), (0, 0), (9, 40), (0, 0)])
    for left in (3, 0, -2):
        wanted = padded[:, :, 9 - left : 9 - left + columns]
        np.testing.assert_array_equal(flat_batch_innermost(x, left, wanted.shape[2]), wanted.ravel())


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
    for row in dispatch.TABLE.values():
        monkeypatch.setattr(row, "compiled", lambda *_, name=row.name: pytest.fail(f"asked for compiled {name}"))
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
    from tinygrad_cnn.kernels.compiled import thread_pool

    monkeypatch.setattr(thread_pool, "COMPILED_GRAIN_SIZE", 0.01)
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
    largest = reference.max_pool2d(y, window)
    results = [
        compiled.conv2d(x, w, bias, geometry),
        compiled.conv2d_weight(g, x, w.shape[2:], geometry),
        compiled.conv2d_input(g, w, x.shape[2:], geometry),
        compiled.max_pool2d(y, window),
        compiled.max_unpool2d(h, y, largest, window),
        compiled.relu(g),
        compiled.where_nonzero(g, compiled.relu(x) if x.shape == g.shape else g),
        compiled.large_matmul(*matrices),
    ]
    return [result for result in results if result is not None]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(convolution=convolutions(np.float32), pooling=poolings(dtype=np.float32), matrices=laid_products())
def test_bits_do_not_depend_on_which_thread_computes_a_band(
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
    from tinygrad_cnn.kernels.compiled import mailboxes, thread_pool

    share, left_to_caller = thread_pool._run_bands, [1]

    def watched(*arguments: Any) -> int:
        left_to_caller.append(share(*arguments))
        return left_to_caller[-1]

    monkeypatch.setattr(thread_pool, "_run_bands", watched)
    end = time.monotonic() + 30
    while min(left_to_caller) > 0 and time.monotonic() < end:
        convolved()
    assert min(left_to_caller) == 0
    assert (thread_pool._pool.mailboxes[:: mailboxes.MAILBOX] == mailboxes.FREE).all()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=laid_products())
def test_a_product_has_the_same_bits_on_any_number_of_threads(
    compiled: Any, three_threads: None, case: tuple[Any, ...]
) -> None:
    shared = compiled.large_matmul(*case)
    tg.set_num_threads(1)
    np.testing.assert_array_equal(compiled.large_matmul(*case), shared)
    tg.set_num_threads(3)


def test_a_band_that_no_helper_begins_is_done_by_the_caller(three_threads: None) -> None:
    from tinygrad_cnn.kernels.compiled import mailboxes, thread_pool

    wanted = convolved()
    for mine in (mailboxes.RESERVED, mailboxes.RUNNING):  # as if another caller had taken the helpers
        thread_pool._pool.mailboxes[:: mailboxes.MAILBOX] = mine
        assert equal(convolved(), wanted)
    thread_pool._pool.mailboxes[:] = mailboxes.FREE
    assert equal(convolved(), wanted)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@needs_numba
def test_the_child_of_a_fork_has_helpers_of_its_own() -> None:
    code = """
    import os
    first = convolve(), convolve()
    child = os.fork()
    assert all((convolve() == first[0]).all() for _ in range(20))
    if child == 0:
        assert sorted(pool.workers) == [0, 1]
        print("child", end=" ", flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    print("parent")
    """
    define = "tg.set_num_threads(3)\n"
    define += "from tinygrad_cnn.kernels.compiled.thread_pool import _pool as pool\n"
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


def test_machine_code_is_loaded_by_the_first_large_kernel_and_never_where_it_is_switched_off() -> None:
    loaded = "print('llvmlite' in sys.modules, 'numba' in sys.modules)\n"
    there = importlib.util.find_spec("numba") is not None
    assert printed(loaded + CONVOLVE + loaded).split() == ["False", "False", str(there), "False"]
    assert printed(CONVOLVE + loaded, TINYGRAD_CNN_FAST="0").split() == ["False"] * 2
    assert printed("tg.set_compiled_kernels(False)\n" + CONVOLVE + loaded).split() == ["False"] * 2


@pytest.mark.parametrize("broken", ["llvmlite", pytest.param("numba", marks=needs_numba)])
def test_a_numba_that_does_not_work_costs_one_warning(tmp_path: Path, broken: str) -> None:
    (tmp_path / "numba.py").touch()
    (tmp_path / f"{broken}.py").write_text("raise ImportError('wants another version')")
    code = "import warnings\nwith warnings.catch_warnings(record=True) as got:\n"
    code += f"    warnings.simplefilter('always')\n    {CONVOLVE}    {CONVOLVE}"
    path = os.pathsep.join([str(tmp_path), *sys.path])
    said = printed(code + "print(len(got), got[0].message)", PYTHONPATH=path, NUMBA_CACHE_DIR=str(tmp_path))
    assert said.startswith("1 Numba is installed but cannot be used")
    assert "wants another version" in said


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(convolution=convolutions(np.float32), pooling=poolings(dtype=np.float32), matrices=laid_products())
def test_loops_get_plans_of_words_and_contiguous_numbers(
    compiled: Any,
    monkeypatch: pytest.MonkeyPatch,
    convolution: tuple[Any, ...],
    pooling: tuple[Any, ...],
    matrices: tuple[Any, ...],
) -> None:
    """They are handed addresses, so nothing else would notice."""
    from tinygrad_cnn.kernels.compiled import thread_pool

    run = thread_pool._run_bands

    def watched(arrays: tuple[np.ndarray, ...], *rest: Any) -> int:
        assert [array.dtype for array in arrays] == [np.int64] * 2 + [np.float32] * 4
        assert all(array.ndim == 1 and array.flags.c_contiguous for array in arrays)
        assert arrays[-1].flags.writeable
        return run(arrays, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(thread_pool, "_run_bands", watched)
        all_kernels(compiled, convolution, pooling, matrices)
        compiled.copy_to_batch_innermost(convolution[0])
        compiled.channel_sums(convolution[0].transpose(2, 1, 3, 0).copy().transpose(3, 1, 0, 2))
