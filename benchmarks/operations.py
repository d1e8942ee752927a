"""Compares each operation of the calculus with PyTorch's, forward alone and there and back, the slowest first.

``python -m benchmarks.operations`` measures all expressions of `expressions.py`, or those that contain an argument,
at three sizes, in under ten minutes: this package with NumPy alone, with compiled kernels if Numba is installed,
and PyTorch, each on one thread. It lists the expressions that take more than twice PyTorch's time somewhere.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.expressions import EXPRESSIONS, SIDES
from benchmarks.peers import PEERS, Peer
from benchmarks.report import OURS, aligned, amount, markdown
from benchmarks.runner import Benchmark, Effort
from benchmarks.workloads import Workload

EFFORT = Effort(rounds=3, seconds=0.008, long_rounds=1, rest=0)
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
KINDS = {"forward": "forward", "both": "there and back"}

Row = dict[str, Any]


def measure(benchmark: Benchmark, expressions: Iterable[str]) -> list[Row]:
    """Return, for each expression, size and kind, the times of all, or why it was refused."""
    workloads = [
        Workload(e, f"{e}, {side**2:,} numbers, {KINDS[kind]}", kind, model=e, batch=side)
        for e in expressions
        for side in SIDES
        for kind in KINDS
    ]
    return [{**asdict(w), "results": benchmark.measure(w)} for w in workloads]


def ratio(row: Row, peer: str) -> float | None:
    """Return our time over PyTorch's; None if one of them is missing."""
    ours, theirs = (row["results"].get(name, {}).get("best") for name in (peer, "torch"))
    return ours / theirs if ours and theirs else None


def shares(rows: list[Row], peer: str, above: float) -> list[list[str]]:
    """Return the medians of the ratios at each size, and the share of them above a bound."""
    columns = [
        [r for row in rows if (row["kind"], row["batch"]) == (kind, side) and (r := ratio(row, peer))]
        for kind in KINDS
        for side in SIDES
    ]
    middle = [f"{median(column):.1f}" if column else "-" for column in columns]
    slow = [f"{sum(r > above for r in column) / len(column):.0%}" if column else "-" for column in columns]
    return [[f"median of {max(map(len, columns), default=0)}", *middle, ""], [f"above {above:g}", *slow, ""]]


def table(rows: list[Row], peer: Peer, above: float) -> tuple[list[str], list[list[str]]]:
    """Return the head, medians and shares, then a line for each expression with a ratio above a bound."""
    head = [
        f"{peer.title} / PyTorch",
        *(f"{KINDS[kind]}, {side**2:,}" for kind in KINDS for side in SIDES),
        "slowest",
    ]
    ratios: dict[str, dict[tuple[str, int], float | None]] = {}
    times: dict[str, float] = {}
    for row in rows:
        name = row["name"]
        ratios.setdefault(name, {})[row["kind"], row["batch"]] = ratio(row, peer.name)
        times[name] = max(times.get(name, 0), row["results"].get(peer.name, {}).get("best", 0))
    worst = {name: max((r for r in found.values() if r), default=0) for name, found in ratios.items()}
    lines = shares(rows, peer.name, above)
    for name in sorted((name for name in ratios if worst[name] > above), key=lambda name: -worst[name]):
        cells = [ratios[name].get((kind, side)) for kind in KINDS for side in SIDES]
        lines.append([name, *(f"{r:.1f}" if r else "-" for r in cells), amount(times[name], "both")])
    return head, lines


def main(argv: list[str] | None = None) -> None:
    """Measure, print, and write the tables and all times to files."""
    parser = argparse.ArgumentParser("python -m benchmarks.operations", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="measure the expressions that contain it")
    parser.add_argument("--above", type=float, default=2, help="show only ratios of more than this number")
    parser.add_argument(
        "--output", type=Path, default=Path("runs/benchmarks"), help="folder for operations.md and operations.json"
    )
    options = parser.parse_args(argv)
    chosen = [e for e in EXPRESSIONS if not options.parts or any(part in e for part in options.parts)]
    peers = [p for p in PEERS if p.name in (*OURS, "torch") and p.installed]
    with tempfile.TemporaryDirectory() as folder:
        benchmark = Benchmark(peers, Path(folder), ONE_THREAD, EFFORT)
        rows = measure(benchmark, chosen)
        benchmark.close()
    tables = [table(rows, peer, options.above) for peer in peers if peer.name in OURS]
    for found in tables:
        print(aligned(*found), end="\n\n")
    for row in rows:
        refused = {name: result for name, result in row["results"].items() if "refused" in result}
        if len(refused) < len(peers):  # what has no gradient is refused by all
            for name, result in refused.items():
                print(f"{row['title']}, {name}: {result['refused']}")
    options.output.mkdir(parents=True, exist_ok=True)
    texts = [
        markdown(head, [[f"`{n}`" if i > 1 else n, *rest] for i, (n, *rest) in enumerate(lines)])
        for head, lines in tables
    ]
    (options.output / "operations.md").write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    (options.output / "operations.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
