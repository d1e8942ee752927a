"""An HTML page about a backward pass: the picture, and a table of all numbers."""

from __future__ import annotations

from html import escape

from tinygrad_cnn.inspection.graph import svg
from tinygrad_cnn.inspection.steps import BackwardSteps
from tinygrad_cnn.inspection.text import scaled

_CSS = """
:root { color-scheme: light dark; --ink: #222; --quiet: #5c5c5c; --paper: #fff; --line: #d5d8dc; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --quiet: #a9a9a9; --paper: #16181b; --line: #3a3f45; }
}
body { margin: 0; padding: .4rem 1rem 3rem; background: var(--paper); color: var(--ink);
  font: .9rem/1.45 system-ui, sans-serif; }
svg { display: block; margin: 0 auto; max-height: 97vh; height: auto; }
.wide { overflow-x: auto; margin-top: 2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0 auto; }
th, td { padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
.text { text-align: left; } th { color: var(--quiet); font-weight: 600; } code { font-size: .85em; }
"""

_HEAD = ("step", "operation", "gradient for", "rule", "line", "shape", "norm", "time", "memory", "kept", "check")


def page(explanation: BackwardSteps) -> str:
    """Return the page, which loads no other files and has no scripts."""
    head = "".join(f"<th{_left(i)}>{name}</th>" for i, name in enumerate(_HEAD))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(explanation.title)}</title>
<style>{_CSS}</style>
</head>
<body>
{svg(explanation)}
<div class="wide"><table><thead><tr>{head}</tr></thead>
<tbody>{"".join(_rows(explanation))}</tbody></table></div>
</body>
</html>
"""


def _left(column: int) -> str:
    return ' class="text"' if 0 < column < 5 else ""


def _rows(explanation: BackwardSteps) -> list[str]:
    rows = []
    for step in explanation.steps:
        for i, arrow in enumerate(step.arrows):
            first = (str(step.number), step.operation) if i == 0 else ("", "")
            cells = (
                *map(escape, first),
                escape(explanation.name_of(arrow.to)),
                f"<code>{escape(arrow.rule)}</code>",
                escape(str(step.line or "")) if i == 0 else "",
                "×".join(map(str, arrow.shape)) or "1",
                f"{arrow.norm:.4g}",
                scaled(arrow.seconds, "s"),
                scaled(arrow.memory, "B"),
                scaled(step.kept, "B") if i == 0 else "",
                arrow.verdict,
            )
            rows.append("<tr>" + "".join(f"<td{_left(k)}>{cell}</td>" for k, cell in enumerate(cells)) + "</tr>\n")
    return rows
