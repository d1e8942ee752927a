"""The table of kernels: which implementation runs, for whom, and how often."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.kernels import dispatch, reference, threads
from tinygrad_cnn.kernels.dispatch import TABLE, count_calls
from tinygrad_cnn.models import LeNet

KERNELS = Path(dispatch.__file__).parent
needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")


@pytest.fixture(autouse=True)
def compiled_kernels_are_on_again() -> Iterator[None]:
    yield
    tg.set_compiled_kernels(True)
    assert not dispatch._special


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that says which of three marked implementations of a kernel runs."""

    def numpy(x: Any) -> str:
        return "numpy"

    monkeypatch.setattr(dispatch, "TABLE", dict(TABLE))
    call = dispatch.numpy_kernel(lambda x: "reference")(numpy)
    monkeypatch.setattr(dispatch.TABLE["numpy"], "compiled", lambda x: "compiled")
    return lambda: call(np.zeros(1000, np.float32))


@needs_numba
def test_a_block_chooses_and_the_innermost_block_wins(marked: Any) -> None:
    assert marked() == "compiled"
    with tg.use_kernels("reference"):
        assert marked() == "reference"
        with tg.use_kernels("numpy"):
            assert marked() == "numpy"
            with tg.use_kernels("compiled"):
                assert marked() == "compiled"
        assert marked() == "reference"
    assert marked() == "compiled"
    assert tg.use_kernels("numpy")(marked)() == "numpy"


@needs_numba
def test_the_process_chooses_where_no_block_does(marked: Any) -> None:
    tg.set_compiled_kernels(False)
    assert marked() == "numpy"
    with tg.use_kernels("compiled"):
        assert marked() == "compiled"
    tg.set_compiled_kernels(True)
    assert marked() == "compiled"


def test_a_choice_ends_with_its_block_also_when_that_fails(marked: Any) -> None:
    with pytest.raises(ZeroDivisionError), tg.use_kernels("reference"):
        1 / 0  # noqa: B018
    assert marked() != "reference"


def test_a_choice_holds_in_its_thread_alone(marked: Any) -> None:
    found = []
    with tg.use_kernels("reference"):
        thread = threading.Thread(target=lambda: found.append(marked()))
        thread.start()
        thread.join()
        assert marked() == "reference"
    assert found != ["reference"]


def test_the_workers_of_a_kernel_share_its_choice(marked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_num_threads", 3)
    meeting = threading.Barrier(3, timeout=30)
    with tg.use_kernels("reference"):
        found = threads.parallel_for(lambda start, stop: (meeting.wait(), marked())[1], 3, 1e9)
    assert found == ["reference"] * 3


@pytest.mark.parametrize("word", ["fast", "", None, "NumPy"])
def test_another_word_is_refused_by_name(word: Any) -> None:
    wanted = r"use_kernels: kernels are .*; wanted 'reference', 'numpy', 'compiled'"
    with pytest.raises(ValueError, match=wanted), tg.use_kernels(word):
        pass


def test_compiled_kernels_by_name_need_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "find_spec", lambda name: None)
    with (
        pytest.raises(ImportError, match=r"need Numba; pip install 'tinygrad_cnn\[fast\]'"),
        tg.use_kernels("compiled"),
    ):
        pass


def in_a_process(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"TINYGRAD_CNN_KERNELS": "reference"}, "reference"),
        ({"TINYGRAD_CNN_KERNELS": "numpy"}, "numpy"),
        ({"TINYGRAD_CNN_FAST": "0"}, "numpy"),
        ({"TINYGRAD_CNN_FAST": "0", "TINYGRAD_CNN_KERNELS": "reference"}, "reference"),
        pytest.param({}, "compiled", marks=needs_numba),
    ],
)
def test_the_environment_chooses(environment: dict[str, str], wanted: str) -> None:
    code = """
import sys, tinygrad_cnn as tg
images, weight, files = tg.ones(8, 1, 28, 28), tg.ones(6, 1, 5, 5), set()
sys.setprofile(lambda frame, event, arg: files.add(frame.f_code.co_filename))
tg.conv2d(images, weight)
sys.setprofile(None)
print(*files)
"""
    dispatch.have_compiled()  # so that the process has nothing to compile, and to say
    found = in_a_process(code, **environment)
    files = {
        "reference": "kernels/reference.py",
        "numpy": "kernels/conv.py",
        "compiled": "kernels/compiled/conv.py",
    }
    assert found.stderr == ""
    assert [name for name, path in files.items() if str(Path(path)) in found.stdout] == [wanted]


