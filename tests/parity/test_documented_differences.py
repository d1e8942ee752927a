"""What docs/pytorch.md says is so: each row of its table is tried with both libraries, each lack looked up."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")

PAGE = (Path(__file__).parents[2] / "docs" / "pytorch.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|", PAGE, re.MULTILINE)
MISSING = re.findall(r"`(torch\.[\w.]+)`", PAGE.partition("## What is missing")[2].partition("\n## ")[0])


def outcome(code: str, package: Any) -> str:
    """What an expression gives, in words: the numbers of a tensor, the name of an error, or else its repr."""
    names = {"torch": package, "F": package.nn.functional, "nn": package.nn, "np": np}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            value = eval(code, names)
    except Exception as error:
        return type(error).__name__
    return repr(value.tolist() if isinstance(value, package.Tensor) else value)


@pytest.mark.parametrize(("code", "theirs", "ours"), ROWS, ids=[row[0] for row in ROWS])
def test_a_difference_is_as_stated(code: str, theirs: str, ours: str) -> None:
    assert (outcome(code, torch), outcome(code, tg)) == (theirs, ours)
    assert theirs != ours


@pytest.mark.parametrize("name", MISSING)
def test_what_is_said_to_be_missing_is_there_and_not_here(name: str) -> None:
    assert outcome(name, torch) != "AttributeError"
    assert outcome(name, tg) == "AttributeError"


def test_the_page_has_both() -> None:
    assert len(ROWS) > 30
    assert len(MISSING) > 10


@pytest.mark.parametrize("name", ["elu", "celu", "selu", "hardswish"])
def test_derivatives_at_nan(name: str) -> None:
    code = f"torch.autograd.grad(F.{name}(x := torch.full((99,), float('nan'), requires_grad=True)).sum(), x)[0]"
    found = [set(map(str, eval(code, {"torch": m, "F": m.nn.functional}).tolist())) for m in (torch, tg)]
    assert {"nan"} < found[0]  # and another number
    assert found[1] == {"nan"}
