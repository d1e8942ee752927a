"""The house keeps its shape: imports run downward and in no circle, and files stay small.

The floors are those of the table in `docs/design.md`: this test reads them there.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
DESIGN = TOP / "docs" / "design.md"
PACKAGES = ["tinygrad_cnn", "benchmarks"]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__")


@cache
def files(package: str) -> dict[str, Path]:
    return {name_of(path): path for path in sorted((TOP / package).rglob("*.py"))}


@cache
def imports(package: str) -> dict[str, set[str]]:
    """For each module, the modules of the package that it imports anywhere in it, for type checkers alone too."""
    modules = files(package)
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        used = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                used |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                parts = {f"{node.module}.{alias.name}" for alias in node.names}
                used |= (parts & modules.keys()) or {node.module}
        graph[name] = (used & modules.keys()) - {name}
    return graph


@cache
def floor_of() -> dict[str, int]:
    """The floor of each room, from the table: a row is ``| floor | `room`, `room` | ... |``."""
    rows = re.findall(r"^\| (\d+) \| ([^|]*) \|", DESIGN.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        room.rstrip("/").replace("/", "."): int(floor)
        for floor, cell in rows
        for room in re.findall(r"`([^`]+)`", cell)
    }


def room(module: str) -> str:
    """The room of the table that a module is in: the longest name that it begins with."""
    path = module.removeprefix("tinygrad_cnn").removeprefix(".")
    inside = [r for r in floor_of() if path == r or path.startswith(f"{r}.")]
    return max(inside, key=len, default="(none)")


@pytest.mark.parametrize("package", PACKAGES)
def test_there_is_no_circle_of_imports(package: str) -> None:
    try:
        TopologicalSorter(imports(package)).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_every_module_has_a_floor_and_every_room_a_module() -> None:
    modules = files("tinygrad_cnn").keys() - {"tinygrad_cnn"}
    assert sorted(m for m in modules if room(m) == "(none)") == []
    assert sorted(floor_of().keys() - {room(m) for m in modules}) == []


def test_imports_run_downward() -> None:
    """A module uses its own floor and those below it."""
    floors = floor_of()
    upward = [
        f"{module} (floor {floors[room(module)]}) imports {used} (floor {floors[room(used)]})"
        for module, uses in imports("tinygrad_cnn").items()
        for used in sorted(uses - {"tinygrad_cnn"})
        if module != "tinygrad_cnn" and floors[room(used)] > floors[room(module)]
    ]
    assert upward == []


def test_no_module_imports_the_whole_package() -> None:
    assert [m for m, uses in imports("tinygrad_cnn").items() if "tinygrad_cnn" in uses] == []


def test_files_and_functions_are_small() -> None:
    long = []
    for name, path in files("tinygrad_cnn").items():
        text = path.read_text(encoding="utf-8")
        long += [name] if len(text.splitlines()) > 500 else []
        long += [
            f"{name}.{node.name}"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 70
        ]
    assert long == []


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, tinygrad_cnn; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"matplotlib", "tqdm", "safetensors", "torch", "onnx", "scipy", "numba", "urllib.request"}
    assert not heavy & set(loaded)
