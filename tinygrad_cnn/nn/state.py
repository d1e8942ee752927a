"""Checks whether a state fits the module that is to load it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.nn.parameter import Uninitialized
from tinygrad_cnn.support.did_you_mean import did_you_mean
from tinygrad_cnn.support.dtypes import is_supported
from tinygrad_cnn.tensor import Tensor


class IncompatibleKeys(NamedTuple):
    """The names that a loaded state lacks, and those that the module does not have."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not (self.missing_keys or self.unexpected_keys):
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


def check_state(
    owner: str, own: Mapping[str, Tensor], state: Any, strict: bool, optional: Collection[str] = ()
) -> IncompatibleKeys:
    """Raise one RuntimeError that lists every misfit of a state; optional names are never reported as missing."""
    if not isinstance(state, Mapping):
        raise TypeError(f"{owner}.load_state_dict: wanted a dict of tensors, got {type(state).__name__}")
    missing = [name for name in own if name not in state and name not in optional]
    unexpected = [name for name in state if name not in own]
    wrong = []
    if strict:
        wrong += [f"missing: {name}" for name in missing]
        wrong += [f"unexpected: {name}{did_you_mean(str(name), missing)}" for name in unexpected]
    wrong += [f"{n}: {why}" for n, tensor in own.items() if n in state and (why := _misfit(tensor, state[n]))]
    if wrong:
        lines = "".join(f"\n  {line}" for line in wrong)
        raise RuntimeError(f"{owner}.load_state_dict: the state does not fit, and nothing was loaded{lines}")
    return IncompatibleKeys(missing, unexpected)


def _misfit(own: Tensor, given: Any) -> str | None:
    if not isinstance(given, (Tensor, np.ndarray)):
        return f"is a {type(given).__name__}; wanted a tensor or an array"
    if isinstance(own, Uninitialized) and isinstance(given, Uninitialized):
        return None
    if isinstance(given, Uninitialized):
        return f"is not initialised yet; wanted shape {own.shape}: call the lazy module that it comes from once"
    if np.ma.is_masked(given):
        return "has masked entries; wanted values: array.filled(VALUE)"
    if not isinstance(own, Uninitialized) and given.shape != own.shape:
        return f"has shape {given.shape}; wanted {own.shape}"
    if (given.dtype.kind == "f") != (own.dtype.kind == "f") or not is_supported(given.dtype):
        return f"has numbers of type {given.dtype}; wanted {own.dtype}"
    return None
