"""The process group: the processes that mpiexec started, each with its rank, or this process alone."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from tinygrad_cnn.distributed import faults
from tinygrad_cnn.kernels.threads import set_num_threads

BACKENDS = ("mpi", "gloo", "nccl")
"""Names that scripts give. MPI does the work for each of them."""

DEFAULT_TIMEOUT = 600.0  # seconds

_SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")
"""Variables in which mpiexec (of MPICH or Intel, of Open MPI) says how many processes it started."""


class ProcessGroup:
    """The ranks of this run, and MPI's communicator if there are several."""

    def __init__(self, comm: Any = None, monitor: faults.Monitor | None = None) -> None:
        self.comm, self.monitor = comm, monitor
        self.rank: int = 0 if comm is None else comm.rank
        self.size: int = 1 if comm is None else comm.size


_group: ProcessGroup | None = None


def started_by_mpiexec() -> int:
    """Return how many processes mpiexec started with this one, by the variables that it sets; 0 without mpiexec."""
    return next((int(os.environ[name]) for name in _SIZES if os.environ.get(name, "").isdecimal()), 0)


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | float | None = None,
    world_size: int = -1,
    rank: int = -1,
    **options: Any,
) -> None:
    """Join the processes that mpiexec started. Without mpiexec the group has one process.

    An error in one process ends all of them. So does a process that keeps the others waiting for longer than
    ``timeout`` (a timedelta or seconds; 10 minutes). The cores of a machine are shared among its processes, unless
    OMP_NUM_THREADS says how many threads each has. PyTorch's other arguments are accepted: ``world_size`` and
    ``rank`` must be what mpiexec says, the others change nothing.

    Raises RuntimeError if there is a group already, if mpi4py or an MPI is missing, or if mpiexec is of another MPI
    than mpi4py; ValueError for a backend that PyTorch does not have, or for another number of processes.

    >>> import tinygrad_cnn as tg
    >>> tg.distributed.init_process_group()
    >>> tg.distributed.get_rank(), tg.distributed.get_world_size()
    (0, 1)
    >>> tg.distributed.destroy_process_group()
    """
    global _group
    name = "init_process_group"
    if _group is not None:
        raise RuntimeError(f"{name}: there is a process group already; call destroy_process_group first")
    for part in (backend or "mpi").lower().split(","):  # "cpu:gloo,cuda:nccl" is one, too
        if part.rpartition(":")[2] not in BACKENDS:
            raise ValueError(f"{name}: backend is {backend!r}; wanted {', '.join(map(repr, BACKENDS))} or None")
    started = started_by_mpiexec()
    group = ProcessGroup() if started <= 1 else _join(started, _seconds(timeout))
    if world_size not in (-1, group.size) or rank not in (-1, group.rank):
        raise ValueError(
            f"{name}: world_size is {world_size} and rank {rank}, but this is rank {group.rank} of {group.size}; "
            f"wanted the command mpiexec -n {max(world_size, 1)} python ..."
        )
    if group.size == 1 and int(os.environ.get("WORLD_SIZE", "1") or 1) > 1:
        raise RuntimeError(
            f"{name}: WORLD_SIZE is {os.environ['WORLD_SIZE']}, but mpiexec did not start this process; wanted the "
            f"command mpiexec -n {os.environ['WORLD_SIZE']} python ..."
        )
    _group = group


def _seconds(timeout: timedelta | float | None) -> float:
    if timeout is None:
        return DEFAULT_TIMEOUT
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
    if not seconds > 0:
        raise ValueError(f"init_process_group: timeout is {timeout!r}; wanted a time above 0")
    return seconds


def _join(started: int, timeout: float) -> ProcessGroup:
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # mpi4py's wheels raise RuntimeError where there is no MPI
        raise RuntimeError(
            f"init_process_group: mpiexec started {started} processes, which need mpi4py and its MPI: {error}; "
            'pip install "tinygrad_cnn[mpi]"'
        ) from error
    world = MPI.COMM_WORLD
    if world.size != started:
        version = MPI.Get_library_version().split("\n")[0][:60].strip()
        raise RuntimeError(
            f"init_process_group: mpiexec started {started} processes, but mpi4py's MPI ({version}) sees "
            f"{world.size}: mpiexec is of another MPI; wanted the one beside python, such as .venv/bin/mpiexec"
        )
    comm = world.Dup()
    monitor = faults.Monitor(comm, timeout)
    _share_cores(comm.Split_type(MPI.COMM_TYPE_SHARED))
    return ProcessGroup(comm, monitor)


def _share_cores(machine: Any) -> None:
    """Divide the cores among the processes of a machine that may use the same ones."""
    if os.environ.get("OMP_NUM_THREADS") or not hasattr(os, "sched_getaffinity"):
        return
    mine = os.sched_getaffinity(0)
    sharing = sum(bool(mine & cores) for cores in machine.allgather(mine))
    set_num_threads(max(1, len(mine) // sharing))


def destroy_process_group(group: None = None) -> None:
    """Leave the process group. Does nothing if there is none."""
    global _group
    leaving, _group = _group, None
    if leaving is not None and leaving.monitor is not None:
        leaving.monitor.leave()


def current_group() -> ProcessGroup | None:
    """Return the process group, or None before `init_process_group`."""
    return _group


def the_group(name: str, group: None = None) -> ProcessGroup:
    """Return the process group for a function of that name. Raises ValueError without one, or for a subgroup."""
    if group is not None:
        raise ValueError(f"{name}: group is {group!r:.60}; wanted None: there is one group, of all processes")
    if _group is None:
        raise ValueError(f"{name}: there is no process group; call init_process_group first")
    return _group


def is_available() -> bool:
    """Return True: a group of one process needs nothing else, and one of several needs mpi4py."""
    return True


def is_initialized() -> bool:
    """Return whether there is a process group."""
    return _group is not None


def get_rank(group: None = None) -> int:
    """Return the number of this process in its group, from 0 on. Raises ValueError without a group."""
    return the_group("get_rank", group).rank


def get_world_size(group: None = None) -> int:
    """Return the number of processes in the group. Raises ValueError without a group."""
    return the_group("get_world_size", group).size


def get_backend(group: None = None) -> str:
    """Return "mpi". Raises ValueError without a group."""
    the_group("get_backend", group)
    return "mpi"
