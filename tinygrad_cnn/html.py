"""Tables for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_CELL = "padding:.1em .7em;white-space:nowrap;text-align:"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 0) -> str:
    """Return a table with a line above it. All columns but the first ``text_columns`` hold numbers."""

    def line(cells: Sequence[str], tag: str) -> str:
        sides = ["left" if i < text_columns else "right" for i in range(len(cells))]
        inside = (f'<{tag} style="{_CELL}{side}">{escape(c)}</{tag}>' for c, side in zip(cells, sides, strict=True))
        return f"<tr>{''.join(inside)}</tr>"

    top = f"<thead>{line(head, 'th')}</thead>" if head else ""
    body = "".join(line(row, "td") for row in rows)
    return (
        f'<div><div style="opacity:.7">{escape(title)}</div>'
        f'<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">{top}'
        f"<tbody>{body}</tbody></table></div>"
    )


def shortened(count: int, most: int) -> list[int | None]:
    """Return the places 0 to count - 1, of which the middle ones give way to None if there are too many."""
    if count <= most:
        return list(range(count))
    half = most // 2
    return [*range(half), None, *range(count - half, count)]
