"""Write docs/calculus.md: every recorded operation with its derivatives, read from the code that runs them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from tinygrad_cnn.inspection.rules import code, definition, rules
from tinygrad_cnn.tape.record import Operation

PAGE = Path(__file__).with_name("calculus.md")

INTRODUCTION = """# The calculus

{count} recorded operations carry all derivatives of the package, {derivatives} of them, to every order; everything
else is built from these. The table is generated from the code (`python docs/make_calculus.py`). `g` is the gradient
of the result `out`; a derivative that names another operation uses that operation, and so can be differentiated
again. Operations without a derivative (comparisons, searches) are not listed.
"""


def families() -> Iterator[tuple[str, list[Operation]]]:
    """Yield the name of each file of operations, and its recorded operations in the order of the file."""
    ours = [
        o
        for o in Operation.registry.values()
        if o.derivatives and o.forward.__module__.startswith("tinygrad_cnn.ops.")
    ]
    ours.sort(key=lambda o: (o.forward.__module__, o.forward.__code__.co_firstlineno))
    for module, operations in groupby(ours, key=lambda o: o.forward.__module__):
        yield module.rpartition(".")[2], list(operations)


def about(operation: Operation) -> str:
    """Return the first paragraph of the docstring, or what the operation returns."""
    if operation.__doc__:
        return " ".join(operation.__doc__.split("\n\n")[0].split()).replace("|", "\\|")
    *_, last = definition(operation).body
    return quoted(code(last.value)) if isinstance(last, ast.Return) and last.value else ""


def quoted(source: str) -> str:
    """Return code for a cell of a table."""
    return "`" + source.replace("|", "\\|") + "`"


def page() -> str:
    """Return the page."""
    shown = list(families())
    count = sum(len(operations) for _, operations in shown)
    total = sum(len(o.derivatives) for _, operations in shown for o in operations)
    lines = [INTRODUCTION.format(count=count, derivatives=total)]
    for family, operations in shown:
        lines += [f"## {family}", "", "| operation | with respect to | gradient | |", "|---|---|---|---|"]
        for operation in operations:
            (name, source), *others = rules(operation).items()
            lines.append(f"| `{operation.name}` | `{name}` | {quoted(source)} | {about(operation)} |")
            lines += [f"| | `{name}` | {quoted(source)} | |" for name, source in others]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
