"""Compares each operation of the calculus with PyTorch's, forward alone and with backward, the slowest first.

``python -m benchmarks.operations`` measures all expressions of `expressions.py`, or those that contain an argument.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.expressions import EXPRESSIONS, SIDES
from benchmarks.peers import PEERS
from benchmarks.report import aligned, amount, markdown
from benchmarks.runner import Benchmark, Effort
from benchmarks.workloads import Workload

EFFORT = Effort(rounds=3, seconds=0.02, long_rounds=1, rest=0.005)


def measure(benchmark: Benchmark, expressions: Iterable[str]) -> list[dict[str, Any]]:
    """Return, for each expression, size and kind, the times of both, or why it was refused."""
    workloads = [
        Workload(e, f"{e}, {side**2:,} numbers, {kind}", kind, model=e, batch=side)
        for e in expressions
        for side in SIDES
        for kind in ("forward", "both")
    ]
    return [{**asdict(w), "results": benchmark.measure(w)} for w in workloads]


def ratio(row: dict[str, Any]) -> float | None:
    """Return our time over PyTorch's; None if one of them is missing."""
    ours, theirs = (row["results"].get(name, {}).get("best") for name in ("numpy", "torch"))
    return ours / theirs if ours and theirs else None


def table(rows: list[dict[str, Any]], above: float) -> tuple[list[str], list[list[str]]]:
    """Return the medians, then a line for each expression with a ratio of at least ``above``, the worst first."""
    sizes = [f"{kind}, {side**2:,}" for kind in ("forward", "both") for side in SIDES]
    found: dict[str, list[float | None]] = {}
    times: dict[str, float] = {}
    for row in sorted(rows, key=lambda row: row["kind"] == "both"):
        found.setdefault(row["name"], []).append(ratio(row))
        best = row["results"].get("numpy", {}).get("best", 0)
        times[row["name"]] = max(times.get(row["name"], 0), best)
    worst = {e: max((r for r in ratios if r), default=0) for e, ratios in found.items()}
    columns = [[r for r in column if r] for column in zip(*found.values(), strict=True)]
    lines = [[f"median of {len(found)}", *(f"{median(c):.1f}" if c else "-" for c in columns), ""]]
    shown = sorted((e for e in found if worst[e] >= above), key=lambda e: -worst[e])
    lines += [[e, *(f"{r:.1f}" if r else "-" for r in found[e]), amount(times[e], "both")] for e in shown]
    return ["ours / PyTorch", *sizes, "slowest"], lines


def main(argv: list[str] | None = None) -> None:
    """Measure, print, and write the table to a file."""
    parser = argparse.ArgumentParser("python -m benchmarks.operations", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="measure the expressions that contain it")
    parser.add_argument("--above", type=float, default=0, help="show only ratios of at least this number")
    parser.add_argument("--output", type=Path, default=Path("runs/benchmarks"), help="folder for operations.md")
    options = parser.parse_args(argv)
    chosen = [e for e in EXPRESSIONS if not options.parts or any(part in e for part in options.parts)]
    peers = [p for p in PEERS if p.name in ("numpy", "torch")]
    with tempfile.TemporaryDirectory() as folder:
        benchmark = Benchmark(peers, Path(folder), {}, EFFORT)
        rows = measure(benchmark, chosen)
        benchmark.close()
    found = table(rows, options.above)
    print(aligned(*found))
    for row in rows:
        for name, result in row["results"].items():
            if "refused" in result:
                print(f"{row['title']}, {name}: {result['refused']}")
    options.output.mkdir(parents=True, exist_ok=True)
    cells = [[f"`{line[0]}`" if i else line[0], *line[1:]] for i, line in enumerate(found[1])]
    (options.output / "operations.md").write_text(markdown(found[0], cells) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
