"""``torch.accelerator`` on a machine without one."""

from __future__ import annotations


def current_accelerator(check_available: bool = False) -> None:
    """Return None: there is one device, the CPU."""
