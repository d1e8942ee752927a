"""What the page of typical mistakes says of PyTorch is what PyTorch says."""

from __future__ import annotations

import pytest

from tests.test_mistakes import MISTAKES, RECORDED, make

torch = pytest.importorskip("torch")


def test_the_messages_of_pytorch_are_recorded() -> None:
    if torch.__version__ != RECORDED["version"]:
        pytest.skip(f"the messages are those of PyTorch {RECORDED['version']}")
    for mistake in MISTAKES:
        assert make.message(mistake, "torch") == RECORDED[mistake.title]
