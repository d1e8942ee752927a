"""The house keeps its shape: imports run one way, files stay small, the heart can be read in an evening."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tinygrad_cnn

ROOT = Path(tinygrad_cnn.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# Each floor may use the floors before it, and itself.
FLOORS = [
    {"devices", "dtypes", "files", "html", "random", "suggest"},
    {"kernels"},
    {"grad_mode", "hooks", "tape", "trace"},
    {"autograd", "ops"},
    {"linalg", "methods", "numpy_protocol"},
    {"conversions"},
    {"in_place"},
    {"tensor"},
    {"creation", "sampling"},
    {"autograd.functional", "function", "gradcheck", "nested", "nn"},
    {"serialization"},
    {"inspection", "optim", "data", "models"},
    {"onnx", "training", "utils"},
]
FLOOR_OF = {room: i for i, floor in enumerate(FLOORS) for room in floor}
HEART = ["autograd", "tape", "grad_mode", "hooks", "tensor", "methods", "conversions", "in_place", "kernels"]


def room(path: Path) -> str:
    return room_of(f"tinygrad_cnn.{'.'.join(path.relative_to(ROOT).parts).removesuffix('.py')}")


def room_of(name: str) -> str:
    """The room of a module, or of what is in it: a part of a package may be a room of its own."""
    parts = name.split(".")[1:]
    whole = ".".join(parts[:2])
    return whole if whole in FLOOR_OF else parts[0]


def imports(path: Path) -> Iterator[str]:
    """The rooms that a file uses when it runs: what only type checkers see does not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        yield from {room_of(n) for n in names if n.startswith("tinygrad_cnn.")} & FLOOR_OF.keys()


@pytest.mark.parametrize("path", [p for p in FILES if p.parent != ROOT or p.name != "__init__.py"], ids=str)
def test_imports_run_one_way(path: Path) -> None:
    own = FLOOR_OF[room(path)]
    above = {used for used in imports(path) if FLOOR_OF[used] > own}
    assert not above, f"{path.name} is on the floor of {FLOORS[own]} and uses {above}"


def test_operations_do_not_know_the_tensor() -> None:
    assert not [p for p in FILES if room(p) in ("tape", "ops", "autograd") and "tensor" in imports(p)]


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_files_and_functions_are_small() -> None:
    assert [p.name for p in FILES if lines(p) > 500] == []
    long = [
        f"{p.name}: {node.name}"
        for p in FILES
        for node in ast.walk(ast.parse(p.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 70
    ]
    assert long == []


def test_the_heart_can_be_read_in_an_evening() -> None:
    """The machinery is an evening's reading; the calculus is broad by intent, and each family of it a file."""
    assert sum(lines(p) for p in FILES if room(p) in HEART) <= 2500
    assert max(lines(p) for p in FILES if room(p) == "ops") <= 450


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, tinygrad_cnn; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"matplotlib", "tqdm", "safetensors", "torch", "onnx", "scipy", "urllib.request"} & set(loaded)
