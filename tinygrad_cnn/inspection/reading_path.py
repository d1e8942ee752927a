"""The code of one training step of LeNet, in the order in which it first runs: a path for readers.

``python -m tinygrad_cnn.inspection.reading_path`` lists the functions of model, loss, backward pass and SGD, with
the reference kernels; ``--code`` prints the code itself. An inner function is part of the outer one, a
derivative part of its operation.
"""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import dedent
from types import CodeType, FrameType
from typing import Any, NamedTuple

import tinygrad_cnn.creation as creation
from tinygrad_cnn.kernels.dispatch import use_kernels
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.nn import CrossEntropyLoss
from tinygrad_cnn.optim import SGD

ROOT = Path(creation.__file__).parents[2]


class Passage(NamedTuple):
    """A function of the package: its location, and those of its lines that no earlier passage has shown."""

    name: str
    file: str  # relative to the folder that contains the package
    line: int
    code: tuple[str, ...]


def reading_path() -> list[Passage]:
    """Run one training step; return the functions of the package that ran, in the order of their first call.

    The first step of a process also fills caches (plans for recording, checked shapes). That code belongs to the
    path, so call this in a new process.
    """
    model = LeNet()
    loss = CrossEntropyLoss()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    images, labels = creation.rand(16, 1, 28, 28), creation.randint(0, 10, (16,))
    codes: dict[CodeType, None] = {}

    def see(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            codes[frame.f_code] = None

    with use_kernels("reference"):
        sys.setprofile(see)
        try:
            optimizer.zero_grad()
            loss(model(images), labels).backward()
            optimizer.step()
        finally:
            sys.setprofile(None)
    return list(_passages(codes))


def _passages(codes: Iterable[CodeType]) -> Iterable[Passage]:
    shown: set[tuple[str, int]] = set()
    for code in codes:
        path = Path(code.co_filename)
        if path.parent.parts[: len(ROOT.parts) + 1] != (*ROOT.parts, "tinygrad_cnn") or path == Path(__file__):
            continue
        lines, first = inspect.getsourcelines(code)
        file = str(path.relative_to(ROOT)).replace(os.sep, "/")
        new = [(number, line) for number, line in enumerate(lines, first) if (file, number) not in shown]
        shown.update((file, number) for number, _ in new)
        if new:
            yield Passage(code.co_qualname, file, new[0][0], tuple(line for _, line in new))


def total(path: Sequence[Passage]) -> int:
    """Return the number of lines of all passages."""
    return sum(len(passage.code) for passage in path)


def listing(path: Sequence[Passage]) -> str:
    """Return the path as a table: lines, place and name of each function, and the sum."""
    places = [f"{p.file}:{p.line}" for p in path]
    width = max(map(len, places))
    rows = [f"{len(p.code):5}  {place:{width}}  {p.name}" for p, place in zip(path, places, strict=True)]
    files = len({p.file for p in path})
    head = f"lines  {'place':{width}}  function"
    return "\n".join([head, *rows, f"{total(path):5}  lines in {len(path)} functions of {files} files"])


def text(path: Sequence[Passage]) -> str:
    """Return the code of all passages as one text."""
    return "\n".join(f"# {p.file}:{p.line}, {p.name}\n{dedent(''.join(p.code))}" for p in path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the reading path."""
    parser = argparse.ArgumentParser("python -m tinygrad_cnn.inspection.reading_path", description=__doc__)
    parser.add_argument("--code", action="store_true", help="print the code itself, as one text to read")
    options = parser.parse_args(arguments)
    path = reading_path()
    print(text(path) if options.code else listing(path))


if __name__ == "__main__":
    main()
