"""How cost grows over three decades with depth, batch, uses of a tensor and parameters; and the tape's own cost."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import PEERS
from benchmarks.workloads import Workload

TITLES = {
    "depth": "depth: a chain of n additions",
    "uses": "uses: one tensor multiplied n times",
    "batch": "batch: a LeNet step on n images",
    "parameters": "parameters: n registered, one used",
}
SIZES = {
    **dict.fromkeys(("depth", "uses", "parameters"), (10, 30, 100, 300, 1000, 3000, 10_000)),
    "batch": (1, 3, 10, 30, 100, 300, 1000),
}
GROWTH = [
    Workload(f"growth-{what}-{n}", TITLES[what], "growth", model=what, batch=n)
    for what in TITLES
    for n in SIZES[what]
]

# --- what is run: forward and backward, in either library ---


def depth(library: Any, n: int) -> Callable[[], Any]:
    """Return a chain of additions, forward and backward."""
    x = library.ones(100).requires_grad_()

    def run() -> None:
        h = x
        for _ in range(n):
            h = h + 1
        h.sum().backward()

    return run


def uses(library: Any, n: int) -> Callable[[], Any]:
    """Return joined products of one tensor, forward and backward."""
    x = library.ones(100).requires_grad_()
    return lambda: library.cat([x * 2 for _ in range(n)]).sum().backward()


def parameters(library: Any, n: int) -> Callable[[], Any]:
    """Return a linear layer, forward and backward, of a model with many other registered parameters."""
    model = library.nn.Linear(100, 100)
    for i in range(n):
        model.register_parameter(f"p{i}", library.nn.Parameter(library.ones(1)))
    x = library.ones(1, 100)
    return lambda: model(x).sum().backward()


def tape() -> Callable[[], Any]:
    """Return LeNet's twelve operations, forward and backward, with kernels that compute nothing."""
    from tinygrad_cnn.autograd import operation
    from tinygrad_cnn.creation import ones

    fresh = cycle([np.ones(1, np.float32) for _ in range(100)])  # buffers without other references, as from kernels
    back = lambda g: next(fresh)  # noqa: E731

    @operation(input=back, weight=back, bias=back)
    def layer_that_computes_nothing(input: Any, weight: Any, bias: Any) -> Any:
        return input

    @operation(input=back)
    def nothing(input: Any) -> Any:
        return input

    x = ones(1)
    weights = [ones(1, requires_grad=True) for _ in range(10)]
    between = (2, 3, 1, 1, 0)  # relu and pooling twice, with flatten, relu twice

    def run() -> None:
        for weight in weights:
            weight.grad = None
        h = x
        for i, count in enumerate(between):
            h = layer_that_computes_nothing(h, weights[2 * i], weights[2 * i + 1])
            for _ in range(count):
                h = nothing(h)
        h.backward()

    return run


# --- the results ---


def table(rows: list[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return a table of the time per unit at the ends of each decade."""
    lines = []
    for what, title in TITLES.items():
        for peer in PEERS:
            times = {r["batch"]: r["results"].get(peer.name, {}).get("best") for r in rows if r["model"] == what}
            ends = [times[n] / (n if what != "parameters" else 1) for n in SIZES[what][::2] if times.get(n)]
            if len(ends) == 4:
                unit = "us in all" if what == "parameters" else "us per n"
                lines.append([title, peer.title, *(f"{1e6 * t:.3g}" for t in ends), unit])
    return ["cost against n", "", "first n", "x 10", "x 100", "x 1,000", ""], lines


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw cost against each number, on logarithmic axes; the dotted line is linear growth."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6.5), layout="constrained")
    for axes, (what, title) in zip(figure.subplots(2, 2).flat, TITLES.items(), strict=True):
        here = [row for row in rows if row["model"] == what]
        for peer, color in zip(PEERS, ("#4c78a8", "#f58518", "#e45756", "#72b7b2", "#54a24b"), strict=True):
            points = [
                (r["batch"], r["results"][peer.name]["best"])
                for r in here
                if "best" in r["results"].get(peer.name, {})
            ]
            if points:
                n, seconds = map(np.array, zip(*points, strict=True))
                axes.loglog(n, seconds * 1e3, "o-", label=peer.title, color=color, markersize=4)
                if peer is PEERS[0] and what != "parameters":
                    axes.loglog(n, n * seconds[-1] / n[-1] * 1e3, ":", color="gray", label="linear")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("n")
        axes.set_ylabel("ms")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if axes.lines:
            axes.legend(frameon=False, fontsize=8)
        if what == "parameters":
            low, high = axes.get_ylim()
            axes.set_ylim(low / 5, high * 5)
    figure.savefig(path, dpi=120)
