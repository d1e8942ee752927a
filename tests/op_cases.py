"""The registry: for every operation, what to call it with, what it must give, and what it must refuse.

One generic test file runs every case (`test_ops.py`), another holds them against PyTorch (`parity/test_ops.py`). An
operation with a derivative that no case records fails the tests.
"""

from importlib import import_module
from pathlib import Path

from registry import BAD_CALLS, CASES, OpCase, Sample

for family in sorted(Path(__file__).parent.glob("cases/[a-z]*.py")):
    import_module(f"cases.{family.stem}")

__all__ = ["BAD_CALLS", "CASES", "OpCase", "Sample"]
