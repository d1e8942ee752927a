"""The arguments ``size_average`` and ``reduce`` of losses, which ``reduction`` replaced in PyTorch 0.4.1."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from tinygrad_cnn.tape.watch import warn_user


def with_old_arguments(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a loss also take ``size_average`` and ``reduce``, by name, with PyTorch's meaning and a warning."""

    @wraps(function)
    def call(*args: Any, size_average: bool | None = None, reduce: bool | None = None, **kwargs: Any) -> Any:
        if size_average is not None or reduce is not None:
            kwargs["reduction"] = _reduction(size_average, reduce)
            warn_user(f"size_average and reduce are deprecated; give reduction={kwargs['reduction']!r} instead")
        return function(*args, **kwargs)

    return call


def _reduction(size_average: bool | None, reduce: bool | None) -> str:
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"
