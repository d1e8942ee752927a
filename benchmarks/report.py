"""The results of a run: a table for the terminal, one in Markdown, a picture of the ratios."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.peers import PEERS

Report = dict[str, Any]
OURS = ("numpy", "fast")
REFERENCE = "torch"


def amount(value: float, kind: str) -> str:
    """Return a time or an amount of memory in a suitable unit."""
    if kind == "memory":
        return f"{value / 2**20:.0f} MiB"
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} us"


def ratio(row: dict[str, Any], peer: str, of: str = "best") -> float | None:
    """Return PyTorch's time over another's; None if one of them is missing."""
    ours, theirs = row["results"].get(peer, {}), row["results"].get(REFERENCE, {})
    return theirs[of] / ours[of] if of in ours and of in theirs else None


def rows(report: Report) -> tuple[list[str], list[list[str]]]:
    """Return the head and the cells of the table: best times, and ratios of best times (of medians in brackets)."""
    present = [p for p in PEERS if any(p.name in row["results"] for row in report["rows"])]
    head = ["workload", *(p.title for p in present)]
    ours = [p for p in present if p.name in OURS] if any(p.name == REFERENCE for p in present) else []
    for peer in ours:
        head += [f"PyTorch/{peer.title}", "wanted"]
    lines = []
    for row in report["rows"]:
        cells = [row["title"]]
        for peer in present:
            result = row["results"].get(peer.name, {})
            cells.append(amount(result["best"], row["kind"]) if "best" in result else "refused" if result else "-")
        for peer in ours:
            best, median = ratio(row, peer.name), ratio(row, peer.name, "median")
            cells.append("-" if best is None else f"{best:.2f} ({median:.2f})")
            target = row["targets"][OURS.index(peer.name)]
            cells.append(f"{target:g}" if target else "-")
        lines.append(cells)
    return head, lines


def aligned(head: list[str], lines: list[list[str]]) -> str:
    """Return a table for the terminal."""
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))])
        for line in [head, ["-" * w for w in widths], *lines]
    )


def markdown(head: list[str], lines: list[list[str]]) -> str:
    """Return a table in Markdown."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines])


def remarks(report: Report) -> list[str]:
    """Return what was refused and why, and the notes of runs."""
    said = []
    for row in report["rows"]:
        for name, result in row["results"].items():
            said += [f"{row['title']}, {name}: {result['refused']}"] if "refused" in result else []
            said += [f"{row['title']}, {name}: {note}" for note in result.get("notes", [])]
    return said


def machine(report: Report) -> list[str]:
    """Return the machine and the versions of a run, line by line."""
    about = report["machine"]
    lines = [
        f"{about['date']}: {about['cpu']}, {about['cores']} cores, {about['system']}, Python {about['python']}"
    ]
    for name, found in about["peers"].items():
        versions = ", ".join(f"{key} {value}" for key, value in found.items() if key != "pools")
        pools = "; ".join(
            f"{p['internal_api']}{' ' + p['version'] if p['version'] else ''}"
            f"{' ' + p['architecture'] if p['architecture'] else ''}, {p['num_threads']} threads"
            for p in found.get("pools", [])
        )
        lines.append(f"{name}: {versions}{' (' + pools + ')' if pools else ''}")
    return lines


def roofline(report: Report) -> tuple[list[str], list[list[str]]]:
    """Return the table that compares LeNet's steps with the processor's peak (the roofline)."""
    peak = report["sgemm"]
    lines = []
    for row in report["rows"]:
        if row["kind"] != "step" or not row["name"].startswith("lenet"):
            continue
        work = row["batch"] * LENET_STEP
        cells = [str(row["batch"]), f"{work / 1e6:.1f}", amount(work / peak, "step")]
        for name in (*OURS, REFERENCE):
            best = row["results"].get(name, {}).get("best")
            cells.append(f"{work / best / 1e9:.0f} ({work / best / peak:.0%})".replace("%", " %") if best else "-")
        lines.append(cells)
    return ["batch", "MFLOP", "at the peak", *(f"{n}, GFLOP/s" for n in (*OURS, REFERENCE))], lines


def _lenet_step() -> int:
    """Return the multiplications and additions of a LeNet step on one image: matrix products alone.

    Each layer has three products, one forward and one for each gradient, but the first layer's input needs no
    gradient.
    """
    conv1, conv2 = 6 * 25 * 24 * 24, 16 * 150 * 8 * 8
    linear = 256 * 120 + 120 * 84 + 84 * 10
    return 2 * (2 * conv1 + 3 * (conv2 + linear))


LENET_STEP = _lenet_step()


def draw_ratios(report: Report, path: Path) -> None:
    """Draw the ratio of PyTorch's best time to ours, a bar for each workload."""
    from matplotlib.figure import Figure

    drawn = [row for row in report["rows"] if any(ratio(row, name) for name in OURS)]
    if not drawn:
        return
    figure = Figure(figsize=(9, 1.2 + 0.42 * len(drawn)), layout="constrained")
    axes = figure.subplots()
    names = [n for n in OURS if any(ratio(row, n) for row in drawn)]
    height = 0.8 / len(names)
    for k, name in enumerate(names):
        places = [i + k * height for i in range(len(drawn))]
        values = [ratio(row, name) or 0 for row in drawn]
        title = next(p.title for p in PEERS if p.name == name)
        bars = axes.barh(places, values, height * 0.9, label=title, color=("#4c78a8", "#f58518")[OURS.index(name)])
        labels = axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
        for label in labels:  # so that it can be read on the line at 1
            label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks([i + height * (len(names) - 1) / 2 for i in range(len(drawn))], [r["title"] for r in drawn])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.set_xticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    axes.minorticks_off()
    axes.set_xlabel("PyTorch's best time (or memory) over ours: above 1 ours is faster")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=120)
