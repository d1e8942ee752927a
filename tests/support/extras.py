"""Which modules of the package need an extra, and with it a package that may be missing."""

from __future__ import annotations

from importlib.util import find_spec

NEEDS = {
    "tinygrad_cnn.kernels.compiled": "numba",
    "tinygrad_cnn.compiling.records": "numba",
    "tinygrad_cnn.compat.stand_ins.tensorboard": "tensorboardX",
    "tinygrad_cnn.sklearn": "sklearn",
}


def needed_by(module: str) -> str | None:
    """Return the package that a module needs beyond those that are always installed, if it needs one."""
    return next((package for room, package in NEEDS.items() if f"{module}.".startswith(f"{room}.")), None)


def can_be_imported(module: str) -> bool:
    """Return whether what a module needs is installed."""
    package = needed_by(module)
    return package is None or find_spec(package) is not None
