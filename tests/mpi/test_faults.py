"""A rank that fails ends the whole job soon, with its error and place. Needs ``.[mpi]``.

``TINYGRAD_CNN_REPEATS=20`` repeats each fault so often, with 4 ranks too: some races show in one run of twenty.
"""

from __future__ import annotations

import os
import re
import time

import pytest

from tests.mpi.launch import MPIEXEC, ran

pytest.importorskip("mpi4py")
pytestmark = pytest.mark.skipif(MPIEXEC is None, reason="several ranks need mpiexec: pip install '.[mpi]'")

REPEATS = int(os.environ.get("TINYGRAD_CNN_REPEATS", "1"))
RANKS = [2, 3, 4] if REPEATS > 1 else [2, 3]
SECONDS = 12.0

FAULTS = {  # what the error stream says, besides the rank
    "raises": ["fail(kind)", "ArithmeticError: the rank that fails"],
    "exits": ["rank {last} has ended, but this rank waits for it in all_reduce", "faulty.py:"],
    "is killed": [],  # mpiexec says so itself
    "hangs": ["has come to no collective for 3 s; it is here:", "time.sleep(1000)"],
    "goes on alone": ["rank 0 has ended, but this rank waits for it in barrier", "faulty.py:"],
}


@pytest.mark.parametrize("repeat", range(REPEATS))
@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("kind", FAULTS)
def test_a_rank_that_fails_ends_the_job_and_says_where(kind: str, ranks: int, repeat: int) -> None:
    job = ran(ranks, "-m", "tests.mpi.faulty", kind)
    ended = time.monotonic()
    began = re.search(r"fails at ([\d.]+)", job.stdout)  # mpiexec may put another rank's line right behind it
    assert began is not None, job.stdout
    assert ended - float(began[1]) < SECONDS
    assert job.returncode != 0
    for text in FAULTS[kind]:
        assert text.format(last=ranks - 1) in job.stderr, job.stderr
    if kind in ("raises", "hangs", "goes on alone"):
        assert f"[rank {ranks - 1}] " in job.stderr
    assert kind == "goes on alone" or "done" not in job.stdout


@pytest.mark.parametrize("repeat", range(REPEATS))
@pytest.mark.parametrize("ranks", RANKS)
def test_ranks_that_end_one_after_the_other_are_no_fault(ranks: int, repeat: int) -> None:
    job = ran(ranks, "-m", "tests.mpi.faulty", "ends")
    assert (job.returncode, "".join(job.stdout.split()), job.stderr) == (0, "done" * ranks, "")


def test_the_mpiexec_of_another_mpi_is_refused() -> None:
    """It starts processes that this MPI does not join: each would be the only one of its world."""
    job = ran(0, "-m", "tests.mpi.faulty", "ends", OMPI_COMM_WORLD_SIZE="2")
    assert job.returncode != 0
    assert "mpiexec started 2 processes, but mpi4py's MPI" in job.stderr
    assert "sees 1: mpiexec is of another MPI; wanted the one beside python" in job.stderr
