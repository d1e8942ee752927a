"""A script for PyTorch's DistributedDataParallel, run by ``python -m tinygrad_cnn`` in several ranks."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from functools import cache

import pytest

from tests.mpi.launch import MPIEXEC, TOP, ran

pytest.importorskip("mpi4py")
pytestmark = pytest.mark.skipif(MPIEXEC is None, reason="several ranks need mpiexec: pip install '.[mpi]'")

SCRIPT = "tests/mpi/ddp_script.py"
LOSSES = {  # of PyTorch 2.13 (gloo)
    2: [1.57809, 1.33725, 1.20308, 1.05569, 1.03381, 1.01636],
    3: [1.60341, 1.44409, 1.31409, 1.19328, 1.07006, 0.99086],
}


@cache
def ours(ranks: int, *arguments: str) -> list[float]:
    job = ran(ranks, "-m", "tinygrad_cnn", SCRIPT, *arguments)
    assert job.returncode == 0, job.stderr
    return [float(line) for line in job.stdout.split()]


@pytest.mark.parametrize("ranks", LOSSES)
def test_the_losses_are_those_of_pytorch(ranks: int) -> None:
    assert ours(ranks) == pytest.approx(LOSSES[ranks], abs=2e-5)


def test_functions_are_spawned_in_the_ranks_that_mpiexec_started() -> None:
    assert ours(2, "spawned") == ours(2)
    job = ran(3, "-m", "tinygrad_cnn", SCRIPT, "spawned")
    assert job.returncode != 0
    assert (
        "spawn: nprocs is 2, and there are 3; wanted the command mpiexec -n 2 python -m tinygrad_cnn" in job.stderr
    )


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="compares with PyTorch: pip install '.[parity]'"
)
@pytest.mark.parametrize("ranks", LOSSES)
def test_pytorch_itself_has_these_losses(ranks: int) -> None:
    jobs = []
    for rank in range(ranks):
        variables = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": ranks, "MASTER_PORT": 29511 + ranks}
        environment = {**os.environ, "MASTER_ADDR": "127.0.0.1", **{n: str(v) for n, v in variables.items()}}
        jobs.append(
            subprocess.Popen([sys.executable, SCRIPT], cwd=TOP, env=environment, stdout=subprocess.PIPE, text=True)
        )
    outputs = [job.communicate(timeout=100)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0] * ranks
    assert [float(line) for line in outputs[0].split()] == pytest.approx(LOSSES[ranks], abs=2e-5)
