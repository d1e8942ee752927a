"""What the documentation shows works: every example in a docstring, every block of Python in the README."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import tinygrad_cnn

MODULES = ["tinygrad_cnn"] + [m.name for m in pkgutil.walk_packages(tinygrad_cnn.__path__, "tinygrad_cnn.")]
PAGES = [Path(__file__).parents[1] / "README.md"]
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
    exec(compile(block, "README.md", "exec"), {})


def test_the_readme_shows_python() -> None:
    assert BLOCKS
