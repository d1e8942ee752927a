"""Write examples/ten_minutes.ipynb: docs/autograd.md as a notebook, with what its blocks print."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("autograd.md")
NOTEBOOK = Path(__file__).parents[1] / "examples" / "ten_minutes.ipynb"
PIECE = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)


def notebook() -> str:
    """Return the file: text and blocks of Python in turns, each block with its output."""
    prose, *pieces = PIECE.split(PAGE.read_text(encoding="utf-8"))
    cells = [words(prose)]
    for code, printed, prose in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
        output = {"output_type": "stream", "name": "stdout", "text": printed}
        cells.append(cell("code", code, execution_count=None, outputs=[output] if printed else []))
        cells += [words(prose)] if prose.strip() else []
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    numbered = [{"id": f"cell-{i}", **c} for i, c in enumerate(cells)]
    whole = {"cells": numbered, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def words(prose: str) -> dict[str, Any]:
    """Return a cell of text; links to pages and pictures lead into docs/."""
    return cell("markdown", re.sub(r"\]\((\w+\.md|pictures/)", r"](../docs/\1", prose))


def cell(kind: str, source: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": kind, "metadata": {}, "source": source.strip().splitlines(keepends=True), **more}


if __name__ == "__main__":
    NOTEBOOK.write_text(notebook(), encoding="utf-8")
    print(NOTEBOOK)
