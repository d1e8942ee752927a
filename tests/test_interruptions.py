"""What may run at any moment computes, and changes nothing: signal handlers, profilers, finalisers, forks."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import tinygrad_cnn as tg
from tests.support.interrupted import at_each_moment
from tinygrad_cnn.kernels import memory, threads
from tinygrad_cnn.kernels.blas_threads import blas_functions
from tinygrad_cnn.kernels.thresholds import MEMORY_POOL_BYTES

FORKS = int(os.environ.get("TINYGRAD_CNN_FORKS", "40"))
needs_numba = pytest.mark.skipif(find_spec("numba") is None, reason="Numba is not installed")
KERNELS = pytest.mark.parametrize("kernels", ["numpy", pytest.param("compiled", marks=needs_numba)])
unix = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no such signals and forks")


def computed(code: str, **environment: str) -> str:
    """What Python prints for the code, in a process of its own: it may hang, and then fails after two minutes."""
    begin = "import tinygrad_cnn as tg\nfrom tests.support.interrupted import *\na, b = Step(0), Step(1)\n"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.run(
        [sys.executable, "-c", begin + code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout


@KERNELS
def test_a_profiler_computes_at_each_moment(kernels: str) -> None:
    """Each moment of a tenth of them, which is another tenth in each run of this test."""
    code = "print(at_each_moment(a.check_in_blocks, b.check_in_blocks, every=10))"
    assert int(computed(code, TINYGRAD_CNN_KERNELS=kernels)) > 100


@unix
@KERNELS
def test_a_signal_handler_computes(kernels: str) -> None:
    code = "print(with_signals(a.check_in_blocks, b.check_in_blocks, seconds=3))"
    assert int(computed(code, TINYGRAD_CNN_KERNELS=kernels)) > 10


@KERNELS
def test_finalisers_compute(kernels: str) -> None:
    """Python 3.11 collects garbage within `ContextVar.set`, and crashes if a finaliser calls that: so no blocks."""
    code = "print(with_finalisers(a.check, b.check, seconds=3))"
    assert int(computed(code, TINYGRAD_CNN_KERNELS=kernels)) > 10


@unix
@KERNELS
def test_children_of_forks_compute_while_another_thread_trains(kernels: str) -> None:
    computed(f"with_forks(a.check, b.check, {FORKS})", TINYGRAD_CNN_KERNELS=kernels)


def test_an_interrupt_at_any_moment_leaves_blas_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """After it, or, if it came while they were given back, after the next kernel."""
    functions = blas_functions()
    if functions is None:
        pytest.skip("NumPy's BLAS does not tell how many threads it has")
    monkeypatch.setattr(threads, "BLAS_THREADS_FROM", 0)
    get, put = functions
    before = get()
    put(2)

    is_running = False

    def interrupt() -> None:
        if is_running:
            raise KeyboardInterrupt

    def program() -> None:
        nonlocal is_running
        try:
            is_running = True
            threads.parallel_for(lambda start, stop: 0, 4, 1e9)
        except KeyboardInterrupt:
            pass
        is_running = False
        sys.setprofile(None)
        assert threads.parallel_for(lambda start, stop: get(), 1, 1e9) == [1]
        assert get() == 2

    gc.collect()
    gc.disable()  # an interrupt in a callback of other tests' garbage would be lost
    try:
        assert at_each_moment(program, interrupt, without="c_call") > 20
    finally:
        gc.enable()
        put(before)


# --- threads that share a leaf ---


def eight_threads(work: Callable[[], object]) -> None:
    """Run a function in eight threads at once, which change as often as the interpreter lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(work) for _ in range(8)]:
                done.result(60)
    finally:
        sys.setswitchinterval(before)


@pytest.mark.parametrize("size", [3, 20_000])
@pytest.mark.parametrize("create_graph", [False, True])
def test_no_thread_loses_a_gradient_that_it_adds_to_a_shared_leaf(size: int, create_graph: bool) -> None:
    leaf, x = tg.zeros(size, requires_grad=True), tg.ones(size)

    def work() -> None:
        for _ in range(40):
            (leaf * x).sum().backward(create_graph=create_graph)

    eight_threads(work)
    np.testing.assert_array_equal(leaf.grad.array, np.full(size, 8 * 40))


