"""Mutation testing: plant one wrong line after another, and see whether the tests of its room fail.

    python -m tests.mutate [ROOM ...]

Each line of `breaks.py` is planted on its own, in a copy of the files that git tracks, and the tests that are named
beside it run there until the first fails. A break that no test notices is printed; then the exit status is 1.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.mutate.breaks import ROOMS, Break, Room

ROOT = Path(__file__).parents[2]
PASSED, FAILED = 0, 1  # pytest's exit status, if it could run the tests
SECONDS = 600  # after which tests that a break keeps from ending are stopped


class Outcome(NamedTuple):
    status: int
    output: str


class Copies:
    """Copies of the working tree, one for each worker."""

    def __init__(self, folder: Path, count: int) -> None:
        self._free: SimpleQueue[Path] = SimpleQueue()
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        for i in range(count):
            copy = folder / str(i)
            for name in filter(None, listed.stdout.split("\0")):
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
            # Python tells by its hash, not by its time, whether a file was compiled as it is now.
            compiling = [sys.executable, "-m", "compileall", "-qq", "--invalidation-mode", "checked-hash", "."]
            subprocess.run(compiling, cwd=copy, check=True)
            self._free.put(copy)

    @contextmanager
    def one(self) -> Iterator[Path]:
        copy = self._free.get()
        try:
            yield copy
        finally:
            self._free.put(copy)

    def passes(self, tests: str) -> Outcome:
        """Run tests with nothing broken."""
        with self.one() as copy:
            return run(tests, copy)

    def plant(self, broken: Break, tests: str) -> Outcome:
        """Run tests with one line broken."""
        with self.one() as copy:
            path = copy / "tinygrad_cnn" / broken.file
            right = path.read_text(encoding="utf-8")
            if right.count(broken.find) != 1:
                return Outcome(-1, f"{broken.find!r} is there {right.count(broken.find)} times")
            path.write_text(right.replace(broken.find, broken.put), encoding="utf-8")
            try:
                return run(tests, copy)
            finally:
                path.write_text(right, encoding="utf-8")


def run(tests: str, copy: Path) -> Outcome:
    """Run tests until the first that fails. Tests that do not end have failed."""
    files, _, expression = tests.partition(" -k ")
    chosen = [*files.split(), *(["-k", expression] if expression else [])]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *chosen]
    settings = {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": str(copy / ".numba")}
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}
    try:
        done = subprocess.run(
            command,
            cwd=copy,
            env={**os.environ, **threads, **settings},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return Outcome(FAILED, f"no end after {SECONDS} seconds")
    return Outcome(done.returncode, done.stdout + done.stderr)


def chosen_rooms(names: list[str]) -> dict[str, Room]:
    if unknown := set(names) - ROOMS.keys():
        raise SystemExit(f"there is no room {', '.join(sorted(unknown))}; wanted some of {', '.join(ROOMS)}")
    rooms = {name: room for name, room in ROOMS.items() if not names or name in names}
    for name, room in list(rooms.items()):
        if missing := [needed for needed in room.needs if importlib.util.find_spec(needed) is None]:
            print(f"{name}: left out, for {', '.join(missing)} is not installed", flush=True)
            del rooms[name]
    return rooms


def main(names: list[str]) -> int:
    rooms = chosen_rooms(names)
    workers = os.cpu_count() or 1
    with TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        copies = Copies(Path(folder), workers)
        tests = sorted({room.tests_of(broken) for room in rooms.values() for broken in room.breaks})
        for selection, outcome in zip(tests, pool.map(copies.passes, tests), strict=True):
            if outcome.status != PASSED:
                print(outcome.output)
                raise SystemExit(f"pytest {selection} does not pass with nothing broken")
        missed = 0
        for name, room in rooms.items():
            missed += report(name, room, copies, pool)
    print(f"{missed} missed" if missed else "all caught")
    return 1 if missed else 0


def report(name: str, room: Room, copies: Copies, pool: ThreadPoolExecutor) -> int:
    """Plant the breaks of a room; print how many were caught, and each that was not. Return how many those are."""
    outcomes = list(pool.map(lambda broken: copies.plant(broken, room.tests_of(broken)), room.breaks))
    caught = sum(outcome.status == FAILED for outcome in outcomes)
    print(f"{name}: {caught} of {len(room.breaks)} caught", flush=True)
    for broken, outcome in zip(room.breaks, outcomes, strict=True):
        if outcome.status != FAILED:
            print(f"  {broken.file}: {broken.find!r} -> {broken.put!r}")
            if outcome.status == PASSED:
                print(f"    missed by {room.tests_of(broken)}", flush=True)
            else:
                print(f"    the tests could not run: {outcome.output[-600:]}", flush=True)
    return len(room.breaks) - caught


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
