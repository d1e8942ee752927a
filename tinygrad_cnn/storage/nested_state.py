"""Nested state as the bytes of a safetensors file: tensors by name, everything else as JSON in the metadata.

A SHA-256 of both detects damage.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.typing import Array

_TENSOR = "__tensor__"


def to_bytes(state: Any) -> bytes:
    """Return what `from_bytes` makes the state of again, except that tuples come back as lists.

    Raises TypeError for anything but tensors, numbers, strings, booleans and None, in dicts, lists and tuples.
    """
    from safetensors.numpy import save

    arrays: dict[str, Array] = {}
    text = json.dumps(packed(state, "state", arrays))
    content: bytes = save(arrays, {"state": text, "sha256": digest(text, arrays)})
    return content


def from_bytes(arrays: dict[str, Array], metadata: Mapping[str, str]) -> Any:
    """Return the state that a file's arrays, which are used up, and its metadata hold.

    Raises ValueError if it is damaged, or none.
    """
    if not {"state", "sha256"} <= metadata.keys():
        raise ValueError("it holds named tensors and no state")
    if metadata["sha256"] != digest(metadata["state"], arrays):
        raise ValueError("its checksum is wrong")
    try:
        return _unpacked(json.loads(metadata["state"]), arrays)
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def packed(value: Any, name: str, arrays: dict[str, Array]) -> Any:
    """Return a value in JSON's terms: each tensor is moved to ``arrays``, and its name takes its place."""
    if isinstance(value, Tensor):
        arrays[name] = np.asarray(value.array, order="C")
        return {_TENSOR: name}
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, (str, int)):
                raise TypeError(f"{name} has the key {key!r}; wanted strings and integers")
        return {"items": [[key, packed(v, f"{name}.{key}", arrays)] for key, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return [packed(v, f"{name}.{i}", arrays) for i, v in enumerate(value)]
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, (str, int, float, type(None))):
        hint = ", not the module itself but its state_dict()" if hasattr(value, "state_dict") else ""
        raise TypeError(
            f"{name} is a {type(value).__name__}; wanted tensors, numbers, strings, None, in dicts and lists{hint}"
        )
    return plain


def _unpacked(value: Any, arrays: dict[str, Array]) -> Any:
    """Return the value that `packed` took apart. Each array is used once, so that memory is bounded by the file."""
    if isinstance(value, list):
        return [_unpacked(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if _TENSOR in value:
        if value[_TENSOR] not in arrays:
            raise ValueError(f"the state refers to {value[_TENSOR]!r:.60}, which is not there, or a second time")
        return Tensor(arrays.pop(value[_TENSOR]))
    return {key: _unpacked(v, arrays) for key, v in value["items"]}


def digest(text: str, arrays: Mapping[str, Array]) -> str:
    """Return the checksum of the text and the arrays."""
    result = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        result.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode())
        result.update(np.ascontiguousarray(arrays[name]).data)
    return result.hexdigest()
