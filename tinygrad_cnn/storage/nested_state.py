"""Nested state as the bytes of a safetensors file: arrays by name, everything else as JSON in the metadata.

In JSON, a dict with one key stands for what JSON does not have: ``{"tuple": [1, 2]}``. A SHA-256 detects damage.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import Any

import numpy as np

from tinygrad_cnn.storage import objects
from tinygrad_cnn.support.devices import device
from tinygrad_cnn.support.dtypes import as_dtype
from tinygrad_cnn.tape.record import Operation
from tinygrad_cnn.tensor import Tensor, _leaf
from tinygrad_cnn.typing import Array

_TENSOR = "__tensor__"


def to_bytes(state: Any) -> bytes:
    """Return what `from_bytes` makes the state of again.

    Raises TypeError for anything but tensors, arrays, numbers, strings, booleans, None, paths, types, devices and
    modules, in dicts, lists, tuples, sets and namespaces.
    """
    from safetensors.numpy import save

    arrays: dict[str, Array] = {}
    text = json.dumps(packed(state, "state", arrays))
    content: bytes = save(arrays, {"state": text, "sha256": digest(text, arrays)})
    return content


def from_bytes(arrays: dict[str, Array], metadata: Mapping[str, str], trusted: bool = False) -> Any:
    """Return the state that a file's arrays, which are used up, and its metadata hold.

    Raises ValueError if it is damaged, or none, or if it holds objects of a class that is not declared safe, unless
    the file is trusted.
    """
    if not {"state", "sha256"} <= metadata.keys():
        raise ValueError("it holds named tensors and no state")
    if metadata["sha256"] != digest(metadata["state"], arrays):
        raise ValueError("its checksum is wrong")
    try:
        return _Unpacking(arrays, trusted).value(json.loads(metadata["state"]))
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(str(error)) from error


def packed(value: Any, name: str, arrays: dict[str, Array]) -> Any:
    """Return a value in JSON's terms: each array is moved to ``arrays``, and its name takes its place."""
    return _Packing(arrays).value(value, name)


class _Packing:
    """Takes a value apart. A module, or a tensor of it, that occurs again is told by its number."""

    def __init__(self, arrays: dict[str, Array]) -> None:
        self.arrays = arrays
        self.numbers: dict[int, int] = {}
        self.inside = False  # whether this is an attribute of an object

    def value(self, value: Any, name: str) -> Any:
        if isinstance(value, Tensor):
            return self.leaf(value, name) if self.inside else {_TENSOR: self.array(value.array, name)}
        if isinstance(value, Mapping):
            return {"items": self.items(value, name)}
        if isinstance(value, (list, tuple, set)):
            parts = [self.value(v, f"{name}.{i}") for i, v in enumerate(value)]
            return parts if isinstance(value, list) else {"set" if isinstance(value, set) else "tuple": parts}
        if isinstance(value, np.ndarray):
            return {"array": self.array(value, name)}
        if isinstance(value, tuple(objects.OBJECTS)):
            return self.object(value, name)
        return self.other(value.item() if isinstance(value, np.generic) else value, name)

    def other(self, value: Any, name: str) -> Any:
        if isinstance(value, (str, int, float, type(None))):
            return value
        if isinstance(value, PurePath):
            return {"path": str(value)}
        if isinstance(value, np.dtype):
            return {"dtype": str(value)}
        if isinstance(value, device):
            return {"device": str(value)}
        if isinstance(value, (argparse.Namespace, SimpleNamespace)):
            return {type(value).__name__: self.items(vars(value), name)}
        if isinstance(value, Operation) and Operation.registry.get(value.name) is value:
            return {"operation": value.name}
        named = objects.name_of(value) if callable(value) and self.inside else None
        if named is None:
            wanted = "wanted tensors, numbers, strings, None, in dicts and lists"
            hint = ", not the object itself but its state_dict()" if hasattr(value, "state_dict") else ""
            raise TypeError(f"{name} is a {type(value).__name__}; {wanted}{hint}")
        return {"named": named}

    def array(self, array: Array, name: str) -> str:
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{name} is an array of {array.dtype}; wanted numbers")
        self.arrays[name] = np.asarray(array, order="C")
        return name

    def items(self, mapping: Mapping[Any, Any], name: str) -> list[Any]:
        for key in mapping:
            if not isinstance(key, (str, int)):
                raise TypeError(f"{name} has the key {key!r}; wanted strings and integers")
        return [[key, self.value(v, f"{name}.{key}")] for key, v in mapping.items()]

    def leaf(self, tensor: Tensor, name: str) -> Any:
        if id(tensor) in self.numbers:
            return {"again": self.numbers[id(tensor)]}
        self.numbers[id(tensor)] = len(self.numbers)
        kind = objects.name_of(type(tensor))
        return {"leaf": [kind, self.array(tensor.array, name), tensor.requires_grad]}

    def object(self, value: Any, name: str) -> Any:
        if id(value) in self.numbers:
            return {"again": self.numbers[id(value)]}
        self.numbers[id(value)] = len(self.numbers)
        kind = objects.name_of(type(value))
        if kind is None:
            local = f"{name} is a {type(value).__qualname__}, a class inside a function"
            raise TypeError(f"{local}; save its state_dict()")
        outside, self.inside = self.inside, True
        attributes = self.items(vars(value), name)
        self.inside = outside
        return {"object": [kind, attributes]}


class _Unpacking:
    """Puts together what `_Packing` took apart. Each array is used once, so that memory is bounded by the file."""

    def __init__(self, arrays: dict[str, Array], trusted: bool) -> None:
        self.arrays, self.trusted = arrays, trusted
        self.numbered: list[Any] = []
        self.kinds: dict[str, Callable[[Any], Any]] = {
            _TENSOR: lambda name: Tensor(self.array(name)),
            "again": lambda number: self.numbered[number],
            "array": self.array,
            "device": device,
            "dtype": as_dtype,
            "items": self.items,
            "leaf": lambda parts: self.leaf(*parts),
            "named": objects.find_function,
            "object": lambda parts: self.object(*parts),
            "operation": Operation.registry.__getitem__,
            "path": Path,
            "set": lambda parts: set(self.value(parts)),
            "tuple": lambda parts: tuple(self.value(parts)),
            "Namespace": lambda pairs: argparse.Namespace(**self.items(pairs)),
            "SimpleNamespace": lambda pairs: SimpleNamespace(**self.items(pairs)),
        }

    def value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.value(v) for v in value]
        if not isinstance(value, dict):
            return value
        ((kind, content),) = value.items()
        return self.kinds[kind](content)

    def array(self, name: Any) -> Array:
        if name not in self.arrays:
            raise ValueError(f"the state refers to {name!r:.60}, which is not there, or a second time")
        return self.arrays.pop(name)

    def items(self, pairs: Any) -> dict[Any, Any]:
        return {key: self.value(v) for key, v in pairs}

    def leaf(self, kind: str, name: str, requires_grad: bool) -> Any:
        leaf = _leaf(objects.find_class(kind, (Tensor,), self.trusted), self.array(name).copy(), requires_grad)
        self.numbered.append(leaf)
        return leaf

    def object(self, kind: str, attributes: Any) -> Any:
        made = objects.make(objects.find_class(kind, tuple(objects.OBJECTS), self.trusted))
        self.numbered.append(made)  # before its attributes, which may refer to it
        vars(made).update(self.items(attributes))
        return made


def digest(text: str, arrays: Mapping[str, Array]) -> str:
    """Return the checksum of the text and the arrays."""
    result = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        result.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode())
        result.update(np.ascontiguousarray(arrays[name]).data)
    return result.hexdigest()
