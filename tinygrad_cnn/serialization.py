"""Weights in files: safetensors, which other libraries read and which can run no code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tinygrad_cnn.files import replacing
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
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    with open(path, "rb") as file:
        content = file.read()
    try:
        return {name: Tensor(array) for name, array in from_bytes(content).items()}
    except (SafetensorError, ValueError, TypeError) as error:
        raise ValueError(f"load: {os.fspath(path)} is damaged or not a safetensors file: {error}") from error
    except KeyError as error:
        raise ValueError(f"load: {os.fspath(path)} has numbers of a type that NumPy lacks: {error}") from error
