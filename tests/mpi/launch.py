"""Starting several ranks: mpiexec as users call it, with a limit of time after which a test fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]
BESIDE_PYTHON = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(BESIDE_PYTHON) if BESIDE_PYTHON.exists() else shutil.which("mpiexec")


def started(ranks: int, *command: str, **environment: str) -> subprocess.Popen[str]:
    """Start a Python command in so many ranks; 0 is one process without mpiexec."""
    before = [MPIEXEC or "mpiexec", "-n", str(ranks)] if ranks else []
    return subprocess.Popen(
        [*before, sys.executable, *command],
        cwd=TOP,
        env={**os.environ, "PYTHONPATH": str(TOP), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ran(ranks: int, *command: str, seconds: float = 100, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a Python command in so many ranks; a job that does not end in time is an error of the test."""
    job = started(ranks, *command, **environment)
    try:
        out, err = job.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        job.terminate()  # mpiexec ends its processes
        out, err = job.communicate()
        raise AssertionError(f"{ranks} ranks have not ended within {seconds} s:\n{out}\n{err}") from None
    return subprocess.CompletedProcess(command, job.returncode, out, err)
