"""Frameworks, each in a worker process of its own that answers requests until it is closed."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import Peer
from benchmarks.workloads import Workload


class Refused(RuntimeError):
    """Raised when a framework could not do what was asked."""


class Worker:
    """A process in which one framework works."""

    def __init__(self, peer: Peer, folder: Path, environment: dict[str, str]) -> None:
        context = multiprocessing.get_context("spawn")
        self.peer = peer
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, peer.name, folder), daemon=True)
        with _environment({**environment, **peer.environment}):
            self._process.start()
        theirs.close()

    def ask(self, method: str, *given: Any, patience: float = 300) -> Any:
        """Return the answer of the process; raise Refused if it is an error or takes too long."""
        try:
            self._pipe.send((method, given))
            if not self._pipe.poll(patience):
                raise Refused(f"no answer after {patience:.0f} s")
            answer, error = self._pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise Refused("its process has ended") from None
        if error:
            raise Refused(error)
        return answer

    def close(self) -> None:
        """End the process."""
        with suppress(OSError):
            self._pipe.send(None)
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    """Change the environment in a block; a variable whose value is empty is removed."""
    before = dict(os.environ)
    os.environ.update(changes)
    for name in (name for name, value in changes.items() if not value):
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


# --- in the worker's process ---


def _serve(pipe: Any, name: str, folder: Path) -> None:
    here = _Here(name, folder)
    while (order := pipe.recv()) is not None:
        method, given = order
        try:
            pipe.send((getattr(here, method)(*given), None))
        except Exception as error:
            pipe.send((None, f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"))


class _Here:
    """The requests that a worker answers."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.twin: Any
        if name == "jax":
            from benchmarks.jax_twin import Jax

            self.twin = Jax(folder)
        else:
            from benchmarks.pytorch_like import PyTorchLike

            module = "tinygrad_cnn" if name in ("numpy", "fast") else "torch"
            self.twin = PyTorchLike(module, folder, compiled=name == "compile")
        self.job: Any = None
        gc.freeze()  # collecting between workloads then takes no time for the framework's own objects

    def offers(self, workload: Workload) -> bool:
        """Return whether this framework can do a workload."""
        return bool(self.twin.offers(workload))

    def prepare(self, workload: Workload) -> list[float]:
        """Prepare a workload; return the numbers on which all frameworks must agree."""
        self.job = None
        gc.collect()
        self.job = self.twin.prepare(workload)
        numbers: list[float] = self.job.check()
        return numbers

    def time(self, seconds: float) -> tuple[list[float], list[str]]:
        """Run the workload from its start for some seconds, at least once; return each run's seconds, and notes."""
        self.job.reset()
        if seconds:
            self.job.run()
        times: list[float] = []
        notes: list[str] = []
        until = time.perf_counter() + seconds
        while not times or time.perf_counter() < until:
            start = time.perf_counter()
            note = self.job.run()
            times.append((time.perf_counter() - start) / self.job.parts)
            if isinstance(note, str):
                notes.append(note)
        return times, notes

    def peak(self) -> int:
        """Run the workload once; return the most memory that this process has held, in bytes."""
        self.job.run()
        status = Path("/proc/self/status")
        if status.exists():  # getrusage also counts memory that the process held before exec
            line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
            return int(line.split()[1]) * 1024
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    def describe(self) -> dict[str, Any]:
        """Return the versions, the BLAS library and the number of threads of this process."""
        package = "torch" if self.name == "compile" else self.name
        found: dict[str, Any] = {"numpy": version("numpy")}
        if package in ("torch", "jax"):
            found[package] = version(package)
        if package == "torch":
            found["threads"] = self.twin.library.get_num_threads()
        np.ones((64, 64), np.float32) @ np.ones((64, 64), np.float32)
        if find_spec("threadpoolctl"):
            from threadpoolctl import threadpool_info

            keys = ("internal_api", "version", "architecture", "num_threads")
            found["pools"] = [{key: pool.get(key) for key in keys} for pool in threadpool_info()]
        return found

    def sgemm(self) -> float:
        """Return how many float32 operations a second a large matrix product does, at best."""
        a = np.random.default_rng(0).standard_normal((1024, 1024), np.float32)
        best = float("inf")
        for _ in range(20):
            start = time.perf_counter()
            a @ a
            best = min(best, time.perf_counter() - start)
        return 2 * 1024**3 / best


def import_time(peer: Peer, environment: dict[str, str]) -> float:
    """Return the seconds in which a new Python imports a framework from bytecode, as if it were installed."""
    code = f"import time; start = time.perf_counter(); import {peer.module}; print(time.perf_counter() - start)"
    with _environment({**environment, **peer.environment, "PYTHONDONTWRITEBYTECODE": ""}):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)