def test_a_wrong_word_in_the_environment_is_refused_by_name() -> None:
    found = in_a_process("import tinygrad_cnn", TINYGRAD_CNN_KERNELS="fast")
    assert "ValueError: TINYGRAD_CNN_KERNELS in the environment: kernels are 'fast'; wanted" in found.stderr


# --- one step of LeNet ---


def lenet_step(batch: int) -> Any:
    """A step of training, ready to be run once more: buffers of the optimizer are there."""
    tg.manual_seed(0)
    model = LeNet()
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    images, labels = tg.rand(batch, 1, 28, 28), tg.randint(0, 10, (batch,))

    def step() -> float:
        optimizer.zero_grad()
        loss = tg.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    step()
    return step


LENET = Counter(
    conv2d=2,
    conv2d_weight=2,
    conv2d_input=1,  # of the second convolution only: nobody asks for the gradient of the images
    channel_sums=2,
    max_pool2d=2,
    max_unpool2d=2,
    relu=4,
    where_nonzero=4,
    linear=6,  # of three, the gradient of the input is one too
    matmul=9,  # of linear, and of the gradients of its weights
    total=9,  # of cross-entropy, and of the gradients of biases and weights
)


def test_the_kernel_calls_of_one_step() -> None:
    """If this fails: a kernel is called more often than before, perhaps for a copy that was not made before."""
    step = lenet_step(64)
    threads_before = tg.get_num_threads()
    tg.set_num_threads(1)  # a band may copy its own part
    try:
        with tg.use_kernels("numpy"), count_calls() as calls:
            step()
    finally:
        tg.set_num_threads(threads_before)
    copies = {
        "copy_to_batch_innermost": 2
    }  # the images, which lie as N C H W, for the first convolution and its weight
    large = {"large_matmul": 6, "reshape_batch": 1, "scaled_large": 1}
    assert calls == LENET | copies | large


def test_images_of_a_dataset_are_not_copied_again() -> None:
    """They come in the layout in which kernels compute."""
    images = tg.utils.data.TensorDataset(tg.rand(64, 1, 28, 28)).batch_at(np.arange(64))[0]
    model = LeNet()
    with tg.use_kernels("numpy"), count_calls() as calls:
        model(images).sum().backward()
    assert "copy_to_batch_innermost" not in calls


def test_blocks_that_count_may_be_nested_and_count_one_thread() -> None:
    x = tg.ones(3)
    with count_calls() as outer:
        x.relu()
        with count_calls() as inner:
            x.relu()
            thread = threading.Thread(target=x.relu)
            thread.start()
            thread.join()
    assert (outer, inner) == (Counter(relu=2), Counter(relu=1))


def test_with_reference_kernels_a_step_of_lenet_runs_no_other() -> None:
    step, ran = lenet_step(64), set()

    def note(frame: Any, event: str, arg: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and KERNELS in path.parents:
            ran.add((path.name, frame.f_code.co_name))

    with tg.use_kernels("reference"):
        sys.setprofile(note)
        try:
            step()
        finally:
            sys.setprofile(None)
    files = {name for name, _ in ran}
    assert {function for name, function in ran if name == "memory.py"} <= {"has_own", "is_exclusive"}
    assert not files & {"conv.py", "pool.py", "relu.py", "threads.py", "where.py"}
    assert {function for name, function in ran if name == "sums.py"} <= {"widened"}
    assert {function for name, function in ran if name == "batch_innermost.py"} <= {"reshape", "add"}
    assert {function for name, function in ran if name == "matmul.py"} <= {"matmul"}
    assert {f.__name__ for f in (reference.conv2d, reference.conv2d_input, reference.max_unpool2d)} <= {
        function for name, function in ran if name == "reference.py"
    }


@pytest.mark.parametrize("kernels", ["numpy", pytest.param("compiled", marks=needs_numba)])
def test_fast_kernels_train_lenet_as_the_reference_does(kernels: str) -> None:
    losses = []
    for choice in ("reference", kernels):
        with tg.use_kernels(choice):
            step = lenet_step(32)
            losses.append([step() for _ in range(3)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
