"""``torch.multiprocessing`` for scripts that only set it up: tensors are not shared between processes."""

from __future__ import annotations


def set_start_method(method: str | None, force: bool = False) -> None:
    """Do nothing: batches are made in this process."""


def set_sharing_strategy(new_strategy: str) -> None:
    """Do nothing: tensors are not shared between processes."""


def get_all_sharing_strategies() -> set[str]:
    """Return no names: see `set_sharing_strategy`."""
    return set()
