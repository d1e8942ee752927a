"""The table of the mutation run is kept up: each planted break still changes one line of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

import tinygrad_cnn
from tests.mutate.breaks import ROOMS, Break

PACKAGE = Path(tinygrad_cnn.__file__).parent
BREAKS = [(name, broken) for name, room in ROOMS.items() for broken in room.breaks]


@pytest.mark.parametrize("broken", [broken for _, broken in BREAKS], ids=[f"{n}-{b.file}" for n, b in BREAKS])
def test_each_break_changes_one_place(broken: Break) -> None:
    text = (PACKAGE / broken.file).read_text(encoding="utf-8")
    assert text.count(broken.find) == 1, f"{broken.find!r} is there {text.count(broken.find)} times; wanted once"
    compile(text.replace(broken.find, broken.put), broken.file, "exec")
    assert broken.put != broken.find


def test_the_tests_that_are_named_are_there() -> None:
    root = Path(__file__).parents[1]
    selections = {room.tests_of(broken) for room in ROOMS.values() for broken in room.breaks}
    files = {file for selection in selections for file in selection.partition(" -k ")[0].split()}
    assert [file for file in sorted(files) if not (root / file).exists()] == []
