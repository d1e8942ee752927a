"""Whether a state that is to be loaded is one of an optimizer, and fits its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from numbers import Real
from typing import Any

import numpy as np

from tinygrad_cnn.optim.options import IMPLEMENTATION
from tinygrad_cnn.support.did_you_mean import did_you_mean
from tinygrad_cnn.tensor import Tensor

ADDED_LATER = {"maximize", "decoupled_weight_decay", *IMPLEMENTATION}
"""Options that states of older versions of PyTorch lack."""

NUMBERS = {"step", "mu_product", "eta", "mu"}
"""What is one number in the state of a parameter; all else has the parameter's shape."""


def check_form(name: str, state_dict: Any) -> None:
    """Raise ValueError unless a state has groups of numbered parameters, and a dict for each number."""
    if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= state_dict.keys():
        raise ValueError(f'{name}: wanted {{"state": ..., "param_groups": ...}}, got {state_dict!r:.60}')
    state, groups = state_dict["state"], state_dict["param_groups"]
    if not isinstance(groups, (list, tuple)) or not all(
        isinstance(group, Mapping) and isinstance(group.get("params"), (list, tuple)) for group in groups
    ):
        raise ValueError(f'{name}: param_groups is {groups!r:.60}; wanted a list of dicts with "params"')
    if not isinstance(state, Mapping) or not all(isinstance(values, Mapping) for values in state.values()):
        raise ValueError(f"{name}: state is {state!r:.60}; wanted a dict for the number of each parameter")


def check_names(name: str, number: Any, values: Mapping[str, Any], known: Mapping[str, bool] | None) -> None:
    """Raise ValueError unless the state of a parameter has the known names, all of those that it always has."""
    if known is None:
        return
    unknown = [key for key in values if key not in known]
    missing = [key for key, always in known.items() if always and key not in values]
    if unknown or (missing and values):
        wrong = f"has {unknown[0]!r}{did_you_mean(str(unknown[0]), known)}" if unknown else f"has no {missing[0]!r}"
        raise ValueError(f"{name}: the state of parameter {number} {wrong}; wanted {', '.join(known)}")


def fitting(name: str, parameter: Tensor, value: Any, is_number: bool) -> Any:
    """Return a copy of an item of state: a number, or a tensor of the parameter's shape and type."""
    if not isinstance(value, (Tensor, np.ndarray)):
        if is_number and not isinstance(value, Real):
            raise ValueError(f"{name} is {value!r:.60}; wanted a number")
        return deepcopy(value)
    wanted = () if is_number else parameter.shape
    if value.shape != wanted:
        raise ValueError(f"{name} has shape {value.shape}, its parameter {parameter.shape}; wanted {wanted}")
    return Tensor(value, parameter.dtype if value.dtype.kind == "f" else None)
