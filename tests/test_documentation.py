"""What the documentation shows works: every example in a docstring, every block of Python and what it prints."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import inspect
import io
import json
import pkgutil
import re
import runpy
from pathlib import Path

import pytest

import tinygrad_cnn
from tests.support.extras import needed_by
from tinygrad_cnn.tape.record import Operation

MODULES = ["tinygrad_cnn"] + [m.name for m in pkgutil.walk_packages(tinygrad_cnn.__path__, "tinygrad_cnn.")]
ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
WORDS = re.compile(r'<text class="(?:name|code)"[^>]*>([^<]*)<')
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if "```python" in page.read_text(encoding="utf-8") and page.name != "mistakes.md"  # see test_mistakes.py
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    if package := needed_by(name):
        pytest.importorskip(package)
    module = importlib.import_module(name)
    tinygrad_cnn.manual_seed(0)
    assert doctest.testmod(module).failed == 0
    runner = doctest.DocTestRunner()
    for operation in {
        o for o in vars(module).values() if isinstance(o, Operation) and o.forward.__module__ == name
    }:
        for example in doctest.DocTestFinder().find(operation.forward, operation.name, module, vars(module)):
            assert runner.run(example).failed == 0


FUNCTION_ROOMS = """
    tinygrad_cnn tinygrad_cnn.linalg tinygrad_cnn.nn.functional tinygrad_cnn.nn.init tinygrad_cnn.nn.utils
    tinygrad_cnn.autograd tinygrad_cnn.autograd.functional
""".split()
WITHOUT = {
    *("relu", "linear", "backward"),  # on the path of a LeNet step, which stays short; see nn.ReLU, nn.Linear
    "set_compiled_kernels",  # changes what every later test runs
}


@pytest.mark.parametrize("room", FUNCTION_ROOMS)
def test_the_help_of_every_public_function_shows_an_example(room: str) -> None:
    """The example runs as a test of its module."""
    module = importlib.import_module(room)
    names = [name for name in dir(module) if name[:1] != "_" and name not in WITHOUT]
    functions = {name: value for name in names if callable(value := getattr(module, name))}
    without = [
        n for n, f in functions.items() if not isinstance(f, type) and ">>>" not in (inspect.getdoc(f) or "")
    ]
    assert without == []


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


def test_the_notebook_is_the_page() -> None:
    """Its cells are the blocks that run above. If this fails: python docs/make_notebook.py."""
    tool = runpy.run_path(str(ROOT / "docs" / "make_notebook.py"))
    text = tool["NOTEBOOK"].read_text(encoding="utf-8")
    assert text == tool["notebook"]()
    fences = FENCE.findall(tool["PAGE"].read_text(encoding="utf-8"))
    code = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert code == [block.strip() for language, block in fences if language == "python"]


def test_the_pictures_show_the_code_of_today() -> None:
    """Operations, leaves and rules, not times. If this fails: python docs/make_pictures.py tape."""
    tool = runpy.run_path(str(ROOT / "docs" / "make_pictures.py"))
    for name, explained in tool["TAPE"].items():
        drawn = (tool["PICTURES"] / f"{name}.svg").read_text(encoding="utf-8")
        assert WORDS.findall(drawn)[1:] == WORDS.findall(explained().svg())[1:]  # the first is the title


def test_the_drawings_are_those_of_the_code() -> None:
    """If this fails: python docs/make_drawings.py."""
    tool = runpy.run_path(str(ROOT / "docs" / "make_drawings.py"))
    for name, draw in tool["DRAWINGS"].items():
        assert (tool["PICTURES"] / f"{name}.svg").read_text(encoding="utf-8") == draw().svg()


def test_the_pages_show_every_picture() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs" / "pictures").iterdir()}
    assert set(re.findall(r"!\[[^]]*\]\(([^)]*)\)", pages)) == there


def test_the_readme_counts_the_operations_right() -> None:
    ours = [o for o in Operation.registry.values() if o.forward.__module__.startswith("tinygrad_cnn.ops.")]
    recorded = sum(bool(o.derivatives) for o in ours)
    assert f"{recorded} recorded operations" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]), ids=lambda page: page.name)
def test_files_that_are_named_are_there(page: Path) -> None:
    """Links among the pages of docs/ are checked when the site is built."""
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w/])(?:benchmarks|docs|examples|tests|tinygrad_cnn)/[\w/.]*\w", text)
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_readme_shows_python() -> None:
    assert ROOT / "README.md" in PAGES
