"""`examples/lenet_mnist.py` with several ranks: the files and figures of one process, killed and resumed too."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.mpi.launch import MPIEXEC, ran, started
from tests.support.training_processes import SETTINGS, few_digits, outcome
from tinygrad_cnn.storage.safetensors import load

pytest.importorskip("mpi4py")
pytestmark = pytest.mark.skipif(MPIEXEC is None, reason="several ranks need mpiexec: pip install '.[mpi]'")

SCRIPT = "examples/lenet_mnist.py"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_digits(tmp_path_factory.mktemp("digits"))


def options(data: Path, folder: Path, **changes: Any) -> list[str]:
    settings = {**SETTINGS, "augment": "elastic", "early_stop_patience": 9, **changes}
    flags = [(name.replace("_", "-"), value) for name, value in settings.items()]
    given = [f"--no-{n}" if v is False else f"--{n}" if v is True else f"--{n}={v}" for n, v in flags]
    return [SCRIPT, f"--output={folder}", f"--data-dir={data}", *given]


@pytest.fixture(scope="module")
def of_one_process(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    job = ran(0, *options(data, folder))
    assert job.returncode == 0, job.stderr
    return folder


def check_same_run(folder: Path, wanted: Path) -> None:
    """The same steps in float32, in which every sum of a rank's share rounds in its own way."""
    assert sorted(p.name for p in folder.iterdir()) == sorted(p.name for p in wanted.iterdir())
    ours, theirs = outcome(folder), outcome(wanted)
    assert len(ours["epochs"]) == len(theirs["epochs"])
    for row, wanted_row in zip(ours["epochs"], theirs["epochs"], strict=True):
        for name, value in wanted_row.items():
            assert row[name] == pytest.approx(value, abs=2e-3), name
    weights = load(wanted / "model.safetensors")
    for name, tensor in load(folder / "model.safetensors").items():
        np.testing.assert_allclose(tensor.array, weights[name].array, atol=2e-4, err_msg=name)


@pytest.mark.parametrize("ranks", [2, 3])
def test_several_ranks_leave_the_folder_of_one_process(
    ranks: int, data: Path, of_one_process: Path, tmp_path: Path
) -> None:
    job = ran(ranks, *options(data, tmp_path))
    assert job.returncode == 0, job.stderr
    assert job.stderr == ""
    assert job.stdout.count("everything is in") == 1, "the first rank prints, and no other"
    check_same_run(tmp_path, of_one_process)


def rank_of(folder: Path) -> int | None:
    """Return a process that works in a folder: the newest, which is not rank 0."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        if command[0] == sys.executable.encode() and f"--output={folder}".encode() in command:
            found.append(int(path.parent.name))
    return max(found, default=None)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="this system does not list processes in /proc")
def test_a_run_that_lost_a_rank_goes_on_with_another_number(
    data: Path, of_one_process: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    job = started(2, *options(data, folder))
    until = time.monotonic() + 60
    while len(list(folder.glob("checkpoint-*"))) < 2 and job.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    victim = rank_of(folder)
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    job.communicate(timeout=30)
    assert job.returncode != 0
    assert not (folder / "metrics.json").exists()
    for ranks in (0, 3, 4):
        resumed = tmp_path / f"by {ranks}"
        shutil.copytree(folder, resumed)
        again = ran(ranks, SCRIPT, "--resume", str(resumed))
        assert again.returncode == 0, again.stderr
        assert "going on after epoch" in again.stdout
        check_same_run(resumed, of_one_process)


def test_an_error_of_the_first_rank_ends_all(data: Path, tmp_path: Path) -> None:
    job = ran(2, *options(data, tmp_path, learning_rate=1e30))
    assert job.returncode != 0
    assert "error: fit: stopped in epoch 1" in job.stderr
    tmp_path.joinpath("file").write_text("")
    job = ran(3, *options(data, tmp_path / "file"))
    assert job.returncode != 0
    assert "file: " in job.stderr
