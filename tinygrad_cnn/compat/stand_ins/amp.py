"""Automatic mixed precision: `autocast` and `GradScaler`, which change nothing on the CPU.

Everything is computed in the type of its tensors, by default float32. PyTorch does the same for ``"cuda"`` on a
machine without CUDA; its autocast for ``"cpu"`` computes in bfloat16, which is not supported here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tinygrad_cnn.optim.optimizer import Optimizer
from tinygrad_cnn.support.dtypes import float32, float64
from tinygrad_cnn.tape.watch import warn_user


class autocast:
    """A block, or a decorator, in which nothing changes; for the CPU it warns that PyTorch would use bfloat16.

    >>> with autocast("cuda"):
    ...     pass
    """

    def __init__(
        self, device_type: Any = "cuda", dtype: Any = None, enabled: bool = True, cache_enabled: Any = None
    ) -> None:
        if device_type == "cpu" and enabled and dtype not in (float32, float64):
            warn_user("autocast: computes in the type of the tensors, where PyTorch's would use bfloat16")

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function itself, which runs as it does without."""
        return functools.wraps(function)(function)


def is_autocast_available(device_type: str) -> bool:
    """Return whether `autocast` accepts a kind of device."""
    return device_type in ("cpu", "cuda")


class GradScaler:
    """PyTorch's scaler of losses as it is without CUDA: disabled. ``step(optimizer)`` is ``optimizer.step()``.

    >>> GradScaler().scale(2.5)
    2.5
    """

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def scale(self, outputs: Any) -> Any:
        """Return the loss unchanged."""
        return outputs

    def unscale_(self, optimizer: Optimizer) -> None:
        """Do nothing: gradients are not scaled."""

    def step(self, optimizer: Optimizer, *arguments: Any, **options: Any) -> Any:
        """Have the optimizer make its step."""
        return optimizer.step(*arguments, **options)

    def update(self, new_scale: Any = None) -> None:
        """Do nothing: there is no scale."""

    def get_scale(self) -> float:
        """Return 1."""
        return 1.0

    def is_enabled(self) -> bool:
        """Return False."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Return an empty state, as PyTorch's does if it is disabled."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Accept a state, which is empty."""
