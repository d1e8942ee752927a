"""Formats numbers and tables as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def scaled(value: float, unit: str) -> str:
    """Return a number with three digits and a unit with an SI prefix: 1.25 ms, 44.4 k.

    >>> from tinygrad_cnn.inspection.text import scaled
    >>> scaled(0.00125, "s"), scaled(44426, ""), scaled(0, "B")
    ('1.25 ms', '44.4 k', '0 B')
    """
    size = abs(value)
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m"), (1e-6, "µ")):
        if size >= factor * 0.9995:
            return f"{value / factor:.3g} {prefix}{unit}".rstrip()
    return f"0 {unit}".rstrip() if not size else f"{value / 1e-9:.3g} n{unit}"


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], total: Sequence[str] | None = None, left: int = 1
) -> str:
    """Return a table as text; the first ``left`` columns are left-aligned, the others right-aligned."""
    body = [*rows]
    every = [head, *body, *([] if total is None else [total])]
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    rule = "-" * (sum(widths) + 3 * (len(widths) - 1))

    def line(cells: Sequence[str]) -> str:
        pairs = enumerate(zip(cells, widths, strict=True))
        return "   ".join(c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in pairs).rstrip()

    end = [] if total is None else [rule, line(total)]
    return "\n".join([rule, line(head), rule, *map(line, body), *end])


def cut(text: str, most: int) -> str:
    """Return a text, cut to at most so many characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
