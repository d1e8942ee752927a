"""The graph of a backward pass as an SVG picture: one row of boxes for each distance from the loss, the top row.

The layout is Sugiyama's in its simplest form. Layers are by the longest path from the loss; long edges pass through
the layers between; each box takes the free column nearest to those that its gradient comes from. A leaf is next to
its operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from tinygrad_cnn.inspection.steps import Arrow, BackwardSteps, Step
from tinygrad_cnn.inspection.text import cut, scaled

ROW, BOX, HIGH = 50, 330, 36  # the distance between rows; the width and height of an operation's box
LEAF, GAP, BEND = 235, 8, 26  # the width of a leaf's box, of the gap between boxes, and of a passing edge
LEFT, TOP = 150, 40  # the margins, for lines of code and for the title

STYLE = """
.explain { --ink: #222; --quiet: #5c5c5c; --paper: #fff; --card: #eef3f8; --leaf: #f6f1e4; --line: #8a949e;
  --bar: #0072B2; --good: #00785a; --bad: #c2410c; background: var(--paper);
  font: 12px system-ui, sans-serif; max-width: 100%; }
@media (prefers-color-scheme: dark) { .explain { --ink: #e8e8e8; --quiet: #a9a9a9; --paper: #16181b;
  --card: #232b33; --leaf: #2d291e; --line: #76808a; --bar: #56B4E9; --good: #3fd0a0; --bad: #ff9a5c; } }
.explain text { fill: var(--ink); } .explain .quiet { fill: var(--quiet); font-size: 10.5px; }
.explain .code { font: 10.5px ui-monospace, monospace; fill: var(--quiet); }
.explain .name { font-weight: 650; } .explain .end { text-anchor: end; }
.explain .op { fill: var(--card); stroke: var(--line); } .explain .leaf { fill: var(--leaf); stroke: var(--line); }
.explain .bar { fill: var(--bar); } .explain .edge { fill: none; stroke: var(--line); stroke-width: 1.4; }
.explain .tip { fill: var(--line); } .explain .good { fill: var(--good); } .explain .bad { fill: var(--bad);
  font-weight: 700; }
"""


@dataclass
class Slot:
    """A position in a layer: of an operation, or of an edge that passes through (None)."""

    step: Step | None
    column: int = 0
    x: float = 0.0


def svg(explanation: BackwardSteps) -> str:
    """Return the picture as SVG."""
    layers, edges = layout(explanation.steps)
    width = _place(layers)
    high = TOP + ROW * len(layers) + 6
    longest = max((step.seconds for step in explanation.steps), default=0.0) or 1.0
    parts = [_edge(*edge) for edge in edges]
    for y, layer in enumerate(layers):
        for slot in layer:
            if slot.step is not None:
                parts += _box(slot, TOP + ROW * y, slot.step, longest)
    return (
        f'<svg class="explain" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {high}" width="{width}" '
        f'height="{high}" role="img" aria-label="{escape(explanation.title)}"><style>{STYLE}</style>'
        f'<rect width="{width}" height="{high}" style="fill: var(--paper)"/>'
        '<defs><marker id="explain-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" '
        'orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
        f'<text class="name" x="12" y="22">{escape(explanation.title)}</text>{"".join(parts)}</svg>'
    )


# --- layout ---

Point = tuple[Slot, int]  # a slot and the number of its layer


def layout(steps: tuple[Step, ...]) -> tuple[list[list[Slot]], list[tuple[Point, Point]]]:
    """Return the slots of each layer, and the edges, each from a slot to one in the next layer."""
    depth = [0] * len(steps)
    for i, step in enumerate(steps):  # each step comes before its targets
        for target in _targets(step):
            depth[target] = max(depth[target], depth[i] + 1)
    layers: list[list[Slot]] = [[] for _ in range(max(depth, default=-1) + 1)]
    slots = [Slot(step) for step in steps]
    for slot, d in zip(slots, depth, strict=True):
        layers[d].append(slot)
    edges: list[tuple[Point, Point]] = []
    for i, step in enumerate(steps):
        for target in _targets(step):
            at: Point = (slots[i], depth[i])
            for d in range(depth[i] + 1, depth[target]):
                passing = Slot(None)
                layers[d].append(passing)
                edges.append((at, (passing, d)))
                at = (passing, d)
            edges.append((at, (slots[target], depth[target])))
    _choose_columns(layers, edges)
    return layers, edges


def _targets(step: Step) -> list[int]:
    return list(dict.fromkeys(arrow.to - 1 for arrow in step.arrows if isinstance(arrow.to, int)))


def _choose_columns(layers: list[list[Slot]], edges: list[tuple[Point, Point]]) -> None:
    """Give each slot the free column nearest to the mean column of its sources, operations first."""
    above: dict[int, list[Slot]] = {}
    for (start, _), (end, _) in edges:
        above.setdefault(id(end), []).append(start)
    for layer in layers:

        def mean_column(slot: Slot) -> float:
            before = above.get(id(slot), [])
            return sum(s.column for s in before) / len(before) if before else 0.0

        taken: set[int] = set()
        for slot in sorted(layer, key=lambda s: (s.step is None, mean_column(s))):
            wanted = mean_column(slot)
            slot.column = min(set(range(len(layer) + len(taken) + 1)) - taken, key=lambda c: (abs(c - wanted), c))
            taken.add(slot.column)


def _place(layers: list[list[Slot]]) -> float:
    """Set the x coordinate of every slot, and return the total width."""
    widths: dict[int, float] = {}
    for layer in layers:
        for slot in layer:
            wide = BEND if slot.step is None else BOX + GAP + len(_leaves(slot.step)) * (LEAF + GAP)
            widths[slot.column] = max(widths.get(slot.column, 0), wide)
    left: dict[int, float] = {}
    x = float(LEFT)
    for column in sorted(widths):
        left[column] = x
        x += widths[column] + GAP
    for layer in layers:
        for slot in layer:
            slot.x = left[slot.column]
    return x + GAP


def _leaves(step: Step) -> list[Arrow]:
    return [arrow for arrow in step.arrows if not isinstance(arrow.to, int)]


# --- drawing ---


def _edge(start: Point, end: Point) -> str:
    (a, i), (b, j) = start, end
    x, y = a.x + (BEND if a.step is None else BOX) / 2, TOP + ROW * i + HIGH
    u, v = b.x + (BEND if b.step is None else BOX) / 2, TOP + ROW * j
    tip = "" if b.step is None else ' marker-end="url(#explain-tip)"'
    through = "" if b.step is not None else f"V{v + HIGH}"
    return f'<path class="edge" d="M{x} {y}C{x} {y + 12} {u} {v - 12} {u} {v}{through}"{tip}/>'


def _box(slot: Slot, y: float, step: Step, longest: float) -> Iterator[str]:
    x = slot.x
    inner = [arrow for arrow in step.arrows if isinstance(arrow.to, int)]
    rule = "; ".join(f"{arrow.input}: {arrow.rule}" for arrow in inner)
    yield f"<g><title>{escape(_tooltip(step))}</title>"
    yield f'<rect class="op" x="{x}" y="{y}" width="{BOX}" height="{HIGH}" rx="5"/>'
    bar = (BOX - 8) * step.seconds / longest
    yield f'<rect class="bar" x="{x + 4}" y="{y + HIGH - 3}" width="{bar:.1f}" height="2"/>'
    yield f'<text class="name" x="{x + 8}" y="{y + 14}">{step.number} {escape(step.operation)}</text>'
    facts = f"{_shape(step.shape)} · |g| {step.norm:.3g} · {scaled(step.seconds, 's')}"
    yield f'<text class="quiet end" x="{x + BOX - 8}" y="{y + 14}">{facts}</text>'
    yield f'<text class="code" x="{x + 8}" y="{y + 28}">{escape(cut(rule, 46))}</text>'
    yield _mark(inner, x + BOX - 8, y + 28)
    if slot.column == 0 and step.line is not None:
        yield f'<text class="quiet end" x="{x - 12}" y="{y + 22}">{escape(cut(step.line.short, 22))}</text>'
    yield "</g>"
    for k, arrow in enumerate(_leaves(step)):
        yield from _leaf(arrow, x + BOX + GAP + k * (LEAF + GAP), y)


def _leaf(arrow: Arrow, x: float, y: float) -> Iterator[str]:
    yield f"<g><title>{escape(f'{arrow.to}: {arrow.rule}')}</title>"
    yield f'<rect class="leaf" x="{x}" y="{y}" width="{LEAF}" height="{HIGH}" rx="5"/>'
    yield f'<text class="name" x="{x + 8}" y="{y + 14}">{escape(cut(str(arrow.to), 16))}</text>'
    facts = f"{_shape(arrow.shape)} · {arrow.norm:.3g}"
    yield f'<text class="quiet end" x="{x + LEAF - 8}" y="{y + 14}">{facts}</text>'
    yield f'<text class="code" x="{x + 8}" y="{y + 28}">{escape(cut(arrow.rule, 31))}</text>'
    yield _mark([arrow], x + LEAF - 8, y + 28)
    yield "</g>"


def _mark(arrows: list[Arrow], x: float, y: float) -> str:
    """Return a mark for the check of the derivatives against finite differences, if there was one."""
    found = [arrow.verdict for arrow in arrows if arrow.verdict]
    if not found:
        return ""
    good = not any(verdict.startswith("WRONG") for verdict in found)
    return f'<text class="end {"good" if good else "bad"}" x="{x}" y="{y}">{"✓" if good else "✗ wrong"}</text>'


def _tooltip(step: Step) -> str:
    rules = [f"for {arrow.input}: {arrow.rule}" for arrow in step.arrows]
    kept = f"kept for it: {scaled(step.kept, 'B')}"
    return "\n".join([f"{step.number} {step.operation}", *([str(step.line)] if step.line else []), *rules, kept])


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "1"
