"""What ``torch.distributed`` says about its libraries, for scripts that choose one: MPI does all the work."""

from __future__ import annotations

import os
from typing import Any


def is_gloo_available() -> bool:
    """Return True: a group of that name can be made."""
    return True


is_mpi_available = is_gloo_available


def is_nccl_available() -> bool:
    """Return False: there is one device, the CPU."""
    return False


def is_torchelastic_launched() -> bool:
    """Return whether this process is one of several: mpiexec sets what torchrun would."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def get_default_backend_for_device(device: Any) -> str:
    """Return PyTorch's name of the library for the CPU; a group of that name can be made."""
    return "gloo"
