"""Large kernels are shared among threads: results are those of one thread, and no caller waits for a worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.cases import CASES, OpCase
from tinygrad_cnn.kernels import threads
from tinygrad_cnn.kernels.blas_threads import blas_functions
from tinygrad_cnn.kernels.matmul import large_matmul
from tinygrad_cnn.kernels.threads import parallel_for
from tinygrad_cnn.models import LeNet

BANDED = [
    c for c in CASES if c.name in ("conv2d", "conv2d_input", "conv2d_weight", "max_pool2d", "linear", "matmul")
]


@pytest.fixture
def three_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three threads, to which the smallest of work is worth sharing."""
    monkeypatch.setattr(threads, "GRAIN_SIZE", 0.1)
    monkeypatch.setattr(threads, "BLAS_THREADS_FROM", 0)
    before = tg.get_num_threads()
    tg.set_num_threads(3)
    yield
    tg.set_num_threads(before)


def values_and_gradients(case: OpCase, sample: Any) -> list[np.ndarray]:
    inputs = [tg.tensor(a, requires_grad=True) for a in sample.inputs]
    out = case.function(*inputs, **sample.arguments)
    out = out[0] if isinstance(out, tuple) else out
    out.backward(tg.tensor(np.random.default_rng(0).uniform(-1, 1, out.shape)))
    return [out.array, *(t.grad.array for t in inputs)]


@pytest.mark.parametrize("case", BANDED, ids=lambda c: c.name)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bands_give_what_the_whole_gives(case: OpCase, three_threads: None, data: st.DataObject) -> None:
    sample = data.draw(case.samples)
    tg.set_num_threads(3)
    shared, again = values_and_gradients(case, sample), values_and_gradients(case, sample)
    tg.set_num_threads(1)
    alone = values_and_gradients(case, sample)
    for a, b, c in zip(shared, again, alone, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=1e-12, atol=1e-12)


def test_bands_cover_everything_once_and_results_come_in_order(three_threads: None) -> None:
    for length in (1, 2, 3, 10, 100):
        bands = parallel_for(lambda start, stop: (start, stop), length, 1e9)
        assert [i for start, stop in bands for i in range(start, stop)] == list(range(length))
        assert len(bands) == min(length, 3)


def test_several_threads_take_part(three_threads: None) -> None:
    meeting = threading.Barrier(3, timeout=30)
    names = parallel_for(lambda start, stop: meeting.wait() >= 0 and threading.current_thread().name, 3, 1e9)
    assert len(set(names)) == 3


def test_an_error_in_a_band_is_raised_and_the_threads_work_on(three_threads: None) -> None:
    def failing(start: int, stop: int) -> None:
        raise ArithmeticError(f"band {start}")

    for _ in range(5):
        with pytest.raises(ArithmeticError, match="band"):
            parallel_for(failing, 3, 1e9)
    assert parallel_for(lambda start, stop: start, 3, 1e9) == [0, 1, 2]


def test_bands_withparallel_for_and_from_many_threads_end(three_threads: None) -> None:
    def outer(start: int, stop: int) -> int:
        return sum(parallel_for(lambda i, j: j - i, 30, 1e9))

    results: list[list[int]] = []
    callers = [threading.Thread(target=lambda: results.append(parallel_for(outer, 6, 1e9))) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60)
    assert results == [[30] * 3] * 8


def test_numpys_error_state_holds_in_all_bands(three_threads: None) -> None:
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        parallel_for(lambda start, stop: np.float32(3e38) * np.float32(start * 10), 3, 1e9)
    with np.errstate(over="ignore"):
        parallel_for(lambda start, stop: np.float32(3e38) * np.float32(start * 10), 3, 1e9)


def test_blas_has_one_thread_within_and_its_own_again_after(three_threads: None) -> None:
    functions = blas_functions()
    if functions is None:
        pytest.skip("NumPy's BLAS does not tell how many threads it has")
    get, put = functions
    before = get()
    put(2)
    try:
        assert parallel_for(lambda start, stop: get(), 3, 1e9) == [1, 1, 1]
        assert get() == 2
    finally:
        put(before)


def test_the_number_of_threads_is_that_of_blas_too(three_threads: None) -> None:
    functions = blas_functions()
    if functions is None:
        pytest.skip("NumPy's BLAS does not tell how many threads it has")
    get, _ = functions
    for num in (2, 1):
        tg.set_num_threads(num)
        assert get() == num
    parallel_for(lambda start, stop: tg.set_num_threads(2), 3, 1e9)
    assert get() == 2, "what is set within a large kernel holds after it"


@pytest.mark.parametrize("num", [0, -1, 1.5, True, "two"])
def test_a_number_of_threads_is_a_whole_number_of_at_least_1(num: Any) -> None:
    before = tg.get_num_threads()
    with pytest.raises(ValueError, match=r"set_num_threads: num is .*; wanted an integer of at least 1"):
        tg.set_num_threads(num)
    assert tg.get_num_threads() == before >= 1


def trained(seed: int) -> bytes:
    """The weights of a LeNet of its own after some steps on data of its own."""
    tg.manual_seed(seed)
    model = LeNet()
    optimizer = tg.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(4):
        images, labels = tg.rand(33, 1, 28, 28), tg.randint(0, 10, (33,))
        optimizer.zero_grad()
        tg.cross_entropy(tg.nn.functional.dropout(model(images), 0.2), labels).backward()
        optimizer.step()
    return b"".join(parameter.numpy().tobytes() for parameter in map(tg.Tensor.detach, model.parameters()))


def test_eight_threads_train_eight_models_to_the_bits_of_each_alone() -> None:
    alone = [trained(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(trained, range(8)))
    assert together == alone
    assert len(set(alone)) == 8


def test_a_wide_product_comes_in_bands_of_columns(three_threads: None) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 5)), rng.standard_normal((5, 40))
    np.testing.assert_allclose(large_matmul(a, b), a @ b, rtol=1e-12)
