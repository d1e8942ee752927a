"""Machine code in Numba's cache is used again only if everything that it was made from is the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn

numba = pytest.importorskip("numba")
llvmlite = pytest.importorskip("llvmlite")

from tinygrad_cnn.kernels.compiled import cache_key as cache  # noqa: E402

RELU = """
import numpy as np
from tinygrad_cnn.kernels.compiled.relu import relu
print(relu(np.array([-1, 2] * 500, np.float32))[:2].tolist())
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package that may be edited."""
    target = tmp_path / "package" / "tinygrad_cnn"
    shutil.copytree(Path(tinygrad_cnn.__file__).parent, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def relu(copy: Path, **environment: str) -> tuple[str, dict[str, int]]:
    """Return what relu of (-1, 2) is in a new process, and when each file of machine code was written."""
    folder = copy.parents[1] / "cache"
    settings = {"PYTHONPATH": str(copy.parent), "PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", RELU],
        env={**os.environ, **settings, **environment},
        capture_output=True,
        text=True,
        check=True,
        cwd=copy.parent,
    )
    return done.stdout.strip(), {path.name: path.stat().st_mtime_ns for path in folder.rglob("*.nbc")}


def edit(path: Path, find: str, put: str) -> None:
    """Change a file so that neither its size nor its time tells."""
    text, status = path.read_text(encoding="utf-8"), path.stat()
    assert text.count(find) == 1
    assert len(find) == len(put)
    path.write_text(text.replace(find, put), encoding="utf-8")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_code_that_was_inlined_from_another_file_is_compiled_anew(copy: Path) -> None:
    right, first = relu(copy)
    assert right == "[0.0, 2.0]"
    assert relu(copy) == (right, first)  # read from the cache
    edit(copy / "kernels/compiled/simd.py", 'fcmp_ordered(">"', 'fcmp_ordered("<"')
    wrong, second = relu(copy)
    assert wrong == "[-1.0, 0.0]"
    assert all(second[name] > first[name] for name in first)
    edit(copy / "kernels/compiled/simd.py", 'fcmp_ordered("<"', 'fcmp_ordered(">"')
    assert relu(copy)[0] == right


def test_every_source_is_in_the_key(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "KERNELS", copy / "kernels")
    keys = {cache.key()}
    sources = sorted((copy / "kernels").rglob("*.py"))
    assert {path.name for path in sources} >= {"simd.py", "atomics.py", "thread_pool.py", "thresholds.py"}
    for path in sources:
        path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        new = cache.key()
        assert new not in keys
        keys.add(new)
    shutil.move(sources[0], sources[0].with_name("renamed.py"))
    assert cache.key() not in keys


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (numba, "__version__"),
        (llvmlite, "__version__"),
        (np, "__version__"),
        (sys, "version"),
        *[(numba.config, name) for name in cache.SETTINGS],
    ],
)
def test_versions_and_settings_are_in_the_key(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    before = cache.key()
    monkeypatch.setattr(owner, name, "another")
    assert cache.key() != before


def test_another_processor_has_machine_code_of_its_own(copy: Path) -> None:
    """Numba's own index has the name and features of the processor: both machine codes are kept."""
    right, first = relu(copy)
    other, both = relu(copy, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert other == right
    assert both.items() > first.items()


def test_other_functions_are_cached_as_before() -> None:
    from numba.core.caching import FunctionCache

    from tinygrad_cnn.kernels.compiled import thread_pool

    ours, other = (
        FunctionCache(function)._impl.locator.get_source_stamp()
        for function in (thread_pool.compile_band, test_other_functions_are_cached_as_before)
    )
    assert ours == cache.key()
    assert other != ours
