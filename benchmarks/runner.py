"""The run: for each workload, the frameworks' results are compared, then the frameworks are timed by turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.peers import Peer
from benchmarks.worker import Refused, Worker, import_time
from benchmarks.workloads import Workload

TOLERANCE = 1e-4

Result = dict[str, Any]


@dataclass(frozen=True)
class Effort:
    """The number of turns, the seconds of each, and the number of turns for workloads of one long run."""

    rounds: int
    seconds: float
    long_rounds: int
    rest: float = 0.05  # seconds between turns: threads of the last framework go on spinning for a while


THOROUGH, QUICK = Effort(9, 0.3, 3), Effort(2, 0.1, 1)


class Benchmark:
    """Workers for the peers, and how they are measured."""

    def __init__(self, peers: Sequence[Peer], folder: Path, environment: dict[str, str], effort: Effort) -> None:
        self.folder = folder
        self.environment = environment
        self.effort = effort
        self.peers = peers
        self.workers = {peer.name: Worker(peer, folder, environment) for peer in peers}

    def close(self) -> None:
        """End the workers."""
        for worker in self.workers.values():
            worker.close()

    def measure(self, workload: Workload) -> dict[str, Result]:
        """Return each framework's times on a workload, or why it was refused."""
        if workload.kind == "import":
            turns = {p.name: partial(self._import, p) for p in self.peers if p.name != "compile"}
            return self._by_turns(turns, self.effort.rounds)
        if workload.kind == "memory":
            return self._memory(workload)
        results = self._prepared(workload)
        rounds, seconds = self.effort.rounds, self.effort.seconds
        if workload.kind == "growth":
            rounds, seconds = self.effort.long_rounds, seconds / 3
        if workload.turns_of_one:
            rounds, seconds = self.effort.long_rounds, 0
        asked = {n: partial(self.workers[n].ask, "time", seconds) for n, result in results.items() if not result}
        return results | self._by_turns(asked, rounds)

    def _import(self, peer: Peer) -> tuple[list[float], list[str]]:
        return [import_time(peer, self.environment)], []

    def _prepared(self, workload: Workload) -> dict[str, Result]:
        """Prepare a workload; return an empty result for each framework whose numbers agree, for others why not."""
        numbers: dict[str, list[float]] = {}
        results: dict[str, Result] = {}
        for name, worker in self.workers.items():
            try:
                if worker.ask("offers", workload):
                    numbers[name] = worker.ask("prepare", workload)
            except Refused as error:
                results[name] = {"refused": str(error)}
        reference = numbers.get("torch") or next(iter(numbers.values()), [])
        for name, found in numbers.items():
            apart = distance(found, reference)
            results[name] = {} if apart <= TOLERANCE else {"refused": f"its first results are {apart:.1e} off"}
        return results

    def _by_turns(self, turns: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, Result]:
        """Let all frameworks take turns, round by round; return best and median."""
        times: dict[str, list[float]] = {name: [] for name in turns}
        notes: dict[str, list[str]] = {name: [] for name in turns}
        refused: dict[str, Result] = {}
        for _ in range(rounds):
            for name, turn in turns.items():
                if name in refused:
                    continue
                time.sleep(self.effort.rest)
                try:
                    found, said = turn()
                except Refused as error:
                    refused[name] = {"refused": str(error)}
                    continue
                times[name] += found
                notes[name] += said
        return {name: summary(times[name], notes[name]) for name in turns if name not in refused} | refused

    def _memory(self, workload: Workload) -> dict[str, Result]:
        """Return the peak memory of each framework, in a process of its own."""
        results: dict[str, Result] = {}
        for peer in self.peers:
            if not self.workers[peer.name].ask("offers", workload):
                continue
            worker = Worker(peer, self.folder, self.environment)
            try:
                worker.ask("prepare", workload)
                results[peer.name] = summary([worker.ask("peak")], [])
            except Refused as error:
                results[peer.name] = {"refused": str(error)}
            worker.close()
        return results


def distance(found: Sequence[float], wanted: Sequence[float]) -> float:
    """Return the largest difference, relative to numbers above 1."""
    if len(found) != len(wanted):
        return float("inf")
    apart = [abs(a - b) / max(1, abs(b)) for a, b in zip(found, wanted, strict=True)]
    return max((a if a == a else float("inf") for a in apart), default=0.0)


def summary(times: Sequence[float], notes: Sequence[str]) -> Result:
    """Return the best and the median of times."""
    result: Result = {"best": min(times), "median": statistics.median(times), "runs": len(times)}
    return {**result, "notes": list(notes)} if notes else result
