"""Programs of the command line: their help, and how they end when something is missing or goes away."""

from __future__ import annotations

import errno
import os
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import lines_on_missing_packages
from tinygrad_cnn.storage.atomic_files import atomic_write
from tinygrad_cnn.support.program import PACKAGES, errors_in_one_line

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def test_the_last_lines_of_the_tests_name_missing_packages_and_what_brings_them() -> None:
    torch = "('x.py', 3, \"Skipped: could not import 'torch': No module named 'torch'\")"
    reasons = [torch, torch, "Skipped: Numba is not installed", "Skipped: could not import 'surely'"]
    assert lines_on_missing_packages(["Skipped: it is Monday"]) == []
    assert [line.partition(" need ")[2] for line in lines_on_missing_packages(reasons)] == [
        'torch, which is missing: python -m pip install -e ".[parity]"',
        'numba, which is missing: python -m pip install -e ".[fast]"',
        "surely, which is missing: python -m pip install surely",
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_explains_itself_in_lines_that_fit_the_terminal(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert shown.startswith(f"usage: {path.name} ")
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_refuses_options_that_it_does_not_have(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(path), "--no-such-option"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    assert ended.value.code == 2
    assert "--no-such-option" in capsys.readouterr().err


def test_a_missing_package_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(sys, "argv", ["export_onnx.py"])
    with pytest.raises(SystemExit, match=r'^error: the package onnxruntime is missing: pip install "onnxruntime"$'):
        runpy.run_path(str(ROOT / "examples" / "export_onnx.py"), run_name="__main__")


def test_the_extras_bring_the_packages() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for package, wanted in PACKAGES.items():
        name, _, extra = wanted.rstrip("]").partition("[")
        project = {"sklearn": "scikit-learn"}.get(package, package)
        assert name == package or any(line.startswith(project) for line in extras[extra])


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "a/b"),
            "error: a/b: No such file or directory",
        ),
        (BlockingIOError("runs/x: another run is at work there"), "error: runs/x: another run is at work there"),
        (ValueError("samples is 0"), "error: samples is 0"),
    ],
)
def test_what_a_user_can_mend_is_one_line(error: Exception, shown: str) -> None:
    with pytest.raises(SystemExit) as ended, errors_in_one_line(ValueError):
        raise error
    assert ended.value.code == shown


def test_a_mistake_of_the_program_keeps_its_traceback() -> None:
    with pytest.raises(ValueError, match="a bug"), errors_in_one_line():
        raise ValueError("a bug")


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_a_reader_that_goes_away_ends_the_program_without_a_word() -> None:
    code = "from tinygrad_cnn.support.program import *\nwith errors_in_one_line():\n    print('x\\n' * 10**6)"
    command = f'{sys.executable} -c "{code}" | head -1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.stdout, done.stderr) == ("x\n", "")


def _no_room(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("trouble", ["no folder", "a file in its place", "a folder in its place", "no room"])
def test_errors_of_the_disk_name_the_path_that_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    path = tmp_path / "name"
    if trouble == "no folder":
        path = tmp_path / "missing" / "name"
    elif trouble == "a file in its place":
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "name"
    elif trouble == "a folder in its place":
        path.mkdir()
    else:
        monkeypatch.setattr(os, "fsync", _no_room)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OSError, match=f"{path}'$") as caught, atomic_write(path) as file:
        file.write(b"x")
    assert caught.value.filename == str(path)
    assert ".part" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
