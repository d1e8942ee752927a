"""Several ranks compute what one process does: every case, in float64, with 2, 3 and 4 ranks. Needs ``.[mpi]``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from tests.mpi.cases import CASES, UNLIKE_ONE_PROCESS
from tests.mpi.launch import MPIEXEC, ran

pytest.importorskip("mpi4py")
pytestmark = pytest.mark.skipif(MPIEXEC is None, reason="several ranks need mpiexec: pip install '.[mpi]'")

TOLERANCE = 1e-13


@cache
def results(ranks: int) -> dict[str, np.ndarray]:
    """What all cases return; every rank has looked after each step whether all have the same bits."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "results.npz")
        job = ran(ranks, "-m", "tests.mpi.job", str(path))
        assert job.returncode == 0, job.stderr
        assert job.stderr == ""
        with np.load(path) as file:
            return dict(file)


def of_case(ranks: int, name: str) -> dict[str, np.ndarray]:
    return {key: value for key, value in results(ranks).items() if key.startswith(f"{name}/")}


@pytest.mark.parametrize("ranks", [2, 3, 4])
@pytest.mark.parametrize("name", sorted(CASES.keys() - UNLIKE_ONE_PROCESS))
def test_several_ranks_compute_what_one_process_does(name: str, ranks: int) -> None:
    one, several = of_case(0, name), of_case(ranks, name)
    assert one.keys() == several.keys() != set()
    for key, wanted in one.items():
        np.testing.assert_allclose(several[key], wanted, rtol=0, atol=TOLERANCE, err_msg=f"{key}, {ranks} ranks")


@pytest.mark.parametrize("ranks", [2, 3, 4])
@pytest.mark.parametrize("name", sorted(UNLIKE_ONE_PROCESS))
def test_what_differs_from_one_process_is_the_same_on_all_ranks(name: str, ranks: int) -> None:
    """`tests/mpi/job.py` has compared the ranks' bits; here, the numbers are not those of one process."""
    one, several = of_case(0, name), of_case(ranks, name)
    assert one.keys() == several.keys() != set()
    assert any(not np.allclose(several[key], wanted) for key, wanted in one.items())
