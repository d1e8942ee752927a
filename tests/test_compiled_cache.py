"""Machine code in the cache is used again only if it is intact and everything that it was made from is the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_cnn

pytest.importorskip("numba")
llvmlite = pytest.importorskip("llvmlite")

from tinygrad_cnn.kernels.compiled import code_file, key, machine_code  # noqa: E402

UNITS = ("relu_loops", "copy_loops", "thread_loops")
RELU = f"""
import sys
import numpy as np
from tinygrad_cnn.kernels.compiled.machine_code import load
load(*{UNITS})
from tinygrad_cnn.kernels.compiled.relu import relu
print(relu(np.array([-1, 2] * 500, np.float32))[:2].tolist(), "numba" in sys.modules)
"""
RIGHT, NOTICE = "[0.0, 2.0] False", "files of kernels, once for this version and processor, to "


def copied(target: Path) -> Path:
    """Return a copy of the package that may be edited."""
    target = target / "package" / "tinygrad_cnn"
    shutil.copytree(Path(tinygrad_cnn.__file__).parent, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that two processes have filled, which began at the same time."""
    copy = copied(tmp_path_factory.mktemp("filled"))
    for process in [start(copy) for _ in range(2)]:
        printed, said = process.communicate()
        assert (printed.strip(), process.returncode) == (RIGHT, 0), said
        assert f"tinygrad_cnn: compiling 3 {NOTICE}" in said
        assert len(said.splitlines()) == 1
    assert {Path(path).name for path in written(copy)} == set(UNITS)
    return copy.parents[1] / "cache"


@pytest.fixture
def copy(tmp_path: Path, filled: Path) -> Path:
    """A copy of the package, and a cache beside it."""
    shutil.copytree(filled, tmp_path / "cache")
    return copied(tmp_path)


def start(copy: Path, **environment: str) -> subprocess.Popen[str]:
    """Start a process that prints what relu of (-1, 2) is, and whether Numba was imported."""
    folder = copy.parents[1] / "cache"
    settings = {"PYTHONPATH": str(copy.parent), "PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-c", RELU],
        env={**os.environ, **settings, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=copy.parent,
    )


def relu(copy: Path, **environment: str) -> tuple[str, str, dict[str, int]]:
    """Return what a process prints, what it says beside that, and when each file of machine code was written."""
    process = start(copy, **environment)
    printed, said = process.communicate()
    assert process.returncode == 0, said
    return printed.strip(), said, written(copy)


def written(copy: Path) -> dict[str, int]:
    files = (copy.parents[1] / "cache").rglob("*_loops")
    return {str(path): path.stat().st_mtime_ns for path in files}


def edit(path: Path, find: str, put: str) -> None:
    """Change a file so that neither its size nor its time tells."""
    text, status = path.read_text(encoding="utf-8"), path.stat()
    assert text.count(find) == 1
    assert len(find) == len(put)
    path.write_text(text.replace(find, put), encoding="utf-8")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_code_that_was_inlined_from_another_file_is_compiled_anew(copy: Path) -> None:
    first = written(copy)
    assert relu(copy) == (RIGHT, "", first)  # read from the cache
    edit(copy / "kernels/compiled/simd.py", 'fcmp_ordered(">"', 'fcmp_ordered("<"')
    wrong, _, second = relu(copy)
    assert wrong == "[-1.0, 0.0] False"
    assert second.items() > first.items()  # in a folder of their own
    assert len(second) == 2 * len(first)
    edit(copy / "kernels/compiled/simd.py", 'fcmp_ordered("<"', 'fcmp_ordered(">"')
    assert relu(copy) == (RIGHT, "", second)


