"""One training step of LeNet is short to read: the command prints its code, and its length has a bound."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tinygrad_cnn.inspection.reading_path import ROOT

BOUND = 900
"""Lines of one step, at most. The README names this number."""

BEFORE = Path(__file__).parent / "support" / "reading_path.txt"
"""The path as it was when it was last looked at: python -m tinygrad_cnn.inspection.reading_path > this file."""


def printed(*options: str) -> str:
    """What the command prints: in a process of its own, since a process's first step fills caches."""
    command = [sys.executable, "-m", "tinygrad_cnn.inspection.reading_path", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def lengths(listing: str) -> dict[str, int]:
    """Lines by function, of a listing."""
    rows = [line.split() for line in listing.splitlines()]
    return {f"{row[1].split(':')[0]} {row[2]}": int(row[0]) for row in rows if len(row) == 3 and row[0].isdigit()}


def test_a_training_step_is_at_most_900_lines_to_read() -> None:
    now, before = lengths(printed()), lengths(BEFORE.read_text(encoding="utf-8"))
    grown = {name: n - before.get(name, 0) for name, n in now.items() if n > before.get(name, 0)}
    told = "\n".join(f"{lines:+} {name}" for name, lines in sorted(grown.items(), key=lambda item: -item[1]))
    assert sum(now.values()) <= BOUND, f"the reading path has {sum(now.values())} lines; what grew:\n{told}"


def test_the_path_goes_from_the_model_through_the_walk_to_the_optimizer() -> None:
    names = [name.split()[1] for name in lengths(printed())]
    wanted = [
        "LeNet.forward",
        "conv2d",
        "Operation.__call__",
        "cross_entropy",
        "Tensor.backward",
        "Walk.run",
        "SGD._update",
    ]
    places = [names.index(name) for name in wanted]
    assert places == sorted(places)


def test_the_code_is_that_of_the_files() -> None:
    listing, code = printed(), printed("--code")
    path = [line.split()[1] for line in listing.splitlines() if ".py:" in line]
    assert [line[2:].split(",")[0] for line in code.splitlines() if line.startswith("# tinygrad_cnn/")] == path
    for place in path[:5]:
        file, line = place.split(":")
        assert (ROOT / file).read_text(encoding="utf-8").splitlines()[int(line) - 1].strip() in code


def test_the_readme_names_the_bound() -> None:
    assert f"{BOUND} lines" in (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
