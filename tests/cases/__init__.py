"""The registry: for every operation, what to call it with, what it must give, and what it must refuse.

`tests/test_ops.py` runs every case, `tests/parity/test_ops.py` holds it to PyTorch as well. An operation with a
derivative that no case records fails the tests.
"""

from importlib import import_module
from pathlib import Path

from tests.support.registry import BAD_CALLS, CASES, OpCase, Sample

for family in sorted(Path(__file__).parent.glob("[a-z]*.py")):
    import_module(f"{__name__}.{family.stem}")

__all__ = ["BAD_CALLS", "CASES", "OpCase", "Sample"]
