"""Options of optimizers: numbers that may be tensors, and PyTorch's choices of how it computes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from tinygrad_cnn.support.did_you_mean import did_you_mean
from tinygrad_cnn.tensor import Tensor

IMPLEMENTATION: Mapping[str, Any] = {"foreach": None, "fused": None, "capturable": False, "differentiable": False}
"""PyTorch's options that choose an implementation, and their defaults. Groups keep them; they change nothing."""


def accepted_options(kind: type, accepted: Iterable[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of PyTorch's options of implementation that an optimizer accepts, as given or by default.

    Raises TypeError for any other option, ValueError for ``differentiable=True``: a step is not recorded.
    """
    name = kind.__name__
    for option in given:
        if option not in accepted:
            known = [*inspect.signature(kind).parameters, *accepted]
            raise TypeError(f"{name}: there is no option {option!r}{did_you_mean(option, known)}")
    if given.get("differentiable"):
        raise ValueError(
            f"{name}: differentiable=True is not supported, because steps are not recorded; wanted False, and the "
            "formula of the step written in operations"
        )
    if given.get("foreach") and given.get("fused"):
        raise RuntimeError(f"{name}: foreach and fused cannot both be True")
    return {option: given.get(option, IMPLEMENTATION[option]) for option in accepted}


def number_of(value: Any) -> Any:
    """Return the number in a tensor of one element, and anything else as it is."""
    return value.item() if isinstance(value, Tensor) and value.numel() == 1 else value


def numbers_of(values: Any, count: int) -> list[Any] | None:
    """Return as many numbers as wanted from a sequence of numbers or of tensors of one element, or None."""
    several = [number_of(value) for value in values] if isinstance(values, Sequence) else []
    return several if len(several) == count and all(isinstance(value, Real) for value in several) else None
