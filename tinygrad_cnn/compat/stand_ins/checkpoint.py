"""``torch.utils.checkpoint``: parts of a model whose results PyTorch computes twice to save memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def checkpoint(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Return what the function gives. Values and gradients are PyTorch's; no memory is saved."""
    for name in ("use_reentrant", "preserve_rng_state", "determinism_check", "debug", "context_fn"):
        options.pop(name, None)
    return function(*args, **options)


def checkpoint_sequential(functions: Sequence[Callable[..., Any]], segments: int, input: Any, **_: Any) -> Any:
    """Return what functions give that are called one after the other."""
    for function in functions:
        input = function(input)
    return input
