"""What the documentation shows works: every example in a docstring, every block of Python and what it prints."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import pkgutil
import re
import runpy
from pathlib import Path

import pytest

import tinygrad_cnn
from tinygrad_cnn.tape import Operation

MODULES = ["tinygrad_cnn"] + [m.name for m in pkgutil.walk_packages(tinygrad_cnn.__path__, "tinygrad_cnn.")]
ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if "```python" in page.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    module = importlib.import_module(name)
    tinygrad_cnn.manual_seed(0)
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_of_python(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run one after the other, and print what the block of text behind them says, if any."""
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    names = {"__name__": "page"}
    fences = list(FENCE.finditer(text))
    for fence, following in zip(fences, [*fences[1:], None], strict=True):
        if fence[1] == "python":
            line = text.count("\n", 0, fence.start(2))
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile("\n" * line + fence[2], page, "exec"), names)
            if following is not None and following[1] == "text":
                assert printed.getvalue() == following[2]


def test_the_table_of_derivatives_is_that_of_the_code() -> None:
    """If this fails: python docs/make_calculus.py."""
    tool = runpy.run_path(str(ROOT / "docs" / "make_calculus.py"))
    assert tool["PAGE"].read_text(encoding="utf-8") == tool["page"]()


def test_the_readme_counts_the_operations_right() -> None:
    ours = [o for o in Operation.registry.values() if o.forward.__module__.startswith("tinygrad_cnn.ops.")]
    recorded = sum(bool(o.derivatives) for o in ours)
    assert f"{recorded} recorded operations" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_python() -> None:
    assert ROOT / "README.md" in PAGES
