"""``torch.backends.cudnn`` and the like: switches that scripts set, without effect here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

enabled = False
benchmark = False
deterministic = True
allow_tf32 = False
matmul = SimpleNamespace(allow_tf32=False, allow_fp16_reduced_precision_reduction=False)


def is_available() -> bool:
    """Return False: there is no such library here."""
    return False


def version() -> None:
    """Return None: there is no such library here."""


@contextmanager
def flags(**_: Any) -> Iterator[None]:
    """Do nothing in a block."""
    yield
