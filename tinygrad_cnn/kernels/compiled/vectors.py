"""The processor that kernels are compiled for, and how much its vector (SIMD) registers hold."""

from __future__ import annotations

import os

from llvmlite import binding


def _features(name: str) -> str:
    """Return the instructions that the processor has beyond the oldest of its kind, as LLVM writes them."""
    given = os.environ.get("NUMBA_CPU_FEATURES")
    if given is None:
        return "" if name == "generic" else str(binding.get_host_cpu_features().flatten())
    return given


CPU_NAME = os.environ.get("NUMBA_CPU_NAME") or str(binding.get_host_cpu_name())
CPU_FEATURES = _features(CPU_NAME)

_AVX512 = "+avx512f" in CPU_FEATURES  # 32 registers of 16 numbers; with AVX2 16 of 8, with NEON 32 of 4

NARROW = 16 if _AVX512 else 8
"""Lanes of a narrow vector: one register."""

WIDE = 64 if _AVX512 else 16
"""Lanes of a wide vector. A tile of six leaves registers to spare."""

TILE_ROWS = 4 if _AVX512 else 2
"""Rows of a tile of five columns of narrow vectors that leave registers to spare."""
