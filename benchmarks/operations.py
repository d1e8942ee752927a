"""Each operation of the calculus beside PyTorch's, forward and there and back, the slowest first.

``python -m benchmarks.operations`` measures all expressions of `expressions.py`, or those that contain an argument.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.expressions import EXPRESSIONS, SIDES
from benchmarks.report import aligned, amount
from benchmarks.runner import Benchmark, Effort
from benchmarks.worker import PEERS
from benchmarks.workloads import Workload

EFFORT = Effort(rounds=3, seconds=0.02, long_rounds=1, rest=0.005)


def measure(benchmark: Benchmark, expressions: Iterable[str]) -> list[dict[str, Any]]:
    """Return, for each expression, size and direction, the times of both; without them, why."""
    workloads = [
        Workload(e, f"{e}, {side**2:,} numbers, {kind}", kind, model=e, batch=side)
        for e in expressions
        for side in SIDES
        for kind in ("forward", "both")
    ]
    return [{**asdict(w), "results": benchmark.measure(w)} for w in workloads]


def ratio(row: dict[str, Any]) -> float:
    """Return our time over PyTorch's; infinite where there is none."""
    ours, theirs = (row["results"].get(name, {}).get("best") for name in ("numpy", "torch"))
    return ours / theirs if ours and theirs else float("inf")


def main(argv: list[str] | None = None) -> None:
    """Measure, and print a line for each expression, the one with the worst ratio first."""
    parser = argparse.ArgumentParser("python -m benchmarks.operations", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="measure expressions that contain it")
    parser.add_argument("--above", type=float, default=0, help="show those with a ratio of more than that")
    options = parser.parse_args(argv)
    chosen = [e for e in EXPRESSIONS if not options.parts or any(part in e for part in options.parts)]
    peers = [p for p in PEERS if p.name in ("numpy", "torch")]
    with tempfile.TemporaryDirectory() as folder:
        benchmark = Benchmark(peers, Path(folder), {}, EFFORT)
        rows = measure(benchmark, chosen)
        benchmark.close()
    by_expression = {e: [row for row in rows if row["name"] == e] for e in chosen}
    worst = sorted(chosen, key=lambda e: -max(map(ratio, by_expression[e])))
    shown = [e for e in worst if max(map(ratio, by_expression[e])) > options.above]
    head = ["ours / PyTorch, 100 to 1,000,000 numbers", *["forward"] * 3, *["both"] * 3, "ours, slowest"]
    lines = []
    for e in shown:
        ratios = [ratio(row) for kind in ("forward", "both") for row in by_expression[e] if row["kind"] == kind]
        times = [row["results"]["numpy"].get("best", 0) for row in by_expression[e] if "numpy" in row["results"]]
        lines.append(
            [e[:60], *("-" if r == float("inf") else f"{r:.1f}" for r in ratios), amount(max(times), "both")]
        )
    print(aligned(head, lines))
    for row in rows:
        for name, result in row["results"].items():
            if "refused" in result:
                print(f"{row['title']}, {name}: {result['refused']}")


if __name__ == "__main__":
    main()
