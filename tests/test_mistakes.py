"""The page of typical mistakes is what its command writes, and the messages are as good as it says."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def command() -> Any:
    """The file docs/make_mistakes.py, as a module."""
    spec = importlib.util.spec_from_file_location("make_mistakes", DOCS / "make_mistakes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


make = command()
MISTAKES = make.mistakes()
RECORDED = json.loads(make.RECORDED.read_text(encoding="utf-8"))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_a_message_names_the_cause_or_the_mend(mistake: Any) -> None:
    said = make.message(mistake, "tinygrad_cnn")
    assert mistake.rating(said) >= 2, said


def test_there_are_50_mistakes_and_their_messages_name_cause_and_mend() -> None:
    ratings = [mistake.rating(make.message(mistake, "tinygrad_cnn")) for mistake in MISTAKES]
    assert len({mistake.title for mistake in MISTAKES}) == len(MISTAKES) >= 50
    assert sum(ratings) / len(ratings) >= 2.7


def test_no_mistake_is_rated_below_pytorch() -> None:
    for mistake in MISTAKES:
        ours, theirs = make.message(mistake, "tinygrad_cnn"), RECORDED[mistake.title]
        assert mistake.rating(ours) >= mistake.rating(theirs), (ours, theirs)


def test_the_page_is_what_the_command_writes() -> None:
    assert make.PAGE.read_text(encoding="utf-8") == make.page(MISTAKES, RECORDED)


def test_a_rating_counts_the_message_the_cause_and_the_mend() -> None:
    mistake = make.Mistake("", "", "cause", "mend")
    assert [mistake.rating(said) for said in ("", "no", "a cause", "a mend", "mend the cause")] == [0, 1, 2, 2, 3]
