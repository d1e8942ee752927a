"""The key of machine code in the cache: all that the code was made from.

Functions of other files are inlined into compiled loops, and LLVM code of `simd.py` and constants of
`thresholds.py` are part of them. So the key is a hash of every source in `kernels/`, of the versions, of the
processor, and of the settings of Numba that change machine code. Code of each key has a folder of its own, so
processes with different keys can run side by side.
"""

from __future__ import annotations

import os
import sys
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import llvmlite
import numpy as np

from tinygrad_cnn.kernels.compiled.vectors import CPU_FEATURES, CPU_NAME

KERNELS = Path(__file__).parents[1]
SETTINGS = (
    "BOUNDSCHECK",
    "DEBUGINFO",
    "EXTEND_VARIABLE_LIFETIMES",
    "LLVM_REFPRUNE_FLAGS",
    "LLVM_REFPRUNE_PASS",
    "LOOP_VECTORIZE",
    "OPT",
    "SLP_VECTORIZE",
)
"""Environment variables that begin with NUMBA_."""


def key() -> str:
    """Return a hash of the sources, versions, processor and settings that compiled code is made from."""
    hashed = sha256(repr((sys.version, version("numba"), llvmlite.__version__, np.__version__)).encode())
    hashed.update(f"{CPU_NAME} {CPU_FEATURES}".encode())
    hashed.update(repr([(name, os.environ.get(f"NUMBA_{name}")) for name in SETTINGS]).encode())
    for path in sorted(KERNELS.rglob("*.py")):
        source = path.read_bytes()
        hashed.update(f"{path.relative_to(KERNELS).as_posix()} {len(source)}\n".encode() + source)
    return hashed.hexdigest()