def test_damaged_code_is_compiled_anew_with_one_warning_and_the_rest_is_kept(copy: Path) -> None:
    first = written(copy)
    damaged = next(Path(path) for path in first if path.endswith("relu_loops"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    right, said, second = relu(copy)
    assert right == RIGHT
    assert said.count("Warning") == said.count(f"{damaged}: the machine code there is damaged") == 1
    assert NOTICE in said
    assert {path for path in first if second[path] != first[path]} == {str(damaged)}
    assert relu(copy) == (right, "", second)


def test_without_a_folder_that_can_be_written_code_is_compiled_to_a_temporary_one(
    copy: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "temporary").mkdir()
    place = {"NUMBA_CACHE_DIR": str(tmp_path / "file" / "cache"), "TMPDIR": str(tmp_path / "temporary")}
    right, said, _ = relu(copy, **place)
    assert right == RIGHT
    assert said.count("Warning") == said.count("there is no folder to keep machine code in") == 1
    assert not list((tmp_path / "temporary").iterdir())


def test_another_processor_has_machine_code_of_its_own(copy: Path) -> None:
    first = written(copy)
    right, _, both = relu(copy, NUMBA_CPU_NAME="generic")
    assert right == RIGHT
    assert both.items() > first.items()


# --- the files ---


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), objects=st.lists(st.binary(max_size=100), max_size=3))
def test_a_file_is_read_as_it_was_written_or_not_at_all(
    tmp_path: Path, data: st.DataObject, objects: list[bytes]
) -> None:
    path = tmp_path / "unit"
    code = code_file.Code({"f": "cfunc.f"}, ["exp"], objects)
    code_file.write_code(path, code)
    assert code_file.read_code(path) == code
    assert list(tmp_path.iterdir()) == [path]
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(code_file.Damaged, match="the machine code there is damaged"):
        code_file.read_code(path)


def test_code_is_read_from_where_it_is_and_written_where_that_is_possible(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    folders = [tmp_path / "file" / "cannot", tmp_path / "first", tmp_path / "second"]
    assert machine_code._writable(folders) == folders[1]
    folders[2].mkdir()
    code = code_file.Code({}, [], [])
    code_file.write_code(folders[2] / "unit", code)
    assert machine_code._cached("unit", folders) == code
    assert machine_code._cached("other", folders) is None


def test_folders_of_older_keys_are_deleted(tmp_path: Path) -> None:
    for i, name in enumerate("abcdefg"):
        (tmp_path / f"tinygrad_cnn-{name}").mkdir()
        os.utime(tmp_path / f"tinygrad_cnn-{name}", (i, i))
    machine_code.delete_older(tmp_path / "tinygrad_cnn-a")
    assert {path.name[-1] for path in tmp_path.iterdir()} == set("adefg")


# --- the key ---


def test_every_source_is_in_the_key(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key, "KERNELS", copy / "kernels")
    keys = {key.key()}
    sources = sorted((copy / "kernels").rglob("*.py"))
    assert {path.name for path in sources} >= {"simd.py", "atomics.py", "thread_pool.py", "thresholds.py"}
    for path in sources:
        path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        new = key.key()
        assert new not in keys
        keys.add(new)
    shutil.move(sources[0], sources[0].with_name("renamed.py"))
    assert key.key() not in keys


@pytest.mark.parametrize(
    ("owner", "name"),
    [(llvmlite, "__version__"), (np, "__version__"), (sys, "version"), (key, "CPU_NAME"), (key, "CPU_FEATURES")],
)
def test_versions_and_the_processor_are_in_the_key(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    before = key.key()
    monkeypatch.setattr(owner, name, "another")
    assert key.key() != before


def test_the_version_of_numba_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key.key()
    monkeypatch.setattr(key, "version", {"numba": "another"}.get)
    assert key.key() != before


@pytest.mark.parametrize("name", key.SETTINGS)
def test_settings_are_in_the_key(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = key.key()
    monkeypatch.setenv(f"NUMBA_{name}", "another")
    assert key.key() != before


# --- what goes wrong ---


def test_builders_end_with_whoever_waits_for_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    builders = []

    def endless(units: list[str], folder: Path) -> Any:
        if builders:
            raise KeyboardInterrupt
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        builders.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return builders[-1]

    monkeypatch.setattr(machine_code, "_start_builder", endless)
    monkeypatch.setattr(machine_code, "get_num_threads", lambda: 2)
    with pytest.raises(KeyboardInterrupt):
        machine_code._compile(["a", "b"], tmp_path)
    assert builders[0].returncode is not None


def test_a_builder_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(ImportError, match=r"kernels cannot be compiled: ModuleNotFoundError.*no_such_loops"):
        machine_code._compile(["no_such_loops"], tmp_path)


def test_code_that_needs_unknown_symbols_is_not_linked() -> None:
    with pytest.raises(ImportError, match="kernels cannot be linked: there is no no_such_function"):
        machine_code._link(code_file.Code({}, ["memcpy", "no_such_function"], []))
