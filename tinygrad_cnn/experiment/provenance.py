"""What is needed to repeat a run: its command, date, versions, machine, and the checksum of its data."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tinygrad_cnn.experiment.config import Config


def provenance(config: Config, checksum: int) -> dict[str, str]:
    """Return the facts of a run by name, as text."""
    return {
        "command": shlex.join(["python", *sys.argv]),
        "finished": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "seed": str(config.seed),
        "checksum of the training file": f"CRC-32 {checksum:08x}",
        "Python": platform.python_version(),
        **{package: _version(package) for package in ("tinygrad_cnn", "numpy", "numba")},
        "processor": processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "threads": str(config.threads or "as the library takes them"),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def processor() -> str:
    """Return the processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
