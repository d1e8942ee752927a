"""A kind of device that this machine does not offer: ``torch.cuda``, ``torch.mps``, ``torch.xpu``."""

from __future__ import annotations

from typing import Any


def is_available() -> bool:
    """Return False: there is one device, the CPU."""
    return False


def is_built() -> bool:
    """Return False: see `is_available`."""
    return False


def is_initialized() -> bool:
    """Return False: see `is_available`."""
    return False


def device_count() -> int:
    """Return 0: see `is_available`."""
    return 0


def manual_seed(seed: int) -> None:
    """Do nothing, as in PyTorch without the device; `torch.manual_seed` seeds the CPU's generator."""


manual_seed_all = manual_seed


def synchronize(device: Any = None) -> None:
    """Do nothing: operations are complete when they return."""


def empty_cache() -> None:
    """Do nothing, as in PyTorch without the device."""
