"""PyTorch's scripts run here with their imports changed and nothing else, and their losses are the same."""

from __future__ import annotations

import difflib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import tinygrad_cnn as tg
from tests.support.twin_scripts import run, translated, write_digits

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples" / "side_by_side"
SCRIPTS = [*sorted((HERE / "scripts").glob("*.py")), EXAMPLES / "mnist_pytorch.py"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    write_digits(folder / "data")
    return folder


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::UserWarning:torch")
def test_a_script_loses_as_it_does_with_pytorch(path: Path, digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(digits)
    theirs, ours = (np.array(run(path, lib)) for lib in (torch, tg))
    np.testing.assert_allclose(ours, theirs, rtol=1e-7)
    assert len(ours) > 10
    assert ours.max() - ours.min() > 1e-3


def test_the_scripts_side_by_side_differ_in_their_imports_alone() -> None:
    theirs, ours = (
        (EXAMPLES / f"mnist_{name}.py").read_text(encoding="utf-8") for name in ("pytorch", "tinygrad_cnn")
    )
    assert sorted(ours.splitlines()) == sorted(translated(theirs).splitlines())
    changed = [line for line in difflib.ndiff(theirs.splitlines(), ours.splitlines()) if line[0] in "-+"]
    assert len(changed) == 14
    assert all(line[2:].startswith(("import ", "from ")) for line in changed)


def test_the_translated_script_runs_as_a_user_runs_it(digits: Path) -> None:
    command = [sys.executable, EXAMPLES / "mnist_tinygrad_cnn.py", "--epochs", "1", "--save-model", "net.pt"]
    done = subprocess.run(
        command, cwd=digits, env={"PYTHONPATH": str(HERE.parents[1])}, capture_output=True, text=True, check=True
    )
    assert "accuracy" in done.stdout
    saved = tg.load(digits / "net.pt")
    assert saved["epoch"] == 1
    assert saved["model"]["conv1.weight"].shape == (8, 1, 3, 3)
