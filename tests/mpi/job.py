"""Run cases in all ranks that mpiexec starts, or in one process: ``python -m tests.mpi.job FILE NAME...``."""

from __future__ import annotations

import sys

import numpy as np

import tinygrad_cnn as tg
from tests.mpi.cases import CASES
from tinygrad_cnn.distributed.average import check_equal
from tinygrad_cnn.distributed.group import started_by_mpiexec


def main(path: str, *names: str) -> None:
    if started_by_mpiexec():
        tg.distributed.init_process_group(timeout=60)
    results = {}
    for name in names or CASES:
        arrays = CASES[name]()
        if tg.distributed.is_initialized():
            check_equal(f"{name}: the results", arrays.values())
        results |= {f"{name}/{key}": array for key, array in arrays.items()}
    if not started_by_mpiexec() or tg.distributed.get_rank() == 0:
        np.savez(path, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
