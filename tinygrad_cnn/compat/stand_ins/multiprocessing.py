"""``torch.multiprocessing`` for scripts that set it up or spawn ranks: tensors are not shared."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from tinygrad_cnn.distributed.group import started_by_mpiexec


def spawn(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> None:
    """Call ``fn(rank, *args)``, once in each of the processes that mpiexec started; with one process, in this one.

    Raises RuntimeError if it started another number than ``nprocs``.
    """
    started = started_by_mpiexec() or 1
    if nprocs != started:
        raise RuntimeError(
            f"spawn: nprocs is {nprocs}, and there {'is' if started == 1 else 'are'} {started}; wanted the command "
            f"mpiexec -n {nprocs} python -m tinygrad_cnn ..."
        )
    fn(int(os.environ.get("RANK", "0")), *args)


def set_start_method(method: str | None, force: bool = False) -> None:
    """Do nothing: batches are made in this process."""


def set_sharing_strategy(new_strategy: str) -> None:
    """Do nothing: tensors are not shared between processes."""


def get_all_sharing_strategies() -> set[str]:
    """Return no names: see `set_sharing_strategy`."""
    return set()
