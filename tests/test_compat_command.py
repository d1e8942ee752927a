"""``python -m tinygrad_cnn``: a script runs as Python runs it, and ``--check`` says what it would miss."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]


def command(folder: Path, *arguments: str, width: int = 80) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tinygrad_cnn", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(TOP), "COLUMNS": str(width)},
        capture_output=True,
        text=True,
    )


def write(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


AS_PYTHON = {
    "arguments": ["import sys", "print(sys.argv[1:], sys.path[0], __file__, __name__, __package__)"],
    "a neighbour": ["import neighbour", "print(neighbour.VALUE)"],
    "exit with a number": ["import sys", "print('x')", "sys.exit(3)"],
    "exit with a message": ["raise SystemExit('enough')"],
    "a traceback": ["def f():", "    return 1 / 0", "", "f()"],
    "a traceback of two": ["try:", "    1 / 0", "except ZeroDivisionError as e:", "    raise KeyError('k') from e"],
    "a syntax error": ["print('never')", "x = = 1"],
    "an unknown module": ["import tinygrad_cnn_has_no_such_neighbour"],
    "an unknown attribute": ["class A:", "    value = 1", "A().valu"],
    "pickles of its classes": [
        "import pickle",
        "class Point:",
        "    x = 3",
        "if __name__ == '__main__':",
        "    print(pickle.loads(pickle.dumps(Point())).x, Point.__module__)",
    ],
    "threads and the end": ["import atexit", "X = 5", "atexit.register(lambda: print('end', X))"],
    "another coding": ["# coding: latin-1", "print(ascii('e'))"],
    "interrupted": ["raise KeyboardInterrupt"],
}


@pytest.mark.parametrize("case", AS_PYTHON)
def test_a_script_runs_as_python_runs_it(case: str, tmp_path: Path) -> None:
    write(tmp_path, "inner/script.py", *AS_PYTHON[case])
    write(tmp_path, "inner/neighbour.py", "VALUE = 4")
    arguments = ["inner/script.py", "--epochs", "3", "-m", "--", "--check"]
    theirs = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, env={"PYTHONPATH": str(TOP)}, capture_output=True, text=True
    )
    ours = command(tmp_path, *arguments)
    assert (ours.stdout, ours.stderr, ours.returncode) == (theirs.stdout, theirs.stderr, theirs.returncode)


def test_a_module_runs_as_python_runs_it(tmp_path: Path) -> None:
    write(tmp_path, "project/__init__.py")
    write(tmp_path, "project/part.py", "NAME = __package__")
    write(
        tmp_path, "project/train.py", "import sys", "from .part import NAME", "print(NAME, __name__, sys.argv[1:])"
    )
    ours = command(tmp_path, "-m", "project.train", "--lr", "1")
    assert (ours.stdout, ours.stderr) == ("project __main__ ['--lr', '1']\n", "")


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    ours = command(tmp_path, "nothing.py")
    assert ours.returncode == 2
    assert "can't open file" in ours.stderr
    assert "Traceback" not in ours.stderr
    assert "usage:" in command(tmp_path).stderr


def test_a_missing_name_is_told_without_frames_of_the_command(tmp_path: Path) -> None:
    write(tmp_path, "script.py", "import torch", "torch.nn.Liner(2, 3)")
    assert command(tmp_path, "script.py").stderr.splitlines()[1:] == [
        f'  File "{tmp_path / "script.py"}", line 2, in <module>',
        "    torch.nn.Liner(2, 3)",
        "    ^^^^^^^^^^^^^^",
        "AttributeError: torch.nn.Liner is not here; did you mean 'Linear'? (see docs/pytorch.md)",
    ]


def test_check_lists_each_name_once_with_its_lines_and_what_to_use(tmp_path: Path) -> None:
    write(tmp_path, "model.py", "from torch import nn", "nn.Conv3d(1, 1, 3)")
    write(
        tmp_path,
        "script.py",
        "import torch.nn.functional as F",
        "from torch import nn, manual_seed",
        "import model",
        "manual_seed(1)",
        "net = nn.Liner(2, 3)",
        "net = nn.Liner(3, 3)",
        "act = F",
        "act.rleu(net.to_sparse(), inplce=True)",
        "nn.Linear(2, 3, wide=True)",
    )
    ours = command(tmp_path, "--check", "script.py")
    assert ours.returncode == 1
    assert max(map(len, ours.stdout.splitlines())) <= 80
    text = " ".join(ours.stdout.split())
    for part in (
        "torch.nn.Liner (lines 5, 6) did you mean 'Linear'?",
        "torch.nn.functional.rleu (line 8) did you mean 'relu'?",
        "torch.Tensor.to_sparse (line 8) sparse tensors are not supported",
        "torch.nn.Linear(wide=...) (line 9)",
        "torch.nn.Conv3d (line 2)",
        "different torch.manual_seed (line 4)",
        "5 names are missing",
    ):
        assert part in text
    assert "Traceback" not in ours.stderr


def test_check_of_a_script_that_misses_nothing(tmp_path: Path) -> None:
    write(tmp_path, "script.py", "import torch", "torch.nn.Linear(2, 3)", "print('ran')")
    ours = command(tmp_path, "--check", "script.py")
    assert (ours.returncode, ours.stderr) == (0, "")
    assert "ran" not in ours.stdout
    assert command(tmp_path, "--check", "-m", "script").returncode == 0
    assert command(tmp_path, "--check", "other.py").returncode == 2


def test_check_knows_the_spellings_that_pytorch_also_takes(tmp_path: Path) -> None:
    lines = ["import torch", "x = torch.empty(size=(2, 2))", "torch.matmul(x, x, out=x)", "torch.sum(x, axis=0)"]
    done = command(tmp_path, "--check", str(write(tmp_path, "script.py", *lines)))
    assert done.returncode == 0, done.stdout


def test_check_tells_what_can_be_imported_and_not_be_called(tmp_path: Path) -> None:
    lines = ["from torch.hub import load", "if False:", "    load(1)"]
    done = command(tmp_path, "--check", str(write(tmp_path, "script.py", *lines)), width=200)
    assert done.returncode == 0
    assert "can be imported and not be called: " in done.stdout


def test_torch_compile_makes_programs(tmp_path: Path) -> None:
    write(
        tmp_path,
        "script.py",
        "import torch",
        "model = torch.compile(torch.nn.Linear(2, 1), mode='max-autotune')",
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)",
        "@torch.compile(fullgraph=True)",
        "def loss_of(x):",
        "    return model(x).square().mean()",
        "for _ in range(5):",
        "    optimizer.zero_grad()",
        "    loss = loss_of(torch.ones(3, 2))",
        "    loss.backward()",
        "    optimizer.step()",
        "print(list(model.state_dict()), 'linear(' in loss_of.explain())",
    )
    done = command(tmp_path, "script.py")
    assert (done.stdout, done.stderr) == ("['_orig_mod.weight', '_orig_mod.bias'] True\n", "")
