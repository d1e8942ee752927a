"""The command line: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import page
from benchmarks import report as shown
from benchmarks.growth import GROWTH
from benchmarks.growth import draw as draw_growth
from benchmarks.growth import table as growth_table
from benchmarks.peers import PEERS, Peer
from benchmarks.runner import QUICK, THOROUGH, Benchmark
from benchmarks.workloads import WORKLOADS, select, write_digits


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description="Measure this package beside PyTorch and JAX. Each framework works in a process of its own; "
        "they take turns, and are first held against one another: whose first results differ is refused.",
        epilog="Workloads: " + ", ".join(w.name for w in WORKLOADS) + ", growth-*.",
    )
    parser.add_argument(
        "workloads", nargs="*", metavar="WORKLOAD", help="names, or patterns (lenet-*); all if none"
    )
    parser.add_argument(
        "--peers", default="", help=f"of {', '.join(p.name for p in PEERS)}; all installed if left out"
    )
    parser.add_argument("--quick", action="store_true", help="a few short turns: to try, not to quote")
    parser.add_argument(
        "--blas",
        choices=("default", "haswell"),
        default="default",
        help="kernels of OpenBLAS: its choice, or AVX2's",
    )
    parser.add_argument(
        "--fast", action=argparse.BooleanOptionalAction, default=True, help="with compiled kernels too"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("runs/benchmarks"), help="folder of JSON, table, picture"
    )
    parser.add_argument("--docs", action="store_true", help="put the tables into docs/performance.md too")
    options = parser.parse_args(argv)
    if options.docs and (options.workloads or options.peers or options.quick):
        parser.error("--docs wants all workloads and peers, and not --quick")
    return options


def command(arguments: Sequence[str]) -> str:
    """Return the command as a page shows it: in which folder files were put is nobody's concern."""
    pairs = zip(["", *arguments], arguments, strict=False)
    kept = [now for before, now in pairs if "--output" not in (before, now) and not now.startswith("--output=")]
    return shlex.join(["python", "-m", "benchmarks", *kept])


def chosen_peers(names: str, fast: bool) -> list[Peer]:
    """Return the peers of those names, or all that are installed."""
    wanted = names.split(",") if names else [p.name for p in PEERS if p.installed and (fast or p.name != "fast")]
    if unknown := set(wanted) - {p.name for p in PEERS}:
        sys.exit(
            f"error: no peer is named {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in PEERS)}"
        )
    return [p for p in PEERS if p.name in wanted]


def about_machine(benchmark: Benchmark) -> dict[str, Any]:
    """Return what the numbers depend on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "peers": {name: worker.ask("describe") for name, worker in benchmark.workers.items()},
    }


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure what the command line asks for, show it, and write it down."""
    options = parse(argv)
    try:
        workloads = select(options.workloads, [*WORKLOADS, *GROWTH])
    except ValueError as error:
        sys.exit(f"error: {error}")
    peers = chosen_peers(options.peers, options.fast)
    environment = {"OPENBLAS_CORETYPE": "Haswell" if options.blas == "haswell" else ""}
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = any(w.kind in ("epoch", "indexed", "accuracy", "memory") for w in workloads)
        try:
            digits = write_digits(folder, whole)
        except (FileNotFoundError, ConnectionError) as error:
            sys.exit(f"error: {error}")
        benchmark = Benchmark(peers, folder, environment, QUICK if options.quick else THOROUGH)
        report: dict[str, Any] = {
            "command": command(sys.argv[1:] if argv is None else argv),
            "blas": options.blas,
            "digits": digits,
            "machine": about_machine(benchmark),
            "rows": [],
            "growth": [],
        }
        print("\n".join(shown.machine(report)), end="\n\n")
        if "numpy" in benchmark.workers:
            report["sgemm"] = benchmark.workers["numpy"].ask("sgemm")
        for workload in workloads:
            start = time.perf_counter()
            kind = "growth" if workload in GROWTH else "rows"
            report[kind].append({**asdict(workload), "results": benchmark.measure(workload)})
            print(f"{workload.title}: measured in {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
        benchmark.close()
    show(report, options)
    return report


def show(report: dict[str, Any], options: argparse.Namespace) -> None:
    """Print a report, and write its files."""
    table = shown.rows(report)
    print(shown.aligned(*table))
    if "sgemm" in report and any(row["kind"] == "step" for row in report["rows"]):
        print(
            f"\nA large float32 product runs at {report['sgemm'] / 1e9:.0f} GFLOP/s here. Of these, LeNet's step:\n"
        )
        print(shown.aligned(*shown.roofline(report)))
    if report["growth"]:
        print("\n" + shown.aligned(*growth_table(report["growth"])))
    print("", *shown.remarks(report), sep="\n")
    base = options.output / report["blas"]
    base.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    base.with_suffix(".md").write_text(shown.markdown(*table) + "\n", encoding="utf-8")
    shown.draw_ratios(report, base.with_suffix(".png"))
    if report["growth"]:
        draw_growth(report["growth"], options.output / f"{report['blas']}-growth.png")
    if options.docs:
        page.write(options.output)
    print(f"Written: {base}.json, .md, .png")


if __name__ == "__main__":
    main()
