"""What the documentation shows works: every example in a docstring, every block of Python in the README."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import runpy
from pathlib import Path

import pytest

import tinygrad_cnn
from tinygrad_cnn.tape import Operation

MODULES = ["tinygrad_cnn"] + [m.name for m in pkgutil.walk_packages(tinygrad_cnn.__path__, "tinygrad_cnn.")]
ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md"]
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{i}")
    for page in PAGES
    for i, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    module = importlib.import_module(name)
    tinygrad_cnn.manual_seed(0)
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_of_python(block: str) -> None:
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})


def test_the_table_of_derivatives_is_that_of_the_code() -> None:
    """If this fails: python docs/make_calculus.py."""
    tool = runpy.run_path(str(ROOT / "docs" / "make_calculus.py"))
    assert tool["PAGE"].read_text(encoding="utf-8") == tool["page"]()


def test_the_readme_counts_the_operations_right() -> None:
    ours = [o for o in Operation.registry.values() if o.forward.__module__.startswith("tinygrad_cnn.ops.")]
    recorded = sum(bool(o.derivatives) for o in ours)
    assert f"{recorded} recorded operations" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_python() -> None:
    assert BLOCKS
