"""The measured part of docs/performance.md, from the files that the last runs wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from benchmarks import growth, report

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
KERNELS = {"default": "the kernels that OpenBLAS chooses here", "haswell": "OpenBLAS's AVX2 kernels"}


def ratios(reports: dict[str, Any]) -> str:
    """Return the table of ratios: for each workload, the target, and PyTorch's best time over ours in each run."""
    head = ["workload"]
    columns = []
    for i, name in enumerate(report.OURS):
        if not any(report.ratio(row, name) for r in reports.values() for row in r["rows"]):
            continue
        title = ("NumPy only", "[fast]")[i]
        head += [f"{title}, wanted", *(f"{title}, {blas}" for blas in reports)]
        columns.append((i, name))
    lines = []
    for row in next(iter(reports.values()))["rows"]:
        cells = [row["title"]]
        for i, name in columns:
            cells.append(f"{row['targets'][i]:g}" if row["targets"][i] else "-")
            for other in reports.values():
                same = next((r for r in other["rows"] if r["name"] == row["name"]), None)
                found = report.ratio(same, name) if same else None
                cells.append(f"{found:.2f}" if found else "-")
        lines.append(cells)
    return report.markdown(head, lines)


def measured(folder: Path) -> str:
    """Return the tables of the runs in a folder."""
    found = {blas: folder / f"{blas}.json" for blas in KERNELS}
    reports = {blas: json.loads(path.read_text(encoding="utf-8")) for blas, path in found.items() if path.exists()}
    parts = [
        "PyTorch's best time (or memory) over ours: 2 means that PyTorch takes twice as long.",
        ratios(reports),
    ]
    if (PAGE.parent / "pictures/performance-ratios.png").exists():
        parts.append("![PyTorch's best times over ours](pictures/performance-ratios.png)")
    for blas, run in reports.items():
        parts += [
            f"### With {KERNELS[blas]}",
            f"`{run['command']}`; best times, and PyTorch's over ours, by the medians in brackets.",
            "\n".join(f"- {line}" for line in report.machine(run)),
            report.markdown(*report.rows(run)),
            "\n".join(f"- {line}" for line in report.remarks(run)),
        ]
        if "sgemm" in run:
            head = f"A product of two 1024 x 1024 matrices runs at {run['sgemm'] / 1e9:.0f} GFLOP/s. LeNet's step:"
            parts += [head, report.markdown(*report.roofline(run))]
        if run["growth"]:
            parts += ["Cost against depth, uses of a tensor, batch and parameters:"]
            parts += [report.markdown(*growth.table(run["growth"]))]
    if (PAGE.parent / "pictures/performance-growth.png").exists():
        parts.append("![cost against depth, uses, batch and parameters](pictures/performance-growth.png)")
    if (operations := folder / "operations.md").exists():
        parts += [
            "### Each operation",
            "`python -m benchmarks.operations --above 4`: our best time over PyTorch's (more than 1 is slower), on "
            "one thread each, forward alone and there and back, at three sizes; the median of all, the share of "
            "those above 4, and these.",
            operations.read_text(encoding="utf-8").strip(),
        ]
    return "\n\n".join(part for part in parts if part)


def write(folder: Path) -> None:
    """Put the tables of a folder's runs between the page's marks, and copy the default run's pictures."""
    for source, target in (
        ("default.png", "pictures/performance-ratios.png"),
        ("default-growth.png", "pictures/performance-growth.png"),
    ):
        if (folder / source).exists():
            shutil.copy(folder / source, PAGE.parent / target)
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{measured(folder)}\n\n{END}{after}", encoding="utf-8")
