"""Checkpoints: all that a run needs to go on, in one file that is whole or not there (see `nested`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinygrad_cnn.files import replacing
from tinygrad_cnn.nested import from_bytes, to_bytes
from tinygrad_cnn.serialization import parse


def save_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write a state: dicts and lists of tensors, numbers, strings, booleans and None, nested as they come."""
    content = to_bytes(state)
    with replacing(path) as file:
        file.write(content)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a state. Raises ValueError, naming the file, if it is not a checkpoint or was damaged."""
    try:
        state: dict[str, Any] = from_bytes(*parse(path.read_bytes()))
    except ValueError as error:
        raise ValueError(f"{path}: not a checkpoint, or damaged: {error}") from error
    return state
