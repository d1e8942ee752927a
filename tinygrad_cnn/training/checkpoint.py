"""Checkpoints: all that a run needs to go on, in one file that is whole or not there.

The file is safetensors: tensors by name, everything else as JSON in the metadata, with a SHA-256 over both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cnn.files import replacing
from tinygrad_cnn.serialization import parse
from tinygrad_cnn.tape import Array
from tinygrad_cnn.tensor import Tensor

_TENSOR = "__tensor__"


def save_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write a state: dicts and lists of tensors, numbers, strings, booleans and None, nested as they come."""
    from safetensors.numpy import save

    arrays: dict[str, Array] = {}
    text = json.dumps(_packed(state, "state", arrays))
    with replacing(path) as file:
        file.write(save(arrays, {"state": text, "sha256": _digest(text, arrays)}))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a state. Raises ValueError, naming the file, if it is not a checkpoint or was damaged."""
    content = path.read_bytes()
    try:
        arrays, metadata = parse(content)
        text = metadata["state"]
        if metadata["sha256"] != _digest(text, arrays):
            raise ValueError("its checksum is wrong")
        state: dict[str, Any] = _unpacked(json.loads(text), arrays)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: not a checkpoint, or damaged: {error}") from error
    return state


def _packed(value: Any, name: str, arrays: dict[str, Array]) -> Any:
    """Return a value as JSON has it, with tensors moved to ``arrays`` and their names in their place."""
    if isinstance(value, Tensor):
        arrays[name] = np.asarray(value.array, order="C")
        return {_TENSOR: name}
    if isinstance(value, Mapping):
        return {"items": [[key, _packed(v, f"{name}.{key}", arrays)] for key, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_packed(v, f"{name}.{i}", arrays) for i, v in enumerate(value)]
    return value.item() if isinstance(value, np.generic) else value


def _unpacked(value: Any, arrays: Mapping[str, Array]) -> Any:
    if isinstance(value, list):
        return [_unpacked(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if _TENSOR in value:
        return Tensor(arrays[value[_TENSOR]])
    return {key: _unpacked(v, arrays) for key, v in value["items"]}


def _digest(text: str, arrays: Mapping[str, Array]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()