def test_no_thread_loses_the_first_gradient() -> None:
    for _ in range(40):
        leaf, together = tg.zeros(3, requires_grad=True), threading.Barrier(8)

        def work(leaf: tg.Tensor = leaf, together: threading.Barrier = together) -> None:
            loss = leaf.sum()
            together.wait(30)
            loss.backward()

        eight_threads(work)
        assert leaf.grad.tolist() == [8, 8, 8]


def test_a_hook_that_drops_the_gradient_drops_none_that_it_has_not_seen() -> None:
    leaf, seen = tg.zeros(3, requires_grad=True), []

    def hook(leaf: tg.Tensor) -> None:
        seen.append(leaf.grad.array[0])
        leaf.grad = None

    leaf.register_post_accumulate_grad_hook(hook)
    eight_threads(lambda: [leaf.sum().backward() for _ in range(40)])
    assert sum(seen) == 8 * 40


# --- how much memory stays ---


def resident() -> int:
    """How many bytes of memory this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system has no /proc")
def test_a_large_tensor_gives_its_memory_back() -> None:
    x = tg.ones(1 << 26)  # 256 MiB
    y = x.relu()
    before = resident()
    del x, y
    assert resident() < before - 500 * (1 << 20)


def test_threads_that_are_idle_hold_no_memory_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_pool", memory._MemoryPool())
    sizes = [size << 18 for size in range(1, 60)]  # 1.8 GiB, if each thread kept its own

    with ThreadPoolExecutor(8) as pool:
        for _ in range(2):
            list(pool.map(lambda size: memory.zeros((size,), np.dtype(np.float32)).sum(), sizes))
        assert 0 < memory._pool.held() <= MEMORY_POOL_BYTES
        held = sum(array.nbytes for cells in memory._pool.cells.values() for cell in cells for array, _ in cell)
        assert held <= 1.01 * MEMORY_POOL_BYTES


# --- how many threads there are ---


@pytest.mark.parametrize(
    ("given", "wanted"), [("3", "3"), ("3,2", "3"), (" 5 ", "5"), ("", "cores"), ("0", "cores"), ("many", "cores")]
)
def test_omp_num_threads_is_the_number_of_threads_at_first(given: str, wanted: str) -> None:
    code = (
        "import tinygrad_cnn as tg; print(tg.get_num_threads()); tg.set_num_threads(7); print(tg.get_num_threads())"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": given}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [wanted if wanted.isdecimal() else str(threads._cores()), "7"]
    assert ("OMP_NUM_THREADS is" in ran.stderr) == (given in ("0", "many"))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity of threads")
@pytest.mark.parametrize("kernels", ["numpy", "compiled"])
def test_threads_have_the_affinity_of_the_process(kernels: str) -> None:
    """The package gives no thread another one, whichever kernels run, and takes no core beside those given."""
    if kernels == "compiled":
        pytest.importorskip("numba")
    code = f"""
import os
from pathlib import Path
cores = os.sched_getaffinity(0)
import tinygrad_cnn as tg
assert tg.get_num_threads() == len(cores)
tg.set_num_threads(3)
with tg.use_kernels({kernels!r}):
    x = tg.rand(64, 8, 24, 24, requires_grad=True)
    for _ in range(3):
        tg.nn.functional.conv2d(x, tg.rand(16, 8, 5, 5)).sum().backward()
threads = [int(task.name) for task in Path("/proc/self/task").iterdir()]
print(len(threads) > 2, {{frozenset(os.sched_getaffinity(thread)) for thread in threads}} == {{frozenset(cores)}})
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": ""}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "True True\n", ran.stderr


# --- a Numba that cannot compile ---


def test_numba_that_is_switched_off_costs_one_warning() -> None:
    pytest.importorskip("numba")
    code = "import tinygrad_cnn as tg\nfrom tests.support.interrupted import *\na = Step(0)\na.check()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "NUMBA_DISABLE_JIT": "1"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stderr.count("Warning") == 1
    assert "NUMBA_DISABLE_JIT is set" in ran.stderr
