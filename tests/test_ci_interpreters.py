"""The check of all Pythons finds them, passes over what does not start, and names those that are missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "interpreters.py"


def interpreter(folder: Path, version: str, says: str | None) -> Path:
    """A file named as an interpreter that says its version, or does not start."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"python{version}"
    path.write_text("#!/bin/sh\n" + (f"echo {says}\n" if says else "exit 127\n"))
    path.chmod(0o755)
    return path


def find(*path: Path, pyenv: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": os.pathsep.join(map(str, path)), "PYENV_ROOT": str(pyenv)}
    return subprocess.run([sys.executable, SCRIPT], env=environment, capture_output=True, text=True)


@pytest.fixture
def shims(tmp_path: Path) -> Path:
    """Shims that do not start, and one that is another version than its name says."""
    for version, says in (("3.11", None), ("3.12", "3.13"), ("3.13", None)):
        interpreter(tmp_path / "shims", version, says)
    return tmp_path / "shims"


def test_behind_a_shim_the_interpreter_is_found_on_the_path_or_in_pyenv(shims: Path, tmp_path: Path) -> None:
    wanted = [
        interpreter(tmp_path / folder, version, says=version)
        for folder, version in (
            ("bin", "3.11"),
            ("pyenv/versions/3.12.1/bin", "3.12"),
            ("pyenv/versions/b/bin", "3.13"),
        )
    ]
    found = find(shims, tmp_path / "bin", pyenv=tmp_path / "pyenv")
    assert found.stdout.split() == [str(path) for path in wanted]
    assert found.returncode == 0


def test_a_supported_version_that_is_missing_is_named(shims: Path, tmp_path: Path) -> None:
    interpreter(tmp_path / "bin", "3.11", "3.11")
    found = find(shims, tmp_path / "bin", pyenv=tmp_path / "pyenv")
    assert found.returncode == 1
    assert found.stdout == ""
    assert "Python 3.12, 3.13 " in found.stderr
