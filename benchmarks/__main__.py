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
from benchmarks.workloads import WORKLOADS, Workload, select, write_digits
from tinygrad_cnn.support.program import PACKAGES


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description="Compare this package with PyTorch and JAX. Each framework works in a process of its own, and "
        "they take turns. Their first results are compared, and a framework whose results differ is refused.",
        epilog="Workloads: " + ", ".join(w.name for w in WORKLOADS) + ", growth-*.",
    )
    parser.add_argument(
        "workloads", nargs="*", metavar="WORKLOAD", help="names or patterns (lenet-*); all if none is given"
    )
    parser.add_argument(
        "--peers", default="", help=f"some of {','.join(p.name for p in PEERS)}; all installed by default"
    )
    parser.add_argument("--quick", action="store_true", help="a few short turns: for trying, not for quoting")
    parser.add_argument(
        "--blas",
        choices=("default", "haswell"),
        default="default",
        help="OpenBLAS's kernels: those that it chooses, or its AVX2 kernels",
    )
    parser.add_argument(
        "--fast", action=argparse.BooleanOptionalAction, default=True, help="also measure compiled kernels"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("runs/benchmarks"),
        help="folder for the JSON file, the table and the picture",
    )
    parser.add_argument("--docs", action="store_true", help="also put the tables into docs/performance.md")
    options = parser.parse_args(argv)
    if options.docs and (options.workloads or options.peers or options.quick):
        parser.error("--docs needs all workloads and peers, and no --quick")
    return options


def command(arguments: Sequence[str]) -> str:
    """Return the command as a page shows it, without the folder of the output."""
    pairs = zip(["", *arguments], arguments, strict=False)
    kept = [now for before, now in pairs if "--output" not in (before, now) and not now.startswith("--output=")]
    return shlex.join(["python", "-m", "benchmarks", *kept])


def chosen_peers(names: str, fast: bool) -> list[Peer]:
    """Return the peers of those names, or all that are installed."""
    wanted = names.split(",") if names else [p.name for p in PEERS if p.installed and (fast or p.name != "fast")]
    if unknown := set(wanted) - {p.name for p in PEERS}:
        known = ", ".join(p.name for p in PEERS)
        sys.exit(f"error: no peer is named {', '.join(sorted(unknown))}; wanted some of {known}")
    return [p for p in PEERS if p.name in wanted]


def warn_of_missing(peers: Sequence[Peer]) -> None:
    """Say loudly which frameworks are not measured, and what brings them."""
    if all(p.module == "tinygrad_cnn" for p in peers):
        print("NO PEER IS MEASURED: nothing here compares this package with another.", file=sys.stderr)
    for p in PEERS:
        if not p.installed:
            package = p.needs or p.module
            wanted = PACKAGES[package].replace("tinygrad_cnn", ".")
            print(f'NOT MEASURED: {p.title}; python -m pip install -e "{wanted}"', file=sys.stderr)


def digits_for(workloads: Sequence[Workload], folder: Path, all_of_them: bool) -> tuple[str, list[Workload]]:
    """Write the digits that workloads need into a folder; return their name, and the workloads that have theirs.

    Ends the program if MNIST cannot be had, and all workloads are wanted or none does without it.
    """
    whole = [w for w in workloads if w.kind in ("epoch", "indexed", "accuracy", "memory")]
    try:
        return write_digits(folder, bool(whole)), list(workloads)
    except (FileNotFoundError, ConnectionError) as error:
        kept = [w for w in workloads if w not in whole]
        if all_of_them or not kept:
            sys.exit(f"error: {error}")
        names = ", ".join(w.name for w in whole)
        print(f"NOT MEASURED, for they need MNIST: {names}\n{error}", file=sys.stderr)
        return write_digits(folder, False), kept


def about_machine(benchmark: Benchmark) -> dict[str, Any]:
    """Return the processor, the system and the versions, on which the numbers depend."""
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
    """Measure what the command line asks for, print it, and write it to files."""
    options = parse(argv)
    try:
        workloads = select(options.workloads, [*WORKLOADS, *GROWTH])
    except ValueError as error:
        sys.exit(f"error: {error}")
    peers = chosen_peers(options.peers, options.fast)
    warn_of_missing(peers)
    environment = {"OPENBLAS_CORETYPE": "Haswell" if options.blas == "haswell" else ""}
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        digits, workloads = digits_for(workloads, folder, options.docs)
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
    """Print a report and write its files."""
    table = shown.rows(report)
    print(shown.aligned(*table))
    if "sgemm" in report and any(row["kind"] == "step" for row in report["rows"]):
        print(f"\nA large float32 product runs at {report['sgemm'] / 1e9:.0f} GFLOP/s. LeNet's step beside it:\n")
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
