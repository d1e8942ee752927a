"""The variables that torchrun sets, for scripts that mpiexec starts: some read them before they make a group."""

from __future__ import annotations

import os

from tinygrad_cnn.distributed.group import started_by_mpiexec

_SOURCES = {  # of MPICH and Intel's MPI, of Open MPI
    "RANK": ("PMI_RANK", "OMPI_COMM_WORLD_RANK"),
    "LOCAL_RANK": ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK"),
    "WORLD_SIZE": ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE"),
    "LOCAL_WORLD_SIZE": ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE"),
}


def set_variables() -> None:
    """Set what torchrun would have set, if mpiexec started this process."""
    if not started_by_mpiexec():
        return
    for variable, sources in _SOURCES.items():
        found = [os.environ[source] for source in sources if source in os.environ]
        if found:
            os.environ[variable] = found[0]
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")  # MPI needs no address; scripts look whether there is one
    os.environ.setdefault("MASTER_PORT", "29500")
