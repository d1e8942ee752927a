"""Weights in files: safetensors, which other libraries read and which can run no code."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cnn.files import replacing
from tinygrad_cnn.tape import Array
from tinygrad_cnn.tensor import Tensor


def save(state_dict: Mapping[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Write named tensors to a safetensors file, whole or not at all.

    Raises TypeError for anything but a dict of tensors.

    >>> import tempfile, tinygrad_cnn as tg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tg.save({"weight": tg.ones(2)}, f"{folder}/weights.safetensors")
    ...     tg.load(f"{folder}/weights.safetensors")
    {'weight': tensor([1., 1.])}
    """
    from safetensors.numpy import save as to_bytes

    if not isinstance(state_dict, Mapping):
        raise TypeError(f"save: wanted a dict of tensors, got {type(state_dict).__name__}")
    for name, value in state_dict.items():
        if not isinstance(name, str) or name == "__metadata__":  # the format has its own use for that name
            raise TypeError(f"save: cannot save under the name {name!r}; wanted another string")
        if not isinstance(value, Tensor):
            raise TypeError(f"save: {name!r} is a {type(value).__name__}; wanted a tensor")
    in_c_order = {name: np.asarray(tensor.array, order="C") for name, tensor in state_dict.items()}
    with replacing(Path(path)) as file:
        file.write(to_bytes(in_c_order))


def load(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read the named tensors of a safetensors file. Raises ValueError, naming the file, if it is not one."""
    with open(path, "rb") as file:
        content = file.read()
    try:
        return {name: Tensor(array) for name, array in parse(content)[0].items()}
    except ValueError as error:
        raise ValueError(f"load: {os.fspath(path)}: {error}") from error


def parse(content: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the arrays and the metadata that a safetensors file holds. Raises ValueError if it is not one.

    No more memory is taken than the file has bytes, whatever its header promises.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        arrays = from_bytes(content)  # checks the header, all but for names that come twice
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")], object_pairs_hook=_unique)
    except (SafetensorError, ValueError, TypeError) as error:
        raise ValueError(f"damaged or not a safetensors file: {error}") from error
    except (KeyError, AttributeError) as error:
        raise ValueError(f"has numbers of a type that NumPy lacks: {error}") from error
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise ValueError(f"has numbers of a type that tensors lack: {name!r} is {array.dtype}")
        if array.dtype == bool and array.view(np.uint8).max(initial=0) > 1:
            raise ValueError(f"damaged: {name!r} has a truth value that is neither 0 nor 1")
    return arrays, header.get("__metadata__", {})


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a name comes twice")
    return result
