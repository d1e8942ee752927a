"""Every public name is on a page of the reference, with a docstring."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tinygrad_cnn
from tests.support.extras import can_be_imported

ROOT = Path(__file__).parents[1]
PAGES = sorted(ROOT.joinpath("docs", "reference").glob("*.md"))
ROOMS = """
    tinygrad_cnn tinygrad_cnn.autograd tinygrad_cnn.autograd.functional tinygrad_cnn.data
    tinygrad_cnn.data.datasets tinygrad_cnn.data.grids tinygrad_cnn.data.transforms
    tinygrad_cnn.data.transforms.functional tinygrad_cnn.distributed
    tinygrad_cnn.distributions tinygrad_cnn.experiment
    tinygrad_cnn.experiment.plots tinygrad_cnn.inspection tinygrad_cnn.kernels.reference tinygrad_cnn.linalg
    tinygrad_cnn.models tinygrad_cnn.nn tinygrad_cnn.nn.functional tinygrad_cnn.nn.init tinygrad_cnn.nn.utils
    tinygrad_cnn.nn.utils.rnn
    tinygrad_cnn.onnx tinygrad_cnn.optim tinygrad_cnn.optim.lr_scheduler
    tinygrad_cnn.optim.swa_utils tinygrad_cnn.random
    tinygrad_cnn.special
    tinygrad_cnn.storage.safetensors tinygrad_cnn.tape.record tinygrad_cnn.tape.watch tinygrad_cnn.training
    tinygrad_cnn.utils.data
""".split()


def public(room: str) -> dict[str, Any]:
    """The functions, classes and operations that a room offers: all of a package's, and what a file defines."""
    module = importlib.import_module(room)
    names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    home = "tinygrad_cnn" if hasattr(module, "__path__") else room
    found = {name: inspect.unwrap(getattr(module, name)) for name in names}
    return {n: o for n, o in found.items() if callable(o) and o.__module__.startswith(home)}


def modules_on(page: Path) -> list[str]:
    return re.findall(r"^::: (\S+)", page.read_text(encoding="utf-8"), re.MULTILINE)


def shown() -> Iterator[int]:
    """What the reference shows: what a module on a page defines, with a docstring."""
    for page in PAGES:
        for name in modules_on(page):
            if not can_be_imported(name):
                continue
            module = importlib.import_module(name)
            for node in ast.parse(inspect.getsource(module)).body:
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
                    yield id(inspect.unwrap(getattr(module, node.name)))


SHOWN = frozenset(shown())


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_is_in_the_reference(room: str) -> None:
    """If this fails: write a docstring, or put the module on a page of docs/reference/ (``::: module``)."""
    assert importlib.import_module(room).__doc__
    assert [name for name, what in public(room).items() if id(what) not in SHOWN] == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_method_says_what_it_does(room: str) -> None:
    members = {
        f"{name}.{member}": getattr(what, member)
        for name, what in public(room).items()
        if inspect.isclass(what)
        for member in dir(what)
        if not member.startswith("_")
    }
    assert [name for name, member in members.items() if callable(member) and not inspect.getdoc(member)] == []


def test_every_room_and_every_module_at_the_top_is_on_a_page() -> None:
    """utils has only names of data, under PyTorch's name for it."""
    top = [p for p in Path(tinygrad_cnn.__file__).parent.iterdir() if not p.name.startswith("_")]
    rooms = {p.stem for p in top if p.suffix == ".py" or p.joinpath("__init__.py").exists()}
    on_pages = {module.split(".")[1] for page in PAGES for module in modules_on(page)}
    assert rooms - on_pages == {"utils"}


def test_every_page_is_in_the_table_of_contents() -> None:
    contents = ROOT.joinpath("mkdocs.yml").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if f"reference/{page.name}\n" not in contents] == []
