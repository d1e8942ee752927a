"""Save and load weights, states and checkpoints: safetensors files, which run no code when read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from tinygrad_cnn.storage.atomic_files import atomic_write
from tinygrad_cnn.storage.nested_state import from_bytes, to_bytes
from tinygrad_cnn.storage.objects import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from tinygrad_cnn.storage.parse import parse
from tinygrad_cnn.tensor import Tensor

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "load_checkpoint",
    "safe_globals",
    "save",
    "save_checkpoint",
]

File = str | os.PathLike[str] | IO[bytes]


def save(obj: Any, f: File) -> None:
    """Write a ``state_dict``, or nested dicts and lists of tensors, to a safetensors file, whole or not at all.

    A dict of tensors is written as such, for any reader of the format. Beside tensors there may be arrays,
    numbers, strings, booleans, None, paths and namespaces, as in an optimizer's state or ``{"model": ...,
    "epoch": 3}``: what is no tensor then goes into the metadata, as JSON. Of a whole module the file holds the name
    of its class and its attributes. Nothing is ever pickled. Raises TypeError for anything else.

    >>> import tempfile, tinygrad_cnn as tg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tg.save({"weight": tg.ones(2)}, f"{folder}/weights.safetensors")
    ...     tg.load(f"{folder}/weights.safetensors")
    {'weight': tensor([1., 1.])}
    """
    from safetensors.numpy import save as plain

    try:
        if _is_flat(obj):
            content = plain({name: np.asarray(tensor.array, order="C") for name, tensor in obj.items()})
        else:
            content = to_bytes(obj)
    except TypeError as error:
        raise TypeError(f"save: {error}") from error
    if isinstance(f, (str, os.PathLike)):
        with atomic_write(Path(f)) as file:
            file.write(content)
    else:
        f.write(content)


def load(f: File, map_location: Any = None, *, weights_only: bool | None = None, mmap: bool | None = None) -> Any:
    """Read what `save` wrote, or the named tensors of any safetensors file; bfloat16 comes as float32, exactly.

    PyTorch's arguments are taken: tensors are on the CPU whatever map_location says, and no file can run code. A
    whole module is made only if its class is this package's, or declared safe (``add_safe_globals``), or, with
    ``weights_only=False``, defined or imported already. Raises ValueError, naming the file, if it is no such file
    or is damaged.

    >>> import tinygrad_cnn as tg
    >>> import io
    >>> file = io.BytesIO()
    >>> tg.save({"weight": tg.ones(2)}, file)
    >>> _ = file.seek(0)
    >>> tg.load(file)
    {'weight': tensor([1., 1.])}
    """
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return _load(file, os.fspath(f), weights_only is False)
    return _load(f, getattr(f, "name", type(f).__name__), weights_only is False)


def _load(file: IO[bytes], name: Any, trusted: bool) -> Any:
    try:
        arrays, metadata = parse(file)
        if {"state", "sha256"} <= metadata.keys():
            return from_bytes(arrays, metadata, trusted)
        return {name: Tensor(arrays.pop(name)) for name in list(arrays)}
    except ValueError as error:
        raise ValueError(f"load: {name}: {error}") from error


def save_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write a state: dicts and lists of tensors, numbers, strings, booleans and None, nested as they come."""
    content = to_bytes(state)
    with atomic_write(path) as file:
        file.write(content)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a state. Raises ValueError, naming the file, if it is not a checkpoint or was damaged."""
    try:
        with open(path, "rb") as file:
            state: dict[str, Any] = from_bytes(*parse(file))
    except ValueError as error:
        raise ValueError(f"{path}: not a checkpoint, or damaged: {error}") from error
    return state


def _is_flat(obj: Any) -> bool:
    """Return whether the format itself has a place for it: tensors by names, one of which has another use."""
    return isinstance(obj, Mapping) and all(
        isinstance(name, str) and name != "__metadata__" and isinstance(value, Tensor)
        for name, value in obj.items()
    )
