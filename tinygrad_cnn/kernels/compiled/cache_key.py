"""The key of compiled code in Numba's cache: all that the code was made from.

Numba compiles a function anew when the file that the function is in has changed. But compiled functions of other
files are inlined into it, and LLVM code of `simd.py` and constants of `thresholds.py` are part of it. So the key is
a hash of every source in `kernels/`, of the versions, and of the settings of Numba that change machine code. (The
processor and its features are in Numba's own index.) An entry with another key is compiled anew and overwritten.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from inspect import getfile
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import config
from numba.core.caching import FunctionCache

KERNELS = Path(__file__).parents[1]
SETTINGS = (
    "BOUNDSCHECK",
    "DEBUGINFO_DEFAULT",
    "DISABLE_INTEL_SVML",
    "EXTEND_VARIABLE_LIFETIMES",
    "LLVM_REFPRUNE_FLAGS",
    "LLVM_REFPRUNE_PASS",
    "LOOP_VECTORIZE",
    "OPT",
    "SLP_VECTORIZE",
)


def key() -> str:
    """Return a hash of the sources, versions and settings that compiled code is made from."""
    hashed = sha256(repr((sys.version, numba.__version__, llvmlite.__version__, np.__version__)).encode())
    hashed.update(repr([(name, str(getattr(config, name, None))) for name in SETTINGS]).encode())
    for path in sorted(KERNELS.rglob("*.py")):
        source = path.read_bytes()
        hashed.update(f"{path.relative_to(KERNELS).as_posix()} {len(source)}\n".encode() + source)
    return hashed.hexdigest()


class _Cached(FunctionCache._impl_class):
    """How Numba caches a function; of a function of `kernels/`, the key stands in the place of its file's stamp."""

    key = key()

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        if KERNELS in Path(getfile(function)).parents:
            self.locator.get_source_stamp = lambda: self.key


def use_key() -> None:
    """Have Numba cache the functions of `kernels/` under the key, and all others as before."""
    FunctionCache._impl_class = _Cached
