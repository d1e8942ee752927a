"""Machine code of compiled loops: read from the cache and linked, without Numba; compiled first if it is not there.

The machine code of each file of loops, a *unit*, is one file in the cache (`code_file.py`), in a folder whose name
is the key: a hash of all that the code was made from (`key.py`). Units that are missing or damaged are compiled by
processes of their own (`build.py`), and only these import Numba.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from llvmlite import binding

from tinygrad_cnn.kernels.compiled.code_file import Code, Damaged, read_code
from tinygrad_cnn.kernels.compiled.key import KERNELS, key
from tinygrad_cnn.kernels.compiled.vectors import CPU_FEATURES, CPU_NAME
from tinygrad_cnn.kernels.threads import get_num_threads

KERNEL_UNITS = (
    "conv_weight_loops",
    "conv_loops",
    "matmul_loops",
    "pool_loops",
    "resample_loops",
    "copy_loops",
    "thread_loops",
    "sums_loops",
    "relu_loops",
)
PROGRAM_UNITS = ("linear_loops", "program_loops")
"""Units that are used together, in the order of the time that they take to compile, the longest first."""

FOLDER = "tinygrad_cnn-"
KEPT = 4  # folders of other keys, the newest

_addresses: dict[str, dict[str, int]] = {}
_engines: list[Any] = []  # which own the memory of the code


def address(unit: str, name: str) -> int:
    """Return the address of a compiled function. Its unit is loaded with those that are used together with it."""
    if unit not in _addresses:
        load(*next((group for group in (KERNEL_UNITS, PROGRAM_UNITS) if unit in group), (unit,)))
    return _addresses[unit][name]


def load(*units: str) -> None:
    """Make the compiled functions of units available; raise ImportError if they cannot be compiled."""
    units = tuple(unit for unit in units if unit not in _addresses)
    if not units:
        return
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise ImportError("NUMBA_DISABLE_JIT is set")
    folders = [place / (FOLDER + key()[:16]) for place in _places()]
    codes = {unit: code for unit in units if (code := _cached(unit, folders))}
    missing = [unit for unit in units if unit not in codes]
    if missing:
        folder = _writable(folders)
        _compile(missing, folder)
        codes |= {unit: read_code(folder / unit) for unit in missing}
        delete_older(folder)
    for unit, code in codes.items():
        _addresses[unit] = _link(code)


# --- the cache ---


def _places() -> list[Path]:
    """Return where folders of machine code may be, in the order in which they are tried."""
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        return [Path(given).absolute()]
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return [KERNELS / "compiled" / "__pycache__", Path(user).absolute() / "tinygrad_cnn"]


def _cached(unit: str, folders: list[Path]) -> Code | None:
    """Return the machine code of a unit from the first folder in which it is intact."""
    for folder in folders:
        try:
            return read_code(folder / unit)
        except Damaged as error:
            warnings.warn(f"{error}; it is compiled anew", stacklevel=2)
        except OSError:
            continue
    return None


def _writable(folders: list[Path]) -> Path:
    """Return the first folder that can be written to, or else a temporary one."""
    for folder in folders:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            return folder
    temporary = Path(_temporary(folders[-1].parent).name)
    temporary.mkdir(mode=0o700, exist_ok=True)  # the child of a fork deletes it when it ends
    return temporary


@cache
def _temporary(place: Path) -> tempfile.TemporaryDirectory[str]:
    warnings.warn(
        f"{place}: there is no folder to keep machine code in, so each process compiles it anew; "
        "set NUMBA_CACHE_DIR to one that can be written",
        stacklevel=2,
    )
    return tempfile.TemporaryDirectory(prefix=FOLDER)


def delete_older(folder: Path) -> None:
    """Delete the folders of other keys, except for the newest."""
    others = [path for path in folder.parent.glob(FOLDER + "*") if path != folder]
    for old in sorted(others, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


# --- compiling and linking ---


def _compile(units: list[str], folder: Path) -> None:
    """Compile units into files of a folder, by as many processes as there are threads."""
    what = f"{len(units)} files of kernels"
    print(f"tinygrad_cnn: compiling {what}, once for this version and processor, to {folder}", file=sys.stderr)
    count = min(len(units), get_num_threads())
    builders: list[subprocess.Popen[str]] = []
    try:
        for i in range(count):
            builders.append(_start_builder(units[i::count], folder))  # noqa: PERF401  (an error ends those that began)
        for builder in builders:
            said = builder.communicate()[1].strip().splitlines() or [f"exit status {builder.returncode}"]
            if builder.returncode:
                raise ImportError(f"kernels cannot be compiled: {said[-1]}")
    finally:
        for builder in builders:
            with builder:  # until it has ended
                builder.kill()


def _start_builder(units: list[str], folder: Path) -> subprocess.Popen[str]:
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    settings = {"NUMBA_CPU_NAME": CPU_NAME, "NUMBA_CPU_FEATURES": CPU_FEATURES}
    settings["NUMBA_DISABLE_INTEL_SVML"] = "1"  # which only Numba would load
    return subprocess.Popen(
        [sys.executable, "-m", "tinygrad_cnn.kernels.compiled.build", str(folder), *units],
        cwd=folder,  # where no .numba_config.yaml changes settings
        env={**os.environ, **settings, "PYTHONPATH": paths},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _link(code: Code) -> dict[str, int]:
    """Put machine code into memory where it can run, and return the addresses of its functions by name."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(binding.get_process_triple())
    machine = target.create_target_machine(codemodel="jitdefault", jit=True)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)  # it finds the system's functions
    unknown = [name for name in code.needs if not binding.address_of_symbol(name)]
    if unknown:
        raise ImportError(f"kernels cannot be linked: there is no {', '.join(unknown)}")
    for data in code.objects:
        engine.add_object_file(binding.ObjectFileRef.from_data(data))
    engine.finalize_object()
    _engines.append(engine)
    return {name: engine.get_function_address(symbol) for name, symbol in code.functions.items()}
