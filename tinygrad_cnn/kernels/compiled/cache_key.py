"""The key of compiled code in Numba's cache: all that the code was made from.

Numba compiles a function anew when the file that the function is in has changed. But compiled functions of other
files are inlined into it, and LLVM code of `simd.py` and constants of `thresholds.py` are part of it. So the key is
a hash of every source in `kernels/`, of the versions, of the processor, and of the settings of Numba that change
machine code. Code of each key has a folder of its own, so processes with different keys can run side by side.
"""

from __future__ import annotations

import shutil
import sys
from hashlib import sha256
from inspect import getfile
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from llvmlite import binding
from numba.core import config
from numba.core.caching import FunctionCache

KERNELS = Path(__file__).parents[1]
SETTINGS = (
    "BOUNDSCHECK",
    "CPU_FEATURES",
    "CPU_NAME",
    "DEBUGINFO_DEFAULT",
    "DISABLE_INTEL_SVML",
    "EXTEND_VARIABLE_LIFETIMES",
    "LLVM_REFPRUNE_FLAGS",
    "LLVM_REFPRUNE_PASS",
    "LOOP_VECTORIZE",
    "OPT",
    "SLP_VECTORIZE",
)
FOLDER = "tinygrad_cnn-"
KEPT = 4  # folders of other keys, the newest


def key() -> str:
    """Return a hash of the sources, versions, processor and settings that compiled code is made from."""
    hashed = sha256(repr((sys.version, numba.__version__, llvmlite.__version__, np.__version__)).encode())
    hashed.update(f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}".encode())
    hashed.update(repr([(name, str(getattr(config, name, None))) for name in SETTINGS]).encode())
    for path in sorted(KERNELS.rglob("*.py")):
        source = path.read_bytes()
        hashed.update(f"{path.relative_to(KERNELS).as_posix()} {len(source)}\n".encode() + source)
    return hashed.hexdigest()


class _Cached(FunctionCache._impl_class):
    """How Numba caches a function; for a function of `kernels/`, by the key and in the folder of the key."""

    key = key()

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        if KERNELS in Path(getfile(function)).parents:
            folder = Path(self.locator.get_cache_path()) / (FOLDER + self.key[:16])
            self.locator.get_source_stamp = lambda: self.key
            self.locator.get_cache_path = lambda: str(folder)


def use_key() -> None:
    """Have Numba cache the functions of `kernels/` under the key, and all others as before."""
    FunctionCache._impl_class = _Cached


def delete_older(folder: Path) -> None:
    """Delete the folders of other keys, except for the newest."""
    others = [path for path in folder.parent.glob(FOLDER + "*") if path != folder]
    for old in sorted(others, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
