"""The same program prints the same, run by Python with PyTorch and by ``python -m tinygrad_cnn``."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

HERE = Path(__file__).parent
TOP = HERE.parents[1]
PROGRAMS = sorted(path for path in (HERE / "programs").glob("*.py") if not path.stem.startswith("_"))
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]\d+)?|\bnan\b|-?\binf\b")


def with_pytorch(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a program prints when Python runs it with PyTorch, a line each."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(path.parent)
    monkeypatch.setattr(sys, "argv", [str(path)])
    printed = io.StringIO()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
            warnings.simplefilter("ignore")
            runpy.run_path(str(path), run_name="__main__")
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)
        sys.modules.pop("_numbers", None)
    return lines(printed.getvalue())


def with_tinygrad_cnn(path: Path, folder: Path) -> list[str]:
    """What a program prints when ``python -m tinygrad_cnn`` runs it, a line each."""
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_cnn", str(path)],
        cwd=folder,
        env={"PYTHONPATH": str(TOP), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return lines(done.stdout)


def lines(printed: str) -> list[str]:
    """The lines of what was printed, without the names of types and operations, which differ."""
    return re.sub(r",\s+grad_fn=<\w+>", "", printed.replace("dtype=torch.", "dtype=")).splitlines()


def test_small_things_are_as_in_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = with_pytorch(HERE / "small_things.py", tmp_path, monkeypatch)
    ours = with_tinygrad_cnn(HERE / "small_things.py", tmp_path)
    different = [(a, b) for a, b in zip(theirs, ours, strict=True) if a != b]
    assert different == []


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_prints_what_it_prints_with_pytorch(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words are equal, and numbers agree: to 1e-6 in float64, to 2e-5 in float32."""
    theirs, ours = with_pytorch(path, tmp_path, monkeypatch), with_tinygrad_cnn(path, tmp_path)
    assert [NUMBER.sub("#", line) for line in ours] == [NUMBER.sub("#", line) for line in theirs]
    a, b = (np.array([float(n) for line in lines for n in NUMBER.findall(line)]) for lines in (ours, theirs))
    double = "float64" in path.read_text(encoding="utf-8")
    np.testing.assert_allclose(a, b, rtol=1e-6 if double else 2e-5, atol=1e-12 if double else 1e-7)
    assert len(a) >= 5
    assert np.ptp(b) > 1e-3


def test_there_are_enough_programs() -> None:
    assert len(PROGRAMS) >= 30
