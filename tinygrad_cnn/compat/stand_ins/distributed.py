"""``torch.distributed`` as a script finds it that asks whether it runs in several processes: it does not."""

from __future__ import annotations


def is_available() -> bool:
    """Return False: training runs in one process."""
    return False


def is_initialized() -> bool:
    """Return False: training runs in one process."""
    return False


def is_torchelastic_launched() -> bool:
    """Return False: training runs in one process."""
    return False
