"""HTML for notebooks (``_repr_html_``): tensors, modules and training histories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

ROWS, COLUMNS = 8, 10  # the most that are shown of a tensor
_MUTED = 'style="opacity: .7"'
_CELL = 'style="text-align: right; padding: 0 .5em; font-variant-numeric: tabular-nums"'
_CURVES = (("train", "#0072B2"), ("val", "#D55E00"))  # Okabe & Ito


def tensor_html(tensor: Any) -> str:
    """Return shape and type, the range of the numbers, and the first numbers as a table."""
    array = tensor.array
    words = ["Tensor", " × ".join(map(str, array.shape)) or "0-d", str(array.dtype)]
    if tensor.node is not None:
        words.append(f"by {tensor.node.operation.name}")
    elif tensor.requires_grad:
        words.append("requires_grad")
    head = f"<b>{escape(', '.join(words))}</b>"
    if not array.size:
        return f"<div>{head}</div>"
    low, mean, high = (_number(f(array)) for f in (np.min, np.mean, np.max))
    facts = f"<span {_MUTED}>{low} to {high}, mean {mean}</span>" if array.size > 1 else ""
    matrix = array.reshape(-1, array.shape[-1] if array.ndim > 1 else array.size)
    ellipsis = ["…"] if matrix.shape[1] > COLUMNS else []
    rows = [[*map(_number, row[:COLUMNS]), *ellipsis] for row in matrix[:ROWS]]
    more = [["…"]] if len(matrix) > ROWS else []
    return f"<div>{head} {facts}{_table([], rows + more)}</div>"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, np.floating) else str(value)


def module_html(module: Any) -> str:
    """Return the submodules as a collapsible tree, with their arguments and numbers of parameters."""
    return f"<div>{_tree('', module, is_open=True)}</div>"


def _tree(name: str, module: Any, is_open: bool = False) -> str:
    count = sum(parameter.numel() for parameter in module.parameters())
    label = f"{escape(name)} <b>{escape(type(module).__name__)}</b> {escape(module.extra_repr())}"
    line = f"{label} <span {_MUTED}>{count:,} parameters</span>"
    inside = "".join(_tree(key, child) for key, child in module.named_children())
    if not inside:
        return f'<div style="margin-left: 1.2em">{line}</div>'
    shown = " open" if is_open else ""
    return f'<details{shown} style="margin-left: 1em"><summary>{line}</summary>{inside}</details>'


def history_html(history: Any) -> str:
    """Return the curves of the loss and of each metric, and the epochs as a table."""
    rows = [epoch.row() for epoch in history.epochs]
    if not rows:
        return "<div>no epoch yet</div>"
    names = [column.removeprefix("train_") for column in rows[0] if column.startswith("train_")]
    pictures = "".join(_chart(rows, name) for name in names)
    cells = [["-" if v is None else f"{v:.4g}" for v in row.values()] for row in rows]
    ended = f"<p>{escape(history.ended_early)}</p>" if history.ended_early else ""
    return f"<div>{pictures}{ended}{_table([key.replace('_', ' ') for key in rows[0]], cells)}</div>"


def _chart(rows: Sequence[dict[str, float | None]], name: str) -> str:
    """Return one picture with a line for training and one for validation over the epochs."""
    series = {kind: [row[f"{kind}_{name}"] for row in rows] for kind, _ in _CURVES}
    known = [v for values in series.values() for v in values if v is not None and np.isfinite(v)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    span = high - low or 1.0
    lines = ""
    for i, (kind, colour) in enumerate(_CURVES):
        points = [
            (40 + 250 * k / max(len(rows) - 1, 1), 125 - 95 * (v - low) / span)
            for k, v in enumerate(series[kind])
            if v is not None and np.isfinite(v)
        ]
        if points:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            lines += f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            lines += "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in points)
            lines += f'<text x="{150 + 60 * i}" y="16" fill="{colour}">{kind}</text>'
    marks = "".join(f'<text x="36" y="{y}" text-anchor="end">{v:.3g}</text>' for v, y in ((low, 129), (high, 34)))
    return (
        '<svg width="310" height="150" viewBox="0 0 310 150" font-family="sans-serif" font-size="11" '
        f'fill="currentColor" role="img" aria-label="{name}"><text x="40" y="16" font-weight="bold">{name}</text>'
        f'<path d="M40 30V130H290" fill="none" stroke="currentColor" opacity=".4"/>{marks}{lines}'
        f'<text x="290" y="145" text-anchor="end">epoch {len(rows)}</text></svg>'
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    first = "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>" if head else ""
    body = "".join("<tr>" + "".join(f"<td {_CELL}>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{first}{body}</table>"
